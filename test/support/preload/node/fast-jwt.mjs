import { createSigner, createVerifier } from 'fast-jwt';

/** As a service makes it once, with its key. */
const verifiers = new Map();
const verifierOf = (key) => {
  if (!verifiers.has(key)) verifiers.set(key, createVerifier({ key, algorithms: ['HS256'], allowedIss: 'shop' }));
  return verifiers.get(key);
};
export const verify = (token, key) => verifierOf(key)(token);
export const sign = (claims, key) => createSigner({ key, algorithm: 'HS256', noTimestamp: true })(claims);
export const forms = { text: (key) => key, bytes: (key) => Buffer.from(key) };
