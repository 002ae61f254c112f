/**
 * Times during which the Secret was not as rekey had written it. A container that started meanwhile may have read anything:
 * its start proves nothing, and it accepts the keys that stood there until it starts again.
 */
import { keptValue } from '../api/said.ts';
import { iso } from '../schedule/duration.ts';
import { fields, type Json, list, text, time, versionIn } from './json.ts';
import { BELIEVED_VERSION } from './keyset.ts';

/** All bounds are cautious: the time is not longer than it says. */
export interface ForeignTime {
  /** Milliseconds since the epoch, by the clock of the API server. */
  readonly since: number;
  /** When the Secret was seen as rekey wrote it; undefined while it was not seen so. */
  readonly until?: number;
  /** The version of the keyset that rekey had written last. */
  readonly version: number;
  /** Data keys in which keys of somebody else stood; none if that is not known. */
  readonly dataKeys: readonly string[];
  /** Of keys that stood there and are not live. */
  readonly fingerprints: readonly string[];
}

/** A time that counts as over. */
export type EndedTime = Required<ForeignTime>;

/** The API server's time is known to this much, milliseconds. */
const CLOCK_MS = 1_000;
/** Tolerance for the clocks of other API servers. A later time was not observed: somebody has edited the ledger. */
const MARGIN_MS = 60_000;
/** Two times this near to each other are one, milliseconds: the second began when the first had ended. */
const ADJACENT_MS = 1;
const MOST = 8;
const MOST_NAMES = 16;

/**
 * @param seen without its end; its beginning is moved if a time that is known has ended later, or is still open
 * @param now milliseconds since the epoch
 */
export function withForeign(known: readonly ForeignTime[], seen: ForeignTime, now: number): readonly ForeignTime[] {
  const believed = known.filter((entry) => wasObserved(entry, now));
  const open = believed.find(({ until }) => until === undefined);
  const ended = Math.max(0, ...believed.map(({ until = 0 }) => until));
  // an own beginning, so that it is not taken for the one that has ended
  const since = open?.since ?? Math.max(seen.since, ended + 1);
  const dataKeys = bounded(seen.dataKeys);
  return tidied(mergedForeign(believed, [{ ...seen, since, dataKeys, fingerprints: bounded(seen.fingerprints) }]));
}

/** @returns the list, each time ended, since the Secret is as rekey wrote it */
export function foreignGone(known: readonly ForeignTime[], now: number): readonly ForeignTime[] {
  const believed = known.filter((entry) => wasObserved(entry, now));
  return tidied(believed.map((entry) => endedBy(entry, now)));
}

/** @returns the time with an end: if it has none yet, that it ends now */
export function endedBy(entry: ForeignTime, now: number): EndedTime {
  return { ...entry, until: entry.until ?? Math.max(now + CLOCK_MS, entry.since + 1) };
}

function wasObserved({ since, until = since }: ForeignTime, now: number): boolean {
  return Math.max(since, until) <= now + MARGIN_MS;
}

/** Everything that either of the two knows. A time that one of them saw end has ended; one that began elsewhere is another. */
export function mergedForeign(a: readonly ForeignTime[], b: readonly ForeignTime[]): readonly ForeignTime[] {
  const entries = new Map<number, ForeignTime>();
  for (const entry of [...a, ...b]) {
    const known = entries.get(entry.since);
    entries.set(entry.since, known === undefined ? entry : joined(known, entry));
  }
  return [...entries.values()].toSorted(bySince);
}

/** Bounds the list: times that have ended and touch become one, and so do the nearest of them if there are too many. */
function tidied(times: readonly ForeignTime[]): readonly ForeignTime[] {
  const open = times.filter(({ until }) => until === undefined);
  const ended = times.filter(({ until }) => until !== undefined) as EndedTime[];
  return [...joinedNearest(ended), ...open].toSorted(bySince);
}

function joinedNearest(ended: readonly EndedTime[]): readonly ForeignTime[] {
  const gaps = ended.slice(1).map(({ since }, i) => since - (ended[i] as EndedTime).until);
  const adjacent = gaps.findIndex((gap) => gap <= ADJACENT_MS);
  if (adjacent >= 0) return joinedNearest(withJoined(ended, adjacent));
  if (ended.length <= MOST) return ended;
  // the first one since the last write bounds what is replaced because of it (settling.ts)
  const first = ended.findIndex(({ version }) => version === ended.at(-1)?.version);
  const free = gaps.map((gap, i) => (i === first || i + 1 === first ? Number.POSITIVE_INFINITY : gap));
  return joinedNearest(withJoined(ended, free.indexOf(Math.min(...free))));
}

function withJoined(ended: readonly EndedTime[], at: number): readonly EndedTime[] {
  const [one, other] = [ended[at], ended[at + 1]] as [EndedTime, EndedTime];
  return [...ended.slice(0, at), joined(one, other) as EndedTime, ...ended.slice(at + 2)];
}

function bySince(one: ForeignTime, other: ForeignTime): number {
  return one.since - other.since;
}

function bounded(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted().slice(0, MOST_NAMES);
}

function joined(one: ForeignTime, other: ForeignTime): ForeignTime {
  const ends = [one.until, other.until].filter((until) => until !== undefined);
  return {
    since: Math.min(one.since, other.since),
    ...(ends.length > 0 && { until: Math.max(...ends) }),
    version: Math.max(one.version, other.version),
    dataKeys: bounded([...one.dataKeys, ...other.dataKeys]),
    fingerprints: bounded([...one.fingerprints, ...other.fingerprints]),
  };
}

/** The form in the ledger. */
export function encodeForeign({ since, until, version, dataKeys, fingerprints }: ForeignTime): Json {
  const end = until === undefined ? {} : { until: iso(until) };
  return { since: iso(since), ...end, version, dataKeys, fps: fingerprints };
}

/** @throws an error that says what is wrong with it */
export function decodeForeign(value: Json): ForeignTime {
  const { since, until, version, dataKeys = [], fps } = fields(value);
  const texts = (all: Json | undefined) => list(all).slice(0, MOST_NAMES).map(text);
  return {
    since: time(since),
    ...(until !== undefined && { until: time(until) }),
    // without one no later version proves anything
    version: version === undefined ? BELIEVED_VERSION : versionIn(version),
    dataKeys: texts(dataKeys).map((name) => keptValue(name)),
    fingerprints: texts(fps),
  };
}
