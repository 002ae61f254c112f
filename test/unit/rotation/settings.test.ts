/** What the API server let in and rekey must refuse: each with the field, what is wrong with it, and what to write. */
import { describe, expect, it } from 'vitest';
import { specFinding } from '../../../src/rotation/settings.ts';
import type { JwtKeyRotationSpec } from '../../../src/rotation/types.ts';

/** As the API server fills it in. */
const SPEC: JwtKeyRotationSpec = {
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

const window = { kind: 'Allow', schedule: '0 3 * * *', duration: '2h' } as const;

const ROWS: readonly (readonly [reason: string, message: string, edit: Partial<JwtKeyRotationSpec>])[] = [
  ['InvalidTimeZone', 'spec.timeZone: "BST" is an abbreviation', { timeZone: 'BST' }],
  [
    'InvalidTimeZone',
    'spec.maintenanceWindows[1].timeZone: "IST" is an abbreviation',
    { maintenanceWindows: [window, { ...window, timeZone: 'IST' }] },
  ],
];

describe('a spec', () => {
  it('has nothing wrong with it as it is in the README', () => expect(specFinding(SPEC)).toBeUndefined());

  it.each(ROWS)('is refused: %s, %s', (reason, message, edit) => {
    expect(specFinding({ ...SPEC, ...edit })).toMatchObject({ reason, message: expect.stringContaining(message) });
  });
});
