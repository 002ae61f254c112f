import { describe, expect, it } from 'vitest';
import type { Write } from '../../src/rotation/keyset/writes.ts';
import { decode, encode } from './codec.ts';
import { effectOf } from './effects.ts';
import { judgeLiveness } from './liveness.ts';
import { explore } from './search.ts';
import { traceOf } from './trace.ts';
import { CONFIGS, GROUPS } from './worlds.ts';

const configOf = (name: string) => {
  const config = CONFIGS[name];
  if (config === undefined) throw new Error(`there is no config ${name}`);
  return config;
};

describe('every state of a small world', () => {
  it.each(GROUPS.small ?? [])('%s', (name) => {
    const config = configOf(name);
    const result = explore(config, { maxStates: 1_000_000 });
    const found = result.found ?? judgeLiveness(config, result).found;
    expect(found === undefined ? [] : traceOf(config, result, found)).toEqual([]);
    expect(result.complete).toBe(true);
  });
});

/** A world in which the transition is made; undefined where none can make it. */
const WHERE: Readonly<Record<Write['transition'], string | undefined>> = {
  ...{ create: 'created', adopt: 'again', stage: 'again', promote: 'again', drain: 'again', retire: 'again' },
  ...{ finish: 'again', abort: 'again', rollback: 'window', dismiss: 'window', cutover: 'cutover' },
  ...{ burn: 'fileLeak', extinguish: 'fileLeak' },
  // only if a node goes back to an older Secret than it has served, against the assumption: see plan.test.ts
  reopen: undefined,
  // nobody asks for it there: see pending.test.ts
  withdraw: undefined,
};

describe('every transition', () => {
  it.each(Object.entries(WHERE))('%s is made in the world %s', (transition, name) => {
    const made = new Set(
      Object.values(WHERE).flatMap((other) =>
        name === undefined || other === name ? writesIn(other ?? 'lagging') : [],
      ),
    );
    expect(made.has(transition as Write['transition'])).toBe(name !== undefined);
  });
});

const known = new Map<string, readonly Write['transition'][]>();

/** What is decided upon in some state of a world. */
function writesIn(name: string): readonly Write['transition'][] {
  const config = configOf(name);
  const found = known.get(name);
  if (found !== undefined) return found;
  const { store } = explore(config, { maxStates: 1_000_000 });
  const pending = Array.from({ length: store.size }, (_, id) => decode(config, store.get(id)).pending);
  const writes = [...new Set(pending)].filter((id) => id !== 0).map(effectOf);
  const made = writes.flatMap((effect) => (effect.type === 'write' ? [effect.write.transition] : []));
  known.set(name, made);
  return made;
}

describe('the search itself', () => {
  it('knows a state again when pods and nodes change places', () => {
    const config = configOf('stale');
    const { store } = explore(config, { maxStates: 5_000 });
    const renamed = (id: number) => {
      const world = decode(config, store.get(id));
      const pods = world.pods.map((pod) => ({ ...pod, node: config.nodes - 1 - pod.node })).toReversed();
      return { ...world, bounds: world.bounds.toReversed(), pods };
    };
    const ids = Array.from({ length: store.size }, (_, id) => id);
    const strange = ids.filter((id) => Buffer.compare(encode(config, renamed(id)), store.get(id)) !== 0);
    expect(strange).toEqual([]);
  });

  it('says how far it came when it is ended, and takes no state for the next of one from which it took no step', () => {
    // more than are made room for at first
    const last = 4_200;
    const result = explore(configOf('again'), { maxStates: 1_000_000, isOver: (walked) => walked === last });
    const { store, complete, walked, next } = result;
    expect([complete, walked]).toEqual([false, last]);
    expect(store.size).toBeGreaterThan(last);
    expect(next.subarray(last, store.size).every((id) => id === -1)).toBe(true);
    expect(judgeLiveness(configOf('again'), result).found).toBeUndefined();
  });

  it('tells the way to a state step by step', () => {
    const config = configOf('again');
    const { store } = explore(config, { maxStates: 10_000 });
    const lines = traceOf(config, { store }, { violation: { oracle: 'I1', message: 'here' }, state: store.size - 1 });
    expect(lines[0]).toContain('unmanaged');
    expect(lines.join('\n')).toContain('the Secret is written: stage');
    expect(lines.at(-1)).toBe('I1: here');
  });
});
