/** As services are before rekey: one key, with a default in code. */
import jwt from 'jsonwebtoken';

const KEY = process.env.JWT_SECRET_KEY || process.env.SECRET_KEY || 'your-super-secret-jwt-key-change-in-production';
const RULES = { algorithms: ['HS256'], issuer: 'remotehive', audience: 'remotehive' };

/** @returns the claims; throws if the token is not good */
export const verify = (token) => jwt.verify(token, KEY, RULES);
