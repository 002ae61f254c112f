import { createSecretKey } from 'node:crypto';
import jwt from 'jsonwebtoken';

export const verify = (token, key) => jwt.verify(token, key, { algorithms: ['HS256'], issuer: 'shop' });
export const sign = (claims, key) => jwt.sign(claims, key, { algorithm: 'HS256' });
export const forms = {
  text: (key) => key,
  bytes: (key) => Buffer.from(key),
  object: (key) => createSecretKey(Buffer.from(key)),
};
