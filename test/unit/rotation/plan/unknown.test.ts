/** What was not observed is not known: unknown is never a yes and never a no. */
import { describe, expect, it } from 'vitest';
import type { Answer, Facts, PodFacts, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
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
  SETTINGS,
  SETTLE_MS,
  SETTLED,
  STAGING,
  services,
  T0,
  target,
  WRITES,
} from '../builders.ts';

const burn: Write = {
  transition: 'burn',
  nonce: '1',
  rotation: { ...WRITES.stage.rotation, trigger: 'Emergency' },
  version: 0,
};
const BURNING = keysetAfter([WRITES.adopt, WRITES.stage, burn]);

function withAnswers(targets: readonly TargetFacts[], change: (probe: NonNullable<PodFacts['probe']>) => object) {
  return targets.map((one) => ({
    ...one,
    pods: one.pods.map((each) => (each.probe ? { ...each, probe: { ...each.probe, ...change(each.probe) } } : each)),
  }));
}

/** All pods are new and hold the newest keyset. */
function healthy(keyset: Keyset): readonly TargetFacts[] {
  return services(keyset, { main: keyset.version, admin: keyset.version }, SETTLED).map((one) => ({
    ...one,
    pods: one.pods.map((each) => ({ ...each, createdAt: T0 + 1_000, startedAt: T0 + 1_000, readUpTo: T0 - 9_000 })),
  }));
}

const writes = (keyset: Keyset, edit: Partial<Facts>) => {
  const { action } = plan(facts(keyset, { now: T0 + SETTINGS.drainMs, ...edit }));
  return action.type === 'write' ? action.write.transition : undefined;
};

describe('a key is dead', () => {
  it.each([
    ['retired', RETIRING, 'finish'],
    ['burnt', BURNING, 'extinguish'],
  ] as const)('on a pod when the pod has refused it: %s', (_, keyset, transition) => {
    const at = T0 + SETTINGS.drainMs;
    const asked = (answer: Answer) =>
      withAnswers(healthy(keyset), ({ answers }) => ({
        at,
        askedAt: at,
        answers: new Map([...answers, ['A', answer]]),
      }));
    expect(writes(keyset, { targets: asked('refused') })).toBe(transition);
    expect(writes(keyset, { targets: asked('unknown') })).toBeUndefined();
    expect(writes(keyset, { targets: asked('accepted') })).toBeUndefined();
  });

  it.each([STAGING, PROMOTING, DRAINING, RETIRING, BURNING])(
    'and the made-up keys must be refused, in every phase',
    (keyset) => {
      const at = T0 + SETTINGS.drainMs;
      const known = withAnswers(healthy(keyset), () => ({ at, askedAt: at }));
      const open = withAnswers(known, () => ({ random: 'unknown' }));
      expect(writes(keyset, { targets: known })).toBeDefined();
      expect(writes(keyset, { targets: open })).toBeUndefined();
    },
  );

  it('is said to be concluded where nobody could be asked', () => {
    const minter = target('minter', ['Signer'], { pods: [pod('minter-1', { createdAt: SETTLED, readUpTo: T0 })] });
    const at = T0 + SETTINGS.drainMs;
    const asked = withAnswers(healthy(BURNING), ({ answers }) => ({
      ...{ at, askedAt: at, answers: new Map([...answers, ['A', 'refused'], ['B', 'refused'], ['N2', 'refused']]) },
    }));
    const ends = (edit: Partial<Facts>) => plan(facts(BURNING, { now: at, ...edit })).action;
    expect(ends({ targets: asked })).toEqual({
      type: 'write',
      write: { transition: 'extinguish', acked: { Signer: 3, Verifier: 3 }, inferred: undefined },
    });
    expect(ends({ targets: [...asked, minter] })).toMatchObject({
      write: { inferred: expect.stringContaining('Deployment/minter: inferred from the start of its containers') },
    });
    expect(ends({ targets: asked, unlistedConsumers: ['Deployment/worker'] })).toMatchObject({
      write: { inferred: expect.stringContaining('Deployment/worker: reads a key of the Secret and is not a target') },
    });
    // B is known from the ledger, the Secret that was burnt came from a backup
    const oneUnasked = withAnswers(asked, ({ answers }) => ({
      answers: new Map([...answers].filter(([kid]) => kid !== 'B')),
    }));
    expect(ends({ targets: oneUnasked })).toMatchObject({
      write: { inferred: expect.stringContaining('was not asked about every earlier key') },
    });
    const bytesLost = withAnswers(healthy(BURNING), () => ({ at, askedAt: at }));
    expect(ends({ targets: bytesLost })).toMatchObject({
      write: { inferred: expect.stringContaining('was not asked about every earlier key') },
    });
  });

  it('is not proved by there being no pod at the moment', () => {
    const empty = healthy(BURNING).map((one) => ({
      ...one,
      pods: [],
      ...(one.workload && { workload: { ...one.workload, rolledOut: false } }),
    }));
    const { action, progress } = plan(facts(BURNING, { targets: empty }));
    expect([action.type, progress]).toEqual([
      'wait',
      'Deployment/main has no pod yet to prove that it refuses every burnt key',
    ]);
  });
});

describe('nothing is concluded from times', () => {
  const blind = (readUpTo: number | undefined) => {
    const one = pod('main-1', { createdAt: SETTLED, startedAt: SETTLED, templateVersion: 2 });
    const { readUpTo: _, ...unknown } = one;
    const settings = { ...target('main', ['Signer', 'Verifier']).settings };
    const { canary: __, ...noCanary } = settings as typeof settings & { canary?: unknown };
    const base = target('main', ['Signer', 'Verifier']);
    const workload = base.workload && { ...base.workload, templateVersion: 2 };
    return [
      {
        ...base,
        ...(workload && { workload }),
        settings: noCanary,
        pods: [readUpTo === undefined ? unknown : { ...unknown, readUpTo }],
      },
    ] as TargetFacts[];
  };

  it('that are not known, or do not suffice', () => {
    const promoted = (readUpTo: number | undefined) => writes(STAGING, { targets: blind(readUpTo), now: SETTLED });
    expect(promoted(T0)).toBe('promote');
    expect(promoted(T0 - 1)).toBeUndefined();
    expect(promoted(undefined)).toBeUndefined();
  });

  it.each(['promote', 'drain', 'retire', 'finish', 'extinguish'])(
    'while the clock of the API server is unknown or off: %s',
    (transition) => {
      const keyset = { promote: STAGING, drain: PROMOTING, retire: DRAINING, finish: RETIRING, extinguish: BURNING }[
        transition
      ] as Keyset;
      const at = T0 + SETTINGS.drainMs;
      const targets = withAnswers(healthy(keyset), () => ({ at, askedAt: at }));
      expect(writes(keyset, { targets })).toBe(transition);
      const { clockOffsetMs: _, ...untold } = facts(keyset, { targets, now: at });
      const off = facts(keyset, { targets, now: at, clockOffsetMs: -90_000 });
      for (const world of [untold, off]) {
        const { action, stalled } = plan(world);
        expect([action.type, stalled?.reason]).toEqual(['wait', 'ClockSkew']);
      }
    },
  );
});

describe('in an emergency a pod near the time of the write', () => {
  const near = (edit: Partial<PodFacts>) =>
    services(BURNING, { main: 3, admin: 3 }, SETTLED).map((one) => ({
      ...one,
      pods: one.pods.map((each) => {
        const { probe: _, ...unasked } = each;
        return { ...unasked, createdAt: T0 - 3_600_000, startedAt: T0 - 4_000, readUpTo: T0 - 74_000, ...edit };
      }),
    }));
  const decide = (targets: readonly TargetFacts[], now = T0 + 1_000) =>
    plan(facts(BURNING, { targets, now })).action.type;

  it('is asked before it is deleted, since the clock of its node may be off', () => {
    expect(decide(near({}))).toBe('probe');
    const answered = probeOf(BURNING, 3, T0 + 1_000);
    expect(
      decide(near({ probe: { ...answered, answers: new Map([...answered.answers, ['A', 'refused']]) } })),
    ).not.toBe('delete');
  });

  it('is deleted if it accepts a burnt key, or does not answer', () => {
    const answered = probeOf(BURNING, 3, T0 + 1_000);
    const older = new Map<string, Answer>([
      ...[...answered.answers.keys()].map((kid): [string, Answer] => [kid, 'refused']),
      ['A', 'accepted'],
    ]);
    expect(decide(near({ probe: { ...answered, answers: older } }))).toBe('delete');
    const silent = new Map([...answered.answers.keys()].map((kid): [string, Answer] => [kid, 'unknown']));
    expect(decide(near({ probe: { ...answered, answers: silent, random: 'unknown' } }))).toBe('delete');
  });

  it('is deleted without a question if it started before by any clock', () => {
    expect(decide(near({ startedAt: T0 - 62_000 }))).toBe('delete');
  });

  it('is not deleted again and again by a clock that is ahead: its successor was created after the write', () => {
    for (const startedAt of [T0 - 50_000, T0 + 1_000, T0 + 60_000]) {
      expect(decide(near({ createdAt: T0 + 1_000, startedAt, readUpTo: T0 + 1_000 - SETTLE_MS }))).toBe('probe');
    }
  });
});
