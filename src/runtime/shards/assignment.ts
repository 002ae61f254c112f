/**
 * Which shard a namespace belongs to, and which member serves a shard, by rendezvous hashing: of all pairs, the one with
 * the highest hash wins. So everybody who knows the same names works out the same, without a word, and a change of one
 * name moves little.
 */
import { createHash } from 'node:crypto';

/** @returns from 0 to `shards - 1`; with one shard more or less, few namespaces move */
export function shardOf(namespace: string, shards: number): number {
  let best = 0;
  let highest = -1;
  for (let shard = 0; shard < shards; shard += 1) {
    const weight = weightOf(namespace, shard);
    if (weight > highest) [best, highest] = [shard, weight];
  }
  return best;
}

/**
 * Each shard has one member. Members have equally many, or one more than others.
 *
 * @param members each once, in any order
 * @returns the shards of each member
 */
export function assign(members: readonly string[], shards: number): ReadonlyMap<string, readonly number[]> {
  const assigned = new Map<string, number[]>(members.map((member) => [member, []]));
  const least = Math.floor(shards / members.length);
  let extra = shards % members.length;
  const free = new Set(Array.from({ length: shards }, (_, shard) => shard));
  for (const { member, shard } of ranked(members, shards)) {
    const own = assigned.get(member) ?? [];
    const isFull = own.length > least || (own.length === least && extra === 0);
    if (isFull || !free.has(shard)) continue;
    if (own.length === least) extra -= 1;
    own.push(shard);
    free.delete(shard);
  }
  return assigned;
}

/** All pairs, the highest hash first. Equal hashes are as good as impossible; the names decide then. */
function ranked(members: readonly string[], shards: number) {
  const pairs = [...members].sort().flatMap((member) => {
    return Array.from({ length: shards }, (_, shard) => ({ member, shard, weight: weightOf(member, shard) }));
  });
  return pairs.sort((a, b) => b.weight - a.weight);
}

/** 48 bits, so that a number holds them. Another hash would move every namespace: two versions would disagree. */
function weightOf(name: string, shard: number): number {
  return createHash('sha256').update(`${name}\n${shard}`).digest().readUIntBE(0, 6);
}
