/**
 * Crashes: the operator is killed before, during and after every request, and again while it finds its way back; it is
 * told to stop; it stands still until somebody else leads; it is cut off.
 */
import type { Position } from '../../support/faultproxy/fault.ts';
import { mulberry32 } from '../../support/traffic/random.ts';
import { type CallTrigger, PLAIN, type Plan, type Strike } from '../plan.ts';
import type { Rotation } from '../reference.ts';
import { nameOf, sorted } from './calls.ts';

const POSITIONS: readonly Position[] = ['before', 'applied', 'answered'];
/** The recovery is killed at each of its first requests. */
const RECOVERY_CALLS = 12;
/** Longer than the lease of a leader, milliseconds. */
const STANDSTILL_MS = 19_000;
/** Shorter than the renew deadline, and longer than the lease. */
const CUT_OFF_MS = [6_000, 20_000];
const LOOPS = 40;

const WORDS: Readonly<Record<Position, string>> = {
  before: 'before it is sent on',
  applied: 'when it is applied',
  answered: 'when it is answered',
};

export function crashPlans(rotation: Rotation): readonly Plan[] {
  const { writes, effects, reads, watches, courtesies } = sorted(rotation);
  const held = writes.filter(({ what }) => !what.includes('leases'));
  const each = (triggers: readonly CallTrigger[], name: string, kind: 'kill' | 'term', replicas: number) =>
    triggers.flatMap((at) => POSITIONS.map((position) => strike(name, at, kind, position, replicas)));
  return [
    ...each(writes, 'crash', 'kill', 1),
    ...[...reads, ...watches, ...courtesies].map((at) => strike('crash', at, 'kill', 'before', 1)),
    ...effects.flatMap(doubleCrash),
    ...each(effects, 'crash with a standby', 'kill', 2),
    ...each(held, 'told to stop', 'term', 1),
    ...each(effects, 'told to stop', 'term', 2),
    ...held.flatMap((at) => (['before', 'applied'] as const).map((position) => zombie(at, position, 2))),
    ...effects.map((at) => zombie(at, 'before', 3)),
    ...held.flatMap(cutOff),
  ];
}

function strike(name: string, at: CallTrigger, kind: 'kill' | 'term', position: Position, replicas: number): Plan {
  const verb = kind === 'kill' ? 'killed' : 'told to stop';
  const standby = replicas > 1 ? ', a standby takes over' : '';
  const strikes: readonly Strike[] = [{ at, call: { kind, position } }];
  return { ...PLAIN, class: name, name: `${verb} at ${nameOf(at)} ${WORDS[position]}${standby}`, strikes, replicas };
}

function doubleCrash(at: CallTrigger): readonly Plan[] {
  const first = strike('double crash', at, 'kill', 'applied', 1);
  return Array.from({ length: RECOVERY_CALLS }, (_, i): Plan => {
    const again = {
      at: { on: 'process', process: 2, nth: i + 1 },
      call: { kind: 'kill', position: 'before' },
    } as const;
    const name = `${first.name}, again at request ${i + 1} of the recovery`;
    return { ...first, name, strikes: [...first.strikes, again] };
  });
}

function zombie(at: CallTrigger, position: Position, replicas: number): Plan {
  const title = `stands still for ${STANDSTILL_MS / 1000} s at ${nameOf(at)} ${WORDS[position]}`;
  return {
    ...PLAIN,
    class: 'paused leader',
    name: `${title}, ${replicas} replicas`,
    strikes: [{ at, call: { kind: 'stop', position, ms: STANDSTILL_MS } }],
    replicas,
  };
}

/** The request itself arrives late, when the leader has long been given up, or its answer is lost. */
function cutOff(at: CallTrigger): readonly Plan[] {
  return CUT_OFF_MS.flatMap((forMs) =>
    (['late', 'applied'] as const).map((fate): Plan => {
      const own = fate === 'late' ? ({ kind: 'late', ms: forMs } as const) : ({ kind: 'hang', applied: true } as const);
      const replicas = forMs > 10_000 ? 2 : 1;
      const what = fate === 'late' ? 'which arrives at its end' : 'which is applied';
      const name = `cut off for ${forMs / 1000} s at ${nameOf(at)}, ${what}, ${replicas} replicas`;
      return { ...PLAIN, class: 'cut off', name, strikes: [{ at, cutOff: own, forMs }], replicas };
    }),
  );
}

/** Each process lives for a few requests, then it is killed; the tenth lives. */
export function loopPlans(): readonly Plan[] {
  return Array.from({ length: LOOPS }, (_, i): Plan => {
    const random = mulberry32(i + 1);
    const strikes = Array.from({ length: 9 }, (_, n): Strike => {
      const position = POSITIONS[Math.floor(random() * 2)] ?? 'before';
      const nth = 12 + Math.floor(random() * 25);
      return { at: { on: 'process', process: n + 1, nth }, call: { kind: 'kill', position } };
    });
    return { ...PLAIN, class: 'crash loop', name: `nine crashes, seed ${i + 1}`, strikes };
  });
}
