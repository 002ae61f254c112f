/**
 * From every state that was reached a world without further faults gets to rest: no rotation under way, no request
 * unheard, no staged key. What happens in such a world is one step a state, so the states form chains, and each chain has
 * to end at rest.
 */
import { decode } from './codec.ts';
import type { Config } from './config.ts';
import { entryOf, UNMANAGED } from './keysets.ts';
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
  // nothing can be begun with it, and nothing is
  if (config.targets.some(({ verifiesNothing }) => verifiesNothing === true)) return phase === 'Steady';
  const heard = (count: number, letter: string, seen: string | undefined) => count === 0 || seen === `${letter}${count}`;
  return (
    phase === 'Steady' &&
    keys.every(({ state }) => state !== 'staged') &&
    heard(world.rotate, 'r', handled.rotateAt) &&
    heard(world.abort, 'a', handled.abortAt)
  );
}

export function judgeLiveness(config: Config, { store, next, by, complete }: Result): Liveness {
  const size = store.size;
  const unknown = -1;
  const distance = new Int32Array(size).fill(unknown);
  const bumps = config.targets.map(() => new Uint8Array(size));
  let longest = 0;
  for (let start = 0; start < size; start += 1) {
    if (distance[start] !== unknown) continue;
    const path: number[] = [];
    const onPath = new Set<number>();
    let id = start;
    while (distance[id] === unknown && !isAtRest(config, decode(config, store.get(id)))) {
      if (onPath.has(id)) return stuck(id, 'faults have ended, and the rotation goes round in a circle', longest);
      const following = next[id] ?? -1;
      if (following === -1 && !complete) break;
      if (following === -1) return stuck(id, 'faults have ended, and nothing leads to rest', longest);
      path.push(id);
      onPath.add(id);
      id = following;
    }
    if (distance[id] === unknown) distance[id] = 0;
    for (let i = path.length - 1; i >= 0; i -= 1) {
      const state = path[i] ?? 0;
      distance[state] = (distance[id] ?? 0) + 1;
      for (const [target, counts] of bumps.entries()) {
        const count = (counts[id] ?? 0) + (by[state] === RANK.bump && isBump(config, store, state, id, target) ? 1 : 0);
        counts[state] = count;
        if (count > MAX_BUMPS) {
          return stuck(state, `${config.targets[target]?.name} is restarted ${count} times without a fault`, longest);
        }
      }
      id = state;
      longest = Math.max(longest, distance[state] ?? 0);
    }
  }
  return { longest };
}

function stuck(state: number, message: string, longest: number): Liveness {
  return { found: { violation: { oracle: 'I14', message }, state }, longest };
}

function isBump(config: Config, store: Result['store'], from: number, to: number, target: number): boolean {
  return decode(config, store.get(from)).templates[target] !== decode(config, store.get(to)).templates[target];
}
