import { expressjwt } from 'express-jwt';

export const verify = (token, secret) =>
  new Promise((resolve, reject) => {
    const request = { method: 'GET', headers: { authorization: `Bearer ${token}` } };
    const handler = expressjwt({ secret, algorithms: ['HS256'], issuer: 'shop' });
    void handler(request, {}, (error) => (error ? reject(error) : resolve()));
  });
