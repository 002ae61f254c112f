/**
 * From every state that was reached a world without further faults gets to rest: no rotation under way, no request
 * unheard, no staged key. What happens in such a world is one step a state, so the states form chains, and each chain has
 * to end at rest. Where a write is refused for ever, rest is the phase before it.
 */
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../src/rotation/keyset/writes.ts';
import { decode } from './codec.ts';
import type { Config } from './config.ts';
import { entryOf, UNMANAGED } from './keysets.ts';
import { refusalsOf } from './refusals.ts';
import { type Found, RANK, type Result } from './search.ts';
import type { World } from './world.ts';

/** A dual service is restarted to stage, to promote and to retire. */
const MAX_BUMPS = 3;

export interface Liveness {
  readonly found?: Found;
  /** The longest way to rest, in steps. */
  readonly longest: number;
}

export function isAtRest(config: Config, world: World): boolean {
  if (world.secret === UNMANAGED || world.pending !== 0) return false;
  const { phase, handled, keys } = entryOf(world.secret).keyset;
  // a copy that nobody knows of: a person must take it away
  if (config.targets.some(({ copy }) => copy === true) && (phase === 'Retiring' || phase === 'Burning')) return true;
  // with it nothing can be begun, and nothing can be proved
  if (config.targets.some(({ verifiesNothing }) => verifiesNothing === true))
    return phase === 'Steady' || phase === 'Burning';
  const heard = (count: number, letter: string, seen: string | undefined) =>
    count === 0 || seen === `${letter}${count}`;
  const abortHeard = heard(world.abort, 'a', handled.abortAt);
  const emergencyHeard = heard(world.emergency, 'e', handled.emergencies?.at(-1));
  if (isHeldUp(config, world, phase))
    return config.refuses?.includes('burn') === true || (abortHeard && emergencyHeard);
  return (
    phase === 'Steady' &&
    (config.preStage === true || keys.every(({ state }) => state !== 'staged')) &&
    (heard(world.rotate, 'r', handled.rotateAt) || heard(world.rotate, 'r', handled.withdrawn?.rotateAt)) &&
    abortHeard &&
    emergencyHeard
  );
}

/** The phases in which a write is wanted; any where there is none. */
const BEFORE: Readonly<Partial<Record<Write['transition'], readonly Keyset['phase'][]>>> = {
  ...{ stage: ['Steady'], promote: ['Staging'], drain: ['Promoting'], retire: ['Draining'], abort: ['Staging'] },
  ...{ finish: ['Retiring', 'Aborting', 'Switching'], extinguish: ['Burning'] },
};

/** A write that is refused for ever holds up what comes after it, and nothing else. */
function isHeldUp({ refuses = [], faults }: Config, { refusing, refusals }: World, phase: Keyset['phase']): boolean {
  if (!refusing || faults.lift) return false;
  const refused = refuses.filter((transition) => BEFORE[transition]?.includes(phase) !== false);
  return refusalsOf(refusals).some(({ effect }) => refused.some((write) => effect.startsWith(`write ${write}`)));
}

export function judgeLiveness(config: Config, result: Result): Liveness {
  const { store, next, complete } = result;
  const distance = new Int32Array(store.size).fill(-1);
  const bumps = config.targets.map(() => new Uint8Array(store.size));
  let longest = 0;
  for (let start = 0; start < store.size; start += 1) {
    const path: Visit[] = [];
    const visited = new Set<number>();
    let id = start;
    while (distance[id] === -1) {
      const world = decode(config, store.get(id));
      if (isAtRest(config, world)) break;
      if (visited.has(id)) return stuck(id, 'faults have ended, and the rotation goes round in a circle', longest);
      const following = next[id] ?? -1;
      if (following === -1 && !complete) break;
      if (following === -1) return stuck(id, 'faults have ended, and nothing leads to rest', longest);
      path.push({ id, world });
      visited.add(id);
      id = following;
    }
    if (distance[id] === -1) distance[id] = 0;
    let after: Visit = { id, world: decode(config, store.get(id)) };
    for (const visit of path.reverse()) {
      distance[visit.id] = (distance[after.id] ?? 0) + 1;
      longest = Math.max(longest, distance[visit.id] ?? 0);
      const restarted = countBumps(result, bumps, visit, after);
      if (restarted !== undefined) {
        const name = config.targets[restarted]?.name;
        return stuck(visit.id, `${name} is restarted more than ${MAX_BUMPS} times without a fault`, longest);
      }
      after = visit;
    }
  }
  return { longest };
}

interface Visit {
  readonly id: number;
  readonly world: World;
}

/** How often each target is restarted from here to the end of the rotation. Returns the target that is restarted too often. */
function countBumps({ by }: Result, bumps: readonly Uint8Array[], from: Visit, to: Visit): number | undefined {
  const over = phaseOf(to.world) === 'Steady';
  const bumped = by[from.id] === RANK.bump;
  for (const [target, counts] of bumps.entries()) {
    const here = bumped && from.world.templates[target] !== to.world.templates[target] ? 1 : 0;
    const count = (over ? 0 : (counts[to.id] ?? 0)) + here;
    counts[from.id] = count;
    if (count > MAX_BUMPS) return target;
  }
  return undefined;
}

function phaseOf({ secret }: World): string {
  return secret === UNMANAGED ? 'Unmanaged' : entryOf(secret).keyset.phase;
}

function stuck(state: number, message: string, longest: number): Liveness {
  return { found: { violation: { oracle: 'I14', message }, state }, longest };
}
