/**
 * What the operator remembers of writes that were refused, by number: as the production memory makes it, without what no
 * decision rests on.
 *
 * A pause is shorter than a tick at first, and grows. That it has grown makes no other state: an operator that does not get
 * its turn waits as well. So each refusal is the first of its effect, in this tick or in the one before.
 */

import type { Refusal } from '../../src/rotation/api/refusal.ts';
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../src/rotation/keyset/writes.ts';
import { Memory } from '../../src/rotation/pass/memory.ts';
import type { Decision } from '../../src/rotation/plan/decision.ts';
import { writeEffect } from '../../src/rotation/plan/effect.ts';
import type { Settings } from '../../src/rotation/settings/settings.ts';
import { deepFrozen, NOW } from './keysets.ts';

/** Nothing was refused. */
export const NONE_REFUSED = 0;
const WAIT = { type: 'wait' } as const;

const lists: (readonly Refusal[])[] = [[]];
const ids = new Map<string, number>([['[]', NONE_REFUSED]]);

export function refusalsOf(id: number): readonly Refusal[] {
  const refusals = lists[id];
  if (refusals === undefined) throw new Error(`there is no list of refusals ${id}`);
  return refusals;
}

function intern(refusals: readonly Refusal[], tickMs: number): number {
  const normal = refusals.map(({ effect, cause, retryAt }) =>
    first({ effect, cause }, retryAt <= NOW ? NOW - tickMs : NOW),
  );
  const key = JSON.stringify(normal);
  const known = ids.get(key);
  if (known !== undefined) return known;
  lists.push(deepFrozen(normal));
  ids.set(key, lists.length - 1);
  return lists.length - 1;
}

/** The first refusal of an effect. */
function first(refused: Pick<Refusal, 'effect' | 'cause'>, at: number): Refusal {
  const memory = new Memory();
  memory.tried(WAIT, [{ ...refused, said: '' }], at, false);
  const [refusal] = memory.refusals;
  if (refusal === undefined) throw new Error('a refusal is not remembered');
  return refusal;
}

/** @returns what is remembered after something has come to the memory's ears */
function after(id: number, tickMs: number, happens: (memory: Memory) => void): number {
  const memory = new Memory();
  for (const { effect, cause, said, since } of refusalsOf(id)) {
    memory.tried(WAIT, [{ effect, cause, said }], since, false);
  }
  happens(memory);
  return intern(memory.refusals, tickMs);
}

/** The API server has refused the write, or has not answered. */
export function afterRefusal(id: number, write: Write, cause: 'Admission' | 'Failed', tickMs: number): number {
  const refused = { effect: writeEffect(write), cause, said: '' } as const;
  return after(id, tickMs, (memory) => memory.tried({ type: 'write', write }, [refused], NOW, false));
}

/** The Secret was read, and shows that a write was made after all. */
export function afterReading(id: number, keyset: Keyset, settings: Settings, tickMs: number): number {
  return after(id, tickMs, (memory) => memory.remember({ facts: { kind: 'Managed', keyset } }, settings, 0));
}

/** The Secret was written. */
export function afterWrite(id: number, keyset: Keyset, settings: Settings, tickMs: number): number {
  if (id === NONE_REFUSED) return id;
  return after(id, tickMs, (memory) =>
    memory.learn({ kind: 'Wrote', keyset, facts: { kind: 'Managed', keyset }, resourceVersion: '' }, settings, 0),
  );
}

/** A pass has come to a decision. */
export function afterDecision(id: number, decision: Decision, tickMs: number): number {
  return id === NONE_REFUSED ? id : after(id, tickMs, (memory) => memory.decided(decision));
}

/** People have changed what they want. */
export function afterWish(id: number, tickMs: number): number {
  const resource = { metadata: { name: 'jwt', generation: 1 }, spec: {} } as Parameters<Memory['heard']>[0];
  return id === NONE_REFUSED ? id : after(id, tickMs, (memory) => memory.heard(resource, () => true));
}

/** One tick later every pause is over. */
export function tickedRefusals(id: number, tickMs: number): number {
  const later = refusalsOf(id).map((refusal) => ({ ...refusal, retryAt: refusal.retryAt - tickMs }));
  return intern(later, tickMs);
}
