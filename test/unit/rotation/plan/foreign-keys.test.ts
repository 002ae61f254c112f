/** Pods that started while somebody else's key stood in the Secret. */
import { describe, expect, it } from 'vitest';
import type { PodFacts } from '../../../../src/rotation/facts.ts';
import { currentShape } from '../../../../src/rotation/keyset/keyset.ts';
import { EMPTY_LEDGER, type Ledger } from '../../../../src/rotation/keyset/ledger.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { DONE, facts, pod, probeOf, SETTINGS, SETTLE_MS, T0, target } from '../builders.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const FOREIGN = { dataKey: 'KEYS', fingerprints: ['fp-X'], since: T0 + HOUR, until: T0 + HOUR + 2 * SECOND };
const SKEW = SETTINGS.clockSkewMs;
const NOW = T0 + 3 * HOUR;

function findingOf(pods: readonly PodFacts[], foreign = [FOREIGN] as const, source: 'Env' | 'File' = 'Env') {
  const one = target('main', ['Signer', 'Verifier']);
  const targets = [{ ...one, settings: { ...one.settings, source }, pods }];
  return plan(facts(DONE, { now: NOW, targets, ledger: { ...EMPTY_LEDGER, foreign } })).blocked;
}

const started = (startedAt: number, name = 'main-1') =>
  pod(name, { startedAt, probe: probeOf(DONE, DONE.version, NOW), templateVersion: DONE.version });

describe('a pod that may have read a key of somebody else', () => {
  it.each([
    ['started meanwhile', FOREIGN.since, true],
    ['started within the skew of its clock before', FOREIGN.since - SKEW, true],
    ['started on a node that may have lagged', FOREIGN.until + SETTLE_MS - 1, true],
    ['started before', FOREIGN.since - SKEW - SECOND, false],
    ['started when every node had the Secret of before again', FOREIGN.until + SETTLE_MS + SKEW, false],
  ])('is named if it %s', (_, startedAt, isNamed) => {
    const found = findingOf([started(startedAt)]);
    expect(found?.reason).toBe(isNamed ? 'ForeignWriter' : undefined);
    if (!isNamed) return;
    expect(found?.message).toContain('data key KEYS held a key that rekey had not put there, from 2');
    expect(found?.message).toMatch(
      /again: main-1\. Restart them: kubectl rollout restart deployment\/main -n NAMESPACE$/,
    );
  });

  it('is not named if it has proved to have loaded what was written afterwards', () => {
    const { writtenAt } = currentShape(DONE);
    const before = [{ ...FOREIGN, since: writtenAt - 2 * SECOND, until: writtenAt }] as const;
    const one = started(writtenAt + SECOND);
    expect(findingOf([one], before)).toBeUndefined();
    const { probe: _, ...unasked } = one;
    expect(findingOf([unasked], before)?.reason).toBe('ForeignWriter');
    expect(findingOf([one], [{ ...before[0], until: writtenAt + 1 }])?.reason).toBe('ForeignWriter');
  });

  it('is to be restarted once that helps, and a pass says when that is', () => {
    const one = target('main', ['Signer', 'Verifier'], { pods: [started(FOREIGN.since)] });
    const at = (now: number, foreign: Ledger['foreign']) => {
      const { action, blocked } = plan(facts(DONE, { now, targets: [one], ledger: { ...EMPTY_LEDGER, foreign } }));
      return [action, blocked?.message.replace(/^.*(Restart them)/, '$1').replace(/: .*/, '')];
    };
    const { until: _, ...open } = FOREIGN;
    const spread = FOREIGN.until + SETTLE_MS + SKEW + SECOND;
    const wait = [{ type: 'wait', until: spread }, `Restart them after ${new Date(spread).toISOString()}`];
    expect(at(FOREIGN.until, [open])).toEqual(wait);
    expect(at(spread - 1, [FOREIGN])).toEqual(wait);
    expect(at(spread, [FOREIGN])).toEqual([{ type: 'wait' }, 'Restart them']);
  });

  it('is named with few others, however many there are', () => {
    const pods = Array.from({ length: 40 }, (_, i) => started(FOREIGN.since, `main-${i}`));
    expect(findingOf(pods)?.message).toContain(': main-0, main-1, main-2, main-3, main-4 and 35 more.');
  });

  it('is not named where files follow the Secret, nor once the key was adopted', () => {
    const pods = [started(FOREIGN.since)];
    expect(findingOf(pods, [FOREIGN], 'File')?.reason).not.toBe('ForeignWriter');
    expect(findingOf(pods, [{ ...FOREIGN, fingerprints: ['fp-B'] }])).toBeUndefined();
    // somebody has edited the ledger
    expect(findingOf(pods, [{ ...FOREIGN, until: NOW + HOUR }])).toBeUndefined();
  });

  it('holds no rotation up: that restarts the pods', () => {
    const one = target('main', ['Signer', 'Verifier'], { pods: [started(FOREIGN.since)] });
    const world = { now: NOW, targets: [one], ledger: { ...EMPTY_LEDGER, foreign: [FOREIGN] } };
    const { action, blocked } = plan(facts(DONE, { ...world, requests: { rotateAt: 'now' } }));
    expect([action.type, blocked]).toEqual(['write', undefined]);
  });
});
