import { createSigner, createVerifier } from 'fast-jwt';

export const verify = (token, key) => createVerifier({ key, algorithms: ['HS256'], allowedIss: 'shop' })(token);
export const sign = (claims, key) => createSigner({ key, algorithm: 'HS256', noTimestamp: true })(claims);
export const forms = { text: (key) => key, bytes: (key) => Buffer.from(key) };
