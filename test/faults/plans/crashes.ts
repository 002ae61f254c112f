/**
 * Crashes: the operator is killed before, during and after every request, and again while it finds its way back; and a
 * leader that stands still until somebody else leads.
 */
import type { Position } from '../../support/faultproxy/fault.ts';
import { type CallTrigger, PLAIN, type Plan } from '../plan.ts';
import type { Reference } from '../reference.ts';
import { isEvent, isRead, isWatch, nameOf, triggersOf } from './calls.ts';

const POSITIONS: readonly Position[] = ['before', 'applied', 'answered'];
/** The recovery is killed at each of its first requests. */
const RECOVERY_CALLS = 12;
/** Longer than the lease of a leader, milliseconds. */
const STANDSTILL_MS = 19_000;

const WORDS: Readonly<Record<Position, string>> = {
  before: 'before it is sent on',
  applied: 'when it is applied',
  answered: 'when it is answered',
};

export function crashPlans({ requests }: Reference): readonly Plan[] {
  const triggers = triggersOf(requests);
  const writes = triggers.filter((at) => !isRead(at) && !isWatch(at) && !isEvent(at));
  const others = [...triggers.filter((at) => isRead(at) || isWatch(at)), ...triggersOf(requests.filter(isEvent), 1)];
  const effects = writes.filter(({ what }) => /secrets|deployments/.test(what));
  return [
    ...writes.flatMap((at) => POSITIONS.map((position) => crash('crash', at, position, 1))),
    ...others.map((at) => crash('crash', at, 'before', 1)),
    ...effects.flatMap((at) =>
      Array.from({ length: RECOVERY_CALLS }, (_, i): Plan => {
        const first = crash('double crash', at, 'applied', 1);
        const recovery = { on: 'process', process: 2, nth: i + 1 } as const;
        const strike = { at: recovery, call: { kind: 'kill', position: 'before' } } as const;
        return {
          ...first,
          name: `${first.name}, again at request ${i + 1} of the recovery`,
          strikes: [...first.strikes, strike],
        };
      }),
    ),
    ...effects.flatMap((at) => POSITIONS.map((position) => crash('crash with a standby', at, position, 2))),
    ...writes
      .filter(({ what }) => !what.includes('leases'))
      .flatMap((at) => (['before', 'applied'] as const).map((position) => zombie(at, position, 2))),
    ...effects.map((at) => zombie(at, 'before', 3)),
  ];
}

function crash(name: string, at: CallTrigger, position: Position, replicas: number): Plan {
  const title = `killed at ${nameOf(at)} ${WORDS[position]}`;
  const standby = replicas > 1 ? ', a standby takes over' : '';
  return {
    ...PLAIN,
    class: name,
    name: `${title}${standby}`,
    strikes: [{ at, call: { kind: 'kill', position } }],
    replicas,
  };
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
