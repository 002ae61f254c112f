/** The same with the keyring library: verifies with the key and with the fallbacks. In a service of yours: '@rekey/keyring'. */
import { envKeyring } from '../../../keyring/node/src/index.ts';
import { jsonWebTokens } from '../../../keyring/node/src/jsonwebtoken.ts';

// weak keys are accepted until rekey has rotated the tutorial's key away: then remove this
const keyring = envKeyring({ allowWeakKeys: true });
const tokens = jsonWebTokens(keyring, { issuer: 'remotehive', audience: 'remotehive' });

/** @returns the claims; throws if the token is not good */
export const verify = (token) => tokens.verify(token);
