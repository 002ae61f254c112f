import { sign as signJwt, verify as verifyJwt } from 'hono/jwt';

export const verify = (token, key) => verifyJwt(token, key, { alg: 'HS256', iss: 'shop' });
export const sign = (claims, key) => signJwt(claims, key, 'HS256');
