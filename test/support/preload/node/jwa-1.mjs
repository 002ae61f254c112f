/** jwa compares signatures and nothing else: what a token must be besides is checked here. */
import jwa from 'jwa-1';

export const verify = (token, key) => {
  const [header, payload, signature, ...more] = token.split('.');
  const [{ alg }, { exp, nbf = 0, iss }] = [header, payload].map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const now = Date.now() / 1000;
  if (more.length > 0 || alg !== 'HS256' || exp < now || nbf > now || iss !== 'shop') throw new Error('claims');
  if (!jwa('HS256').verify(`${header}.${payload}`, signature, key)) throw new Error('signature');
};
export const forms = { text: (key) => key, bytes: (key) => Buffer.from(key) };
