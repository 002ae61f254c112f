/** What the planner knew when it decided, as those read it who report the decision. */
import { describe, expect, it } from 'vitest';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import {
  DONE,
  DRAINING,
  facts,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  SETTINGS,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WORKLOAD,
} from '../builders.ts';

const assessmentOf = (keyset: Keyset, edit: Partial<Facts> = {}) => plan(facts(keyset, edit)).assessment;

describe('of a target', () => {
  const counts = (keyset: Keyset, targets: readonly TargetFacts[]) =>
    assessmentOf(keyset, { targets }).targets.map(({ name, acked, missing }) => [name, acked, missing]);

  it('each pod is acknowledged or missing, as the phase asks for it', () => {
    expect(counts(PROMOTING, services(PROMOTING, { main: 2, admin: 3 }))).toEqual([
      ['Deployment/main', 0, 1],
      ['Deployment/autoscraper', 1, 0],
      ['Deployment/admin', 1, 0],
    ]);
    // to verify, both versions are enough
    expect(counts(PROMOTING, services(PROMOTING, { main: 3, admin: 2 })).map(([, acked]) => acked)).toEqual([1, 1, 1]);
  });

  it('a pod at rest is known by its answers, or by its start; one that leaves a question open is not, nor one that has not started', () => {
    const proved = pod('proved', { probe: probeOf(DONE, DONE.version) });
    const silent = pod('silent', { probe: { ...probeOf(DONE, DONE.version), random: 'unknown', failures: 30 } });
    const { startedAt: _, ...waiting } = pod('waiting');
    const pods = [proved, pod('unasked'), silent, waiting];
    expect(counts(DONE, [target('main', ['Verifier'], { pods })])).toEqual([['Deployment/main', 2, 2]]);
  });

  it('no pod is missing where nothing is required, and every pod is while the Secret cannot be read', () => {
    const signer = target('signer', ['Signer'], { pods: [pod('signer-1'), pod('signer-2')] });
    expect(counts(STAGING, [signer])).toEqual([['Deployment/signer', 0, 0]]);
    const finding = { reason: 'ForeignWriter', message: 'somebody wrote' } as const;
    const unread = facts(STAGING, { targets: [signer], secret: { kind: 'Refused', finding } });
    expect(plan(unread).assessment.targets).toMatchObject([{ acked: 0, missing: 2, hasAnswered: false }]);
  });

  it.each([
    ['all of its pods', [T0 + 1, T0 + 5], T0 + 5],
    ['some of its pods', [T0 + 1], undefined],
    ['no pod', [], undefined],
  ])('the time is known at which %s had answered', (_, times, answeredAt) => {
    const pods = [0, 1].map((i) => {
      const at = times[i];
      return pod(`main-${i}`, at === undefined ? {} : { probe: probeOf(DONE, DONE.version, at) });
    });
    const [main] = assessmentOf(DONE, { targets: [target('main', ['Verifier'], { pods })] }).targets;
    expect(main?.answeredAt).toBe(answeredAt);
  });
});

it('what a pod proves is dated by its newest answer, and as fresh as its oldest one', () => {
  const probe = { ...probeOf(PROMOTING, PROMOTING.version, T0 + 1), heardAt: T0 + 30_000, askedAt: T0 + 30_000 };
  const pods = [pod('main-1', { probe, templateVersion: PROMOTING.version, startedAt: T0 - 20_000 })];
  const main = target('main', ['Signer', 'Verifier'], { pods, workload: { ...WORKLOAD, templateVersion: 3 } });
  const at = (now: number) => plan(facts(PROMOTING, { now, targets: [main] }));
  const [found] = at(T0 + 40_000).assessment.targets;
  expect(found?.answeredAt).toBe(T0 + 30_000);
  expect(found?.holding).toEqual([{ name: 'main-1', provedAt: T0 + 30_000 }]);
  expect([T0 + 40_000, T0 + 60_001].map((now) => at(now).action.type)).toEqual(['write', 'probe']);
});

describe('of the rotation', () => {
  const begun = { ...SETTINGS, drainMs: SETTINGS.drainMs - 60_000 };

  it.each<[string, Keyset, boolean, number | undefined]>([
    ['at rest', STEADY, false, undefined],
    ['before the drain', PROMOTING, true, undefined],
    ['in the drain', DRAINING, true, T0 + SETTINGS.drainMs],
    ['after the drain', RETIRING, false, undefined],
  ])('the drain is the one that it began with, and has its end once its start is known: %s', (_, keyset, has, at) => {
    const { drain, retireAt } = assessmentOf(keyset, { settings: begun });
    expect(drain).toEqual(has ? { lastsMs: SETTINGS.drainMs, text: '1h 16m' } : undefined);
    expect(retireAt).toBe(at);
  });

  it('what was refused before is no news', () => {
    const targets = services(PROMOTING, { main: 2, admin: 2 });
    const refusal = { cause: 'Rights', said: 'no', count: 1, made: 0, since: T0, triedAt: T0, retryAt: T0 } as const;
    const refused = (effect: string) => assessmentOf(PROMOTING, { targets, refusals: [{ ...refusal, effect }] });
    expect(refused('restart Deployment/main for version 3').refusedBefore).toBe(true);
    expect(refused('restart Deployment/main for version 2').refusedBefore).toBe(false);
  });

  it('an emergency is known from the moment that it is asked for', () => {
    const emergency = { nonce: '1', reason: 'leaked', actor: 'alice', handled: false };
    expect(assessmentOf(STEADY).emergency).toBe(false);
    expect(assessmentOf(STEADY, { requests: { emergency } }).emergency).toBe(true);
  });
});
