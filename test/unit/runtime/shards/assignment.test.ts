/** Who holds which shard, as everybody works it out for himself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, shardOf } from '../../../../src/runtime/shards/assignment.ts';

const count = fc.integer({ min: 1, max: 32 });
const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9_-]{1,20}$/), { minLength: 1, maxLength: 12 });
const NAMESPACES = Array.from({ length: 2_000 }, (_, i) => `team-${i}`);

const holderOf = (members: readonly string[], shards: number) => {
  const assigned = assign(members, shards);
  return new Map([...assigned].flatMap(([member, own]) => own.map((shard) => [shard, member] as const)));
};

describe('a namespace', () => {
  it('belongs to a shard that there is, always the same', () => {
    fc.assert(
      fc.property(fc.string(), count, (namespace, shards) => {
        const shard = shardOf(namespace, shards);
        expect(shard).toBe(shardOf(namespace, shards));
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(shards);
      }),
    );
  });

  it('belongs to the same shard in every version: replicas of two versions run side by side', () => {
    const known = ['', 'default', 'shop', 'kube-system', 'rekey-system', 'team-1', 'team-2', 'ünïcode'];
    expect(known.map((namespace) => shardOf(namespace, 5))).toEqual([1, 0, 4, 4, 3, 1, 3, 1]);
  });

  it.each([2, 3, 5, 8, 16])('of two thousand finds company that is neither small nor large: %i shards', (shards) => {
    const sizes = Array<number>(shards).fill(0);
    for (const namespace of NAMESPACES)
      sizes[shardOf(namespace, shards)] = (sizes[shardOf(namespace, shards)] ?? 0) + 1;
    const mean = NAMESPACES.length / shards;
    // six standard deviations
    const most = 6 * Math.sqrt(mean);
    expect(sizes.filter((size) => Math.abs(size - mean) > most)).toEqual([]);
  });

  it.each([2, 3, 7])('moves with one shard more than %i only into the new one', (shards) => {
    const moved = NAMESPACES.filter((namespace) => shardOf(namespace, shards) !== shardOf(namespace, shards + 1));
    expect(new Set(moved.map((namespace) => shardOf(namespace, shards + 1)))).toEqual(new Set([shards]));
  });
});

describe('the shards', () => {
  it('have one member each, and members have equally many, or one more', () => {
    fc.assert(
      fc.property(names, count, (members, shards) => {
        const all = [...assign(members, shards).values()];
        expect(all.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: shards }, (_, shard) => shard));
        const sizes = all.map(({ length }) => length);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.ceil(shards / members.length));
        expect(Math.min(...sizes)).toBe(Math.floor(shards / members.length));
      }),
    );
  });

  it('are assigned alike by everybody, in whatever order he knows the members', () => {
    fc.assert(
      fc.property(names, count, (members, shards) => {
        expect(holderOf([...members].reverse(), shards)).toEqual(holderOf(members, shards));
      }),
    );
  });

  it('mostly stay where they are when a member goes', () => {
    let [moved, possible] = [0, 0];
    fc.assert(
      fc.property(names, count, (members, shards) => {
        const [gone = '', ...others] = members;
        if (others.length === 0) return;
        const [before, after] = [holderOf(members, shards), holderOf(others, shards)];
        const staying = [...before].filter(([, member]) => member !== gone);
        possible += staying.length;
        moved += staying.filter(([shard, member]) => after.get(shard) !== member).length;
      }),
      { seed: 17, numRuns: 500 },
    );
    expect(possible).toBeGreaterThan(3_000);
    // seven in a hundred: those that make room for the shards of the one that went
    expect(moved / possible).toBeLessThan(0.12);
  });
});
