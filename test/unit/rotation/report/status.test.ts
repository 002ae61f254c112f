/** What the status says is over, somebody has said or seen. */
import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { Probe } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { statusOf } from '../../../../src/rotation/report/status.ts';
import { DONE, facts, pod, probeOf, STAGING, STEADY, T0, target } from '../builders.ts';

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

it.each<[string, Keyset, boolean, number, string]>([
  ['of a Secret that was taken over, before it has answered', STEADY, false, 0, 'NotAskedYet'],
  ['of a Secret that was taken over, once it has answered', STEADY, true, 1, 'NoRotationYet'],
  ['in the first rotation, before it has answered', STAGING, false, 0, 'NoRotationYet'],
  ['after a rotation, by an operator that has just started', DONE, false, 1, 'Canary'],
])('a pod counts as acknowledged if that is known: %s', (_, keyset, answered, acked, reason) => {
  const edit = answered ? { probe: probeOf(keyset, keyset.version) } : {};
  const targets = [target('main', ['Verifier'], { pods: [pod('main-1', edit)] })];
  const attempts = keyset === DONE ? { ...keyset.attempts, evidence: 'Observed' as const } : keyset.attempts;
  const seen = facts({ ...keyset, attempts }, { targets });
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt' }, spec } as unknown as JwtKeyRotation;
  const { conditions = [], targets: told } = statusOf(resource, seen, plan(seen));
  expect(told?.[0]?.acked).toBe(acked);
  const verified = conditions.find(({ type }) => type === 'Verified');
  expect(verified?.reason).toBe(reason);
  // what was before rekey has taken the Secret over is not known, nor is what somebody has asked pods beside it
  expect(verified?.message).not.toMatch(/^no rotation has completed yet|has answered a canary yet/);
});

it.each<[string, Keyset, Partial<Probe> | undefined, object | undefined]>([
  [
    'that has not answered, and why',
    STAGING,
    { why: 'it answered 503\u001b' },
    { pod: 'main-1', why: 'it answered 503\\u001b' },
  ],
  ['that was not asked yet', STAGING, undefined, { pod: 'main-1' }],
  ['at rest: nobody waits', STEADY, undefined, undefined],
  ['of an aborted key: nobody waits', { ...STAGING, phase: 'Aborting' }, undefined, undefined],
])('one pod that is waited for is named: %s', (_, keyset, answered, waitingFor) => {
  const probe = answered && { ...probeOf(keyset, keyset.version), answers: new Map(), ...answered };
  const pods = [pod('main-1', { readUpTo: undefined, ...(probe && { probe }) } as never)];
  const seen = facts(keyset, { targets: [target('main', ['Verifier'], { pods })] });
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt' }, spec } as unknown as JwtKeyRotation;
  expect(statusOf(resource, seen, plan(seen)).targets?.[0]?.waitingFor).toEqual(waitingFor);
});
