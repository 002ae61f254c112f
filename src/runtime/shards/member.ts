/**
 * What a replica says of itself: one annotation of the Lease of members. Anybody with the right to write the Lease may
 * have written it, so nothing of it is believed that does not fit.
 */
import { createHash } from 'node:crypto';
import { assign } from './assignment.ts';

/** Most shards. Each costs a write every two seconds. */
export const MOST_SHARDS = 32;
/** Before the id of the member. */
const PREFIX = 'member.rekey.dev/';
/** So many are believed: there are not more replicas than shards for long. */
const MOST_MEMBERS = 64;

/** A replica, as others see it. */
export interface Member {
  readonly id: string;
  /** Its number of shards; those with another number share the same namespaces in another way. */
  readonly shards: number;
  /** How many it holds. */
  readonly held: number;
  /** It stops: it takes no shard any more, and still has those that it holds. */
  readonly leaving: boolean;
  /** Its line stands still. It may be slow, or dead. */
  readonly doubted?: boolean;
}

/** @returns the identity, as far as it can be the name of an annotation, or else a hash of it */
export function memberId(identity: string): string {
  const fits = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(identity);
  return fits ? identity : createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

/** @returns the name of the annotation of this member */
export function annotationOf(id: string): string {
  return `${PREFIX}${id}`;
}

/** @returns the ids of all annotations that are meant for members, and their values */
export function entriesOf(annotations: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(annotations)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, value]) => [name.slice(PREFIX.length), value] as const);
}

/** @param beat another number each time, so that others see that it lives */
export function lineOf({ shards, held, leaving }: Omit<Member, 'id' | 'doubted'>, beat: number): string {
  return `${shards} ${held} ${beat}${leaving ? ' leaving' : ''}`;
}

/** @returns undefined if this is not what {@link lineOf} writes */
export function parseMember(id: string, value: string): Member | undefined {
  const match = /^([1-9]\d?) (\d{1,2}) \d{1,15}( leaving)?$/.exec(value);
  const [shards, held] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || shards > MOST_SHARDS || held > shards || memberId(id) !== id) return undefined;
  return { id, shards, held, leaving: match[3] !== undefined };
}

/**
 * Replicas that disagree on the number of shards must not work at the same time. Those work who hold shards already, so
 * that a change of the number is a handover at the end of the last old replica. One who leads without shards comes
 * before all. If nobody holds any, the greater crowd works, and of equal ones that with more shards.
 *
 * @returns the number of shards that is in force; undefined without members
 */
export function shardsInForce(members: readonly Member[]): number | undefined {
  const numbers = [...new Set(members.map(({ shards }) => shards))];
  const rank = (shards: number): readonly number[] => {
    const crowd = members.filter((member) => member.shards === shards);
    return [Number(shards === 1), Number(crowd.some(({ held }) => held > 0)), crowd.length, shards];
  };
  return numbers.sort((a, b) => compared(rank(b), rank(a)))[0];
}

/**
 * @param members all that live, this one included
 * @returns the shards that this member is to hold, and those that it would be to hold if the doubted ones were dead: their
 *   Leases run out only under the eyes of somebody who waits for them. None while others work with another number of shards
 */
export function wantedShards(self: string, members: readonly Member[]): readonly number[] {
  const shards = members.find(({ id }) => id === self)?.shards;
  if (shards === undefined || shardsInForce(members) !== shards) return [];
  const candidates = members.filter((member) => member.shards === shards && !member.leaving);
  const ownOf = (those: readonly Member[]) => {
    const ids = those.map(({ id }) => id).sort();
    return assign(ids.slice(0, MOST_MEMBERS), shards).get(self) ?? [];
  };
  return [...new Set([...ownOf(candidates), ...ownOf(candidates.filter(({ doubted }) => doubted !== true))])];
}

function compared(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
