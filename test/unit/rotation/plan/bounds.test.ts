/** What disturbs has a bound, whatever pods answer and however often anybody looks. */
import { describe, expect, it } from 'vitest';
import type { Answer, PodFacts, TargetFacts } from '../../../../src/rotation/facts.ts';
import { currentShape, type Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import {
  DRAINING,
  facts,
  keysetAfter,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  SETTLE_MS,
  SETTLED,
  services,
  T0,
  WRITES,
} from '../builders.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** Answers of a pod: these keys are accepted, every other one that it is asked about is refused. */
function answers(keyset: Keyset, accepts: readonly string[], also: readonly string[] = []): PodFacts['probe'] {
  return { ...probeOf(keyset, keyset.version), answers: answered(keyset, accepts, also) };
}

function answered(keyset: Keyset, accepts: readonly string[], also: readonly string[]): ReadonlyMap<string, Answer> {
  const kids = [...keyset.keys.map(({ kid }) => kid), ...also];
  return new Map(kids.map((kid): [string, Answer] => [kid, accepts.includes(kid) ? 'accepted' : 'refused']));
}

/** Every pod of `main` is replaced as often as the planner says so; each successor answers the same. */
function replacements(keyset: Keyset, probe: PodFacts['probe'], until: number): { count: number; told: Set<string> } {
  const told = new Set<string>();
  let count = 0;
  let createdAt = T0 - HOUR;
  for (let now = T0; now <= until; now += SECOND) {
    const one = pod('main-1', {
      ...{ createdAt, startedAt: createdAt, readUpTo: createdAt - SETTLE_MS, templateVersion: keyset.version },
      ...(probe && { probe: { ...probe, at: now, askedAt: now } }),
    });
    const targets = edited(services(keyset, { main: keyset.version, admin: keyset.version }, now), [one]);
    const { action, stalled } = plan(facts(keyset, { targets, now }));
    if (stalled !== undefined) told.add(stalled.reason);
    if (action.type !== 'evict' && action.type !== 'delete') continue;
    if (!action.pods.some((row) => row.pod.name === 'main-1')) continue;
    count += 1;
    createdAt = now;
  }
  return { count, told };
}

function edited(targets: readonly TargetFacts[], pods: readonly PodFacts[]): readonly TargetFacts[] {
  return targets.map((target) => (target.settings.name === 'main' ? { ...target, pods } : target));
}

const burn: Write = {
  transition: 'burn',
  nonce: '1',
  rotation: { ...WRITES.stage.rotation, trigger: 'Emergency' },
  version: 0,
};
const BURNING = keysetAfter([WRITES.adopt, WRITES.stage, burn]);
const sign = (keyset: Keyset) => currentShape(keyset).sign;
const ack = (keyset: Keyset) => keyset.keys.find(({ state }) => state === 'ack')?.kid ?? '';

describe('a pod is replaced', () => {
  it.each([
    ['once more at most, where it seems to have read an older Secret', PROMOTING, probeOf(PROMOTING, 2), 2, 'PodStale'],
    [
      'once more at most, where it seems to have read the Secret before the old key had left it',
      RETIRING,
      answers(RETIRING, ['B', 'A'], ['A']),
      2,
      'PodStale',
    ],
    [
      'not at all, where it has loaded the newest and has the old key from elsewhere',
      RETIRING,
      answers(RETIRING, ['B', 'N4', 'A'], ['A']),
      0,
      'KeyStillAccepted',
    ],
    [
      'once, where a version that knows one key was deployed while tokens drain',
      DRAINING,
      answers(DRAINING, ['B']),
      1,
      'SingleKeyService',
    ],
  ] as const)('%s', (_, keyset, probe, most, reason) => {
    const { count, told } = replacements(keyset, probe, T0 + 2 * HOUR);
    expect(count).toBe(most);
    expect([...told]).toContain(reason);
  });

  it.each([
    ['holds the keyset of before', PROMOTING, answers(PROMOTING, ['A', 'B']), true],
    ['holds the one of before, with the key that has left', RETIRING, answers(RETIRING, ['A', 'B'], ['A']), true],
    ['has loaded the newest and lacks a key of it', PROMOTING, answers(PROMOTING, ['B', 'N3']), false],
    ['accepts what no keyset has', PROMOTING, answers(PROMOTING, ['A']), false],
  ] as const)('once more when PodStale says so, and never where it does not, if it %s', (_, keyset, probe, again) => {
    const late = SETTLED + SECOND;
    const [from, { version }] = [{ createdAt: late, startedAt: late, readUpTo: late - SETTLE_MS }, keyset];
    const at = (now: number) => {
      const one = pod('main-1', {
        ...{ ...from, templateVersion: version },
        ...(probe && { probe: { ...probe, at: now, askedAt: now } }),
      });
      const targets = edited(services(keyset, { main: version, admin: version }, now), [one]);
      return plan(facts(keyset, { targets, now }));
    };
    const { stalled } = at(late + SECOND);
    expect(stalled).toMatchObject({ reason: 'PodStale' });
    const [, told] = /rekey replaces it once more at (\S+)$/.exec(stalled?.message ?? '') ?? [];
    const after = at(told === undefined ? T0 + HOUR : Date.parse(told));
    expect([told !== undefined, after.action.type === 'evict']).toEqual([again, again]);
  });

  it('in an emergency once, where its successors have a burnt key from elsewhere', () => {
    const { count, told } = replacements(
      BURNING,
      answers(BURNING, [sign(BURNING), ack(BURNING), 'A'], ['A']),
      T0 + 2 * HOUR,
    );
    expect(count).toBe(1);
    expect([...told]).toEqual(['KeyStillAccepted']);
  });

  it('in an emergency at once, where it was created before the write and has read the Secret long before it started', () => {
    const old = { createdAt: T0 - SECOND, startedAt: T0 + HOUR, readUpTo: T0 + HOUR, templateVersion: BURNING.version };
    const probe = { ...probeOf(BURNING, BURNING.version, T0 + HOUR), answers: answered(BURNING, ['A'], ['A']) };
    const one = pod('main-1', { ...old, probe });
    const targets = edited(services(BURNING, { main: BURNING.version, admin: BURNING.version }, T0 + HOUR), [one]);
    const { action } = plan(facts(BURNING, { targets, now: T0 + HOUR + SECOND }));
    expect(action).toMatchObject({ type: 'delete', pods: [{ pod: { name: 'main-1' } }] });
  });

  it('in an emergency three times at most, whatever it answers', () => {
    for (const probe of [answers(BURNING, ['A'], ['A']), answers(BURNING, [], ['A']), undefined]) {
      expect(replacements(BURNING, probe, T0 + 2 * HOUR).count).toBeLessThanOrEqual(3);
    }
  });
});

describe('a way back', () => {
  const failure = { reason: 'AbortRequested', message: 'asked for' };
  const back: readonly Write[] = [
    ...[WRITES.adopt, WRITES.stage, WRITES.promote],
    { transition: 'rollback', acked: { Signer: 2, Verifier: 2 }, failure, handled: { abortAt: 'x' } },
  ];
  const rolledBack = keysetAfter(back);
  const single = (edit: Partial<PodFacts> = {}) =>
    pod('main-1', {
      ...{ createdAt: SETTLED, startedAt: SETTLED, readUpTo: T0, templateVersion: 4 },
      ...{
        probe: { ...probeOf(rolledBack, 4, SETTLED), ...answers(rolledBack, ['A']), at: SETTLED, askedAt: SETTLED },
      },
      ...edit,
    });

  it('is not held up by a service that knows one key only, if that is the one to go back to', () => {
    const targets = edited(services(rolledBack, { main: 4, admin: 4 }, SETTLED), [single()]);
    expect(plan(facts(rolledBack, { targets, now: SETTLED })).action).toMatchObject({ write: { transition: 'drain' } });
  });

  it('is not held up by it either once the other key is gone and forgotten, and that is named as inferred', () => {
    const acked = { Signer: 4, Verifier: 4 };
    const retiring = keysetAfter([...back, { transition: 'drain', acked }, { transition: 'retire', acked }]);
    const probe = { ...probeOf(retiring, 5, SETTLED), answers: answered(retiring, ['A'], ['B']) };
    const one = single({ templateVersion: 5, probe });
    const targets = edited(services(retiring, { main: 5, admin: 5 }, SETTLED), [one]);
    expect(plan(facts(retiring, { targets, now: SETTLED })).action).toMatchObject({
      write: {
        transition: 'finish',
        outcome: 'RolledBack',
        inferred: expect.stringContaining('main: accepts only the key in use'),
      },
    });
  });

  it('is held up by one of which it is not known when it started', () => {
    const targets = edited(services(rolledBack, { main: 4, admin: 4 }, SETTLED), [single({ readUpTo: T0 - 1 })]);
    expect(plan(facts(rolledBack, { targets, now: SETTLED })).action.type).not.toBe('write');
  });
});
