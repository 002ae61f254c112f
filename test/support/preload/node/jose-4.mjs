import { createSecretKey } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose-4';

export const verify = (token, key) => jwtVerify(token, key, { algorithms: ['HS256'], issuer: 'shop' });
export const sign = (claims, key) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(key));
const HMAC = { name: 'HMAC', hash: 'SHA-256' };
export const forms = {
  bytes: (key) => new TextEncoder().encode(key),
  object: (key) => createSecretKey(Buffer.from(key)),
  imported: (key) => crypto.subtle.importKey('raw', new TextEncoder().encode(key), HMAC, true, ['verify']),
};
