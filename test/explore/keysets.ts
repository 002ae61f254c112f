/**
 * Keysets by number, with times that tell what matters and nothing else.
 *
 * The clock stands at {@link NOW}; when it ticks, everything else becomes older. Of a time only what the planner can tell
 * apart is kept: the age in ticks of the last signer's exit, up to the drain time; and of each version whether it was
 * written in this tick (the settle delay has not passed) or before. Ages beyond the cap are equal to the cap, because every
 * comparison of the planner is of the form `now >= time + constant` with a smaller constant. The one comparison of two
 * recorded times, of a container's start with a write, is kept exactly: see {@link startedAt} and {@link latestStart}.
 */
import type { KeyRecord, Keyset, RotationRecord, Shape } from '../../src/rotation/keyset/keyset.ts';
import { internChronicle, trueShape } from './chronicle.ts';

export const NOW = Date.UTC(2026, 0, 1);
/** Secrets that rekey has not adopted. */
export const UNMANAGED = 0;
/** How long kubelets may lag behind: a fact of the world, so it is not taken from the code under test. Milliseconds. */
export const SETTLE_MS = 10_000;
/** Between versions of one tick: all of them within a settle delay. */
const STEP_MS = 2_000;
/** Between versions of different ticks: a start falls between two of them. */
const GAP_MS = 2 * SETTLE_MS;

export interface Entry {
  readonly id: number;
  readonly keyset: Keyset;
  /** The oldest version written in this tick; one above the newest if none was. */
  readonly freshFrom: number;
  /** Ticks since the last signer's exit was recorded. */
  readonly exitAge: number | undefined;
  ticked: number;
}

const entries: (Entry | undefined)[] = [undefined];
const ids = new Map<string, number>();

export function entryOf(id: number): Entry {
  const entry = entries[id];
  if (entry === undefined) throw new Error(`there is no keyset ${id}`);
  return entry;
}

/** Version of a Secret that is in the world; 0 before it is adopted. */
export function versionOf(id: number): number {
  return id === UNMANAGED ? 0 : entryOf(id).keyset.version;
}

/** @param freshFrom the oldest version that was written in this tick */
export function internKeyset(keyset: Keyset, freshFrom: number, tickMs: number, drainTicks: number): number {
  const exit = keyset.keys.find(({ state }) => state === 'draining')?.lastSignerExit;
  const exitAge = exit === undefined ? undefined : Math.min(Math.round((NOW - exit) / tickMs), drainTicks);
  const normal = normalise(keyset, freshFrom, tickMs, exitAge);
  const key = JSON.stringify(normal);
  const known = ids.get(key);
  if (known !== undefined) return known;
  const id = entries.length;
  entries.push({ id, keyset: deepFrozen(normal), freshFrom, exitAge, ticked: -1 });
  ids.set(key, id);
  return id;
}

/** One tick later. */
export function tickedKeyset(id: number, tickMs: number, drainTicks: number): number {
  if (id === UNMANAGED) return id;
  const entry = entryOf(id);
  if (entry.ticked === -1) {
    const keys = entry.keyset.keys.map((key) =>
      key.lastSignerExit === undefined ? key : { ...key, lastSignerExit: key.lastSignerExit - tickMs },
    );
    entry.ticked = internKeyset({ ...entry.keyset, keys }, entry.keyset.version + 1, tickMs, drainTicks);
  }
  return entry.ticked;
}

/**
 * When the versions were written, as far as it can be told apart: those of one tick follow each other at once, the others
 * with a settle delay between them.
 */
function withTimes(history: readonly Shape[], freshFrom: number, tickMs: number): readonly Shape[] {
  const timed: Shape[] = [];
  let later: { readonly before: Shape; readonly at: number } | undefined;
  for (const shape of history.toReversed()) {
    const fresh = shape.version >= freshFrom;
    let writtenAt = fresh ? NOW : NOW - tickMs;
    if (later !== undefined) {
      const together =
        later.before.version >= freshFrom === fresh && later.before.writtenAt - shape.writtenAt < SETTLE_MS;
      writtenAt = together ? later.at - STEP_MS : Math.min(later.at, NOW - tickMs) - GAP_MS;
    }
    timed.unshift({ ...shape, verify: [...shape.verify].sort(), writtenAt });
    later = { before: shape, at: writtenAt };
  }
  return timed;
}

/** What is told of a start. */
export interface StartSeen {
  /** The newest version that had been written for a settle delay. */
  readonly settled: number;
  /** Whether it was after the write of the newest version. */
  readonly young: boolean;
}

/** @returns the earliest start after `settled` had been written for a settle delay */
export function startedAt({ settled, young }: StartSeen, { keyset }: Entry): number {
  const { history } = keyset;
  const read = history.findLast(({ version }) => version <= settled) ?? history[0];
  const early = (read?.writtenAt ?? 0) + SETTLE_MS;
  return young ? Math.max(early, history.at(-1)?.writtenAt ?? 0) : early;
}

/** @returns the latest start before the version after `settled` had been written for a settle delay; now at the latest */
export function latestStart({ settled, young }: StartSeen, { keyset }: Entry): number {
  const { history } = keyset;
  const next = history.find(({ version }) => version > settled);
  if (next === undefined) return NOW;
  const late = Math.min(NOW, next.writtenAt + SETTLE_MS - 1);
  return young ? late : Math.min(late, (history.at(-1)?.writtenAt ?? 0) - 1);
}

/** Leaves out what no decision rests on: times of creation, texts for people, who asked. */
function normalise(keyset: Keyset, freshFrom: number, tickMs: number, exitAge: number | undefined): Keyset {
  const { rotation, emergency } = keyset;
  const key = ({ lastSignerExit: _, ...rest }: KeyRecord): KeyRecord => ({
    ...{ ...rest, createdAt: 0 },
    ...((rest.state === 'draining' || (rest.state === 'found' && _ !== undefined)) &&
      exitAge !== undefined && { lastSignerExit: NOW - exitAge * tickMs }),
  });
  return {
    ...keyset,
    keys: keyset.keys.map(key),
    history: withTimes(keyset.history, freshFrom, tickMs),
    attempts: { since: 0, failures: 0 },
    burnt: keyset.burnt.map((burnt) => ({ ...burnt, burntAt: 0 })),
    ...(emergency && {
      emergency: { ...emergency, writtenAt: 0, ...(emergency.goneAt !== undefined && { goneAt: 0 }) },
    }),
    ...(rotation && { rotation: normalRotation(rotation) }),
  };
}

function normalRotation({ interrupted: _, ...rotation }: RotationRecord): RotationRecord {
  return {
    ...{ ...rotation, actor: '', reason: '', startedAt: 0 },
    ...(rotation.failure && { failure: { reason: rotation.failure.reason, message: '' } }),
    ...(rotation.finishedAt !== undefined && { finishedAt: 0 }),
    ...(rotation.cutOverAt !== undefined && { cutOverAt: 0 }),
  };
}

/** Whoever changes what it is given would change other states. */
export function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFrozen(part);
  }
  return value;
}

/** The key that stands beside K0 in a Secret before rekey knows it. */
export const FOUND = 14;

/**
 * Key K0 in every service, before rekey knew it, and perhaps one more.
 *
 * @param half whether services still sign with that: somebody has changed the Secret by hand and has not restarted them
 */
export function foundChronicle(found: boolean, half: boolean): number {
  return internChronicle(0, [trueShape(half ? FOUND : 0, found ? 1 | (1 << FOUND) : 1)]);
}
