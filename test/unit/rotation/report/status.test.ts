/** What the status says is over, somebody has said or seen. */
import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { statusOf } from '../../../../src/rotation/report/status.ts';
import { facts, STEADY, T0 } from '../builders.ts';

it.each([
  ['nobody has said so', '1', {}, 'AwaitingContainment'],
  ['nobody has said so of one without a nonce', '', {}, 'AwaitingContainment'],
  ['somebody has said so of another one', '1', { 'rekey.dev/compromise-contained': '2' }, 'AwaitingContainment'],
  ['somebody has said so', '1', { 'rekey.dev/compromise-contained': '1' }, 'Acknowledged'],
  ['somebody has said so of one without a nonce', '', { 'rekey.dev/compromise-contained': '' }, 'Acknowledged'],
])('an emergency is contained if a person says so: %s', (_, nonce, annotations, reason) => {
  const emergency = { nonce, reason: 'leak', writtenAt: T0, goneAt: T0 };
  const seen = facts({ ...STEADY, emergency });
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt', annotations }, spec } as unknown as JwtKeyRotation;
  const { conditions = [] } = statusOf(resource, seen, plan(seen));
  expect(conditions.find(({ type }) => type === 'CompromiseContained')?.reason).toBe(reason);
});

it('a condition steers no terminal', () => {
  const seen = facts(STEADY);
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt' }, spec } as unknown as JwtKeyRotation;
  const { conditions = [] } = statusOf(resource, seen, { ...plan(seen), progress: 'waits for \u001b[2J' });
  expect(conditions.find(({ type }) => type === 'Ready')?.message).toBe('waits for \\u001b[2J');
});
