import jwt from 'jsonwebtoken-8';

export const verify = (token, key) => jwt.verify(token, key, { algorithms: ['HS256'], issuer: 'shop' });
export const sign = (claims, key) => jwt.sign(claims, key, { algorithm: 'HS256' });
export const forms = {
  text: (key) => key,
  bytes: (key) => Buffer.from(key),
};
