import type { JwtKeyRotationSpec } from '../../../src/rotation/api/types.ts';

/** A spec as the API server gives it back, in which nothing is wrong. */
export const SPEC: JwtKeyRotationSpec = {
  secretName: 'jwt',
  environment: 'production',
  rotationPeriod: '90d',
  timeZone: 'UTC',
  startingDeadlineSeconds: 86_400,
  suspend: false,
  strategy: 'Auto',
  allowCutover: false,
  preStage: false,
  maxTokenTTL: '1h',
  clockSkew: '60s',
  retire: { mode: 'Eager' },
  key: { bytes: 32, format: 'Hex', algorithm: 'HS256' },
  secretKeys: {
    signing: ['JWT_SECRET_KEY', 'JWT_SECRET'],
    fallbacks: 'JWT_SECRET_KEY_FALLBACKS',
    previous: '',
    keyset: '',
  },
  targets: [{ kind: 'Deployment', name: 'api', roles: ['Signer', 'Verifier'], source: 'Env' }],
  canary: { claims: {} },
  unlistedConsumers: 'Block',
  rolloutTimeout: '10m',
  emergency: { mode: 'FailClosed' },
  forceRotation: { reason: '' },
  successfulRotationsHistoryLimit: 3,
  failedRotationsHistoryLimit: 3,
};
