import { describe, expect, it } from 'vitest';
import { decode, encode } from './codec.ts';
import { CONFIGS, GROUPS } from './config.ts';
import { judgeLiveness } from './liveness.ts';
import { explore } from './search.ts';
import { traceOf } from './trace.ts';

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

describe('the search itself', () => {
  it('finds the same states by other names of pods and nodes', () => {
    const config = configOf('stale');
    const { store } = explore(config, { maxStates: 5_000 });
    for (let id = 0; id < store.size; id += 1) {
      const world = decode(config, store.get(id));
      const renamed = {
        ...world,
        bounds: world.bounds.toReversed(),
        pods: world.pods.toReversed().map((pod) => ({ ...pod, node: config.nodes - 1 - pod.node })),
      };
      expect(Buffer.from(encode(config, renamed))).toEqual(Buffer.from(store.get(id)));
    }
  });

  it('prints the shortest trace to what is wrong', () => {
    const config = {
      ...configOf('again'),
      targets: configOf('again').targets.map((one) => ({ ...one, singleKey: true })),
    };
    // a service that is said to verify the staged key, and does not: asked of the oracle alone
    const result = explore(config, { maxStates: 10_000, oracles: [] });
    const lines = traceOf(config, result, {
      violation: { oracle: 'I1', message: 'here' },
      state: result.store.size - 1,
    });
    expect(lines[0]).toContain('unmanaged');
    expect(lines.at(-1)).toBe('I1: here');
    expect(lines.some((line) => line.includes('the Secret is written: stage'))).toBe(true);
  });
});
