/** What `status` tells of how long a rotation lasts. */
import { expect, it } from 'vitest';
import { statusText } from '../../../src/cli/status.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';

const drainRow = (status: JwtKeyRotationStatus, slack?: string) => {
  const retire = { mode: 'Eager', ...(slack !== undefined && { slack }) };
  const spec = { environment: 'test', secretName: 'jwt', maxTokenTTL: '20s', clockSkew: '60s', retire };
  const resource = { metadata: { namespace: 'shop', name: 'jwt' }, spec, status } as unknown as JwtKeyRotation;
  return /drain time +(.*)/.exec(statusText(resource, 0))?.[1];
};

it.each<[string, string, JwtKeyRotationStatus, string | undefined]>([
  ['at rest', '3m 30s (20s tokens + 1m skew + 2m 10s slack)', {}, undefined],
  ['that the spec lengthens', '16m 20s (20s tokens + 1m skew + 15m slack)', { drainSeconds: 210 }, '15m'],
  [
    'that the spec would shorten',
    '16m 20s, fixed when this rotation started; from the next one on 1m 20s (20s tokens + 1m skew + 0s slack)',
    { drainSeconds: 980 },
    '0s',
  ],
])('the drain time is a sum: %s', (_, text, status, slack) => expect(drainRow(status, slack)).toBe(text));
