export { type Claims, type RefusalCode, TokenRefused, type TokenRules } from './claims.ts';
export { claimsOf, expressMiddleware, fastifyHook, nextMiddleware, nextRoute, type TokenPlace } from './http.ts';
export { type KeyInfo, keyInfo, keyInfoMetric } from './key-info.ts';
export {
  type Algorithm,
  type Key,
  type Keyring,
  KeyringError,
  type KeyringSource,
  type KeyringVariables,
  type ReadOptions,
} from './keyring.ts';
export { type MountOptions, mountedKeyring, type Reload } from './mounted.ts';
export { envKeyring, readKeyring } from './read.ts';
