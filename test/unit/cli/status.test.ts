/** What `status` tells of how long a rotation lasts, and of its targets. */
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

it.each(['KeyResurrected', 'ForeignWriter'])(
  'no key is said to be in a Secret that is not what rekey wrote: %s',
  (reason) => {
    const spec = { environment: 'test', secretName: 'jwt', maxTokenTTL: '20s', clockSkew: '60s', retire: {} };
    const ready = { type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const status = { keysetVersion: 5, currentKeyId: 'k-1', conditions: [ready] };
    const resource = { metadata: { namespace: 'shop', name: 'jwt' }, spec, status } as unknown as JwtKeyRotation;
    expect(statusText(resource, 0)).toContain(
      `rekey wrote k-1 (keyset version 5), but Secret jwt holds something else: ${reason}`,
    );
  },
);

it('where no copies of a key were searched is said once', () => {
  const spec = { environment: 'test', secretName: 'jwt', maxTokenTTL: '20s', clockSkew: '60s', retire: {} };
  const emergency = { nonce: 'n', reason: '', writtenAt: '2026-01-01T00:00:00Z', residueIncomplete: 'not searched: x' };
  const resource = { metadata: { namespace: 'shop', name: 'jwt' }, spec, status: { emergency } };
  expect(statusText(resource as unknown as JwtKeyRotation, 0)).toMatch(/search incomplete +not searched: x\n/);
});

it('the version of a target is that of its last restart, which an emergency leaves as it was', () => {
  const target = { kind: 'Deployment', pods: 2, ready: 2, acked: 2, level: 'Canary' } as const;
  const targets = [
    { ...target, name: 'api', version: 4 },
    { ...target, name: 'job', version: 0 },
  ];
  const spec = { environment: 'test', secretName: 'jwt', maxTokenTTL: '20s', clockSkew: '60s', retire: {} };
  const metadata = { namespace: 'shop', name: 'jwt' };
  const resource = { metadata, spec, status: { keysetVersion: 5, targets } } as unknown as JwtKeyRotation;
  const text = statusText(resource, 0);
  expect(text).toContain('keyset version 5');
  expect(text).toMatch(/TARGET +READY +ACKNOWLEDGED +RESTARTED FOR +HOW/);
  expect(text).toMatch(/Deployment\/api +2\/2 +2\/2 +4 +Canary/);
  expect(text).toMatch(/Deployment\/job +2\/2 +2\/2 +– +Canary/);
});
