/**
 * Keys that somebody else put into the Secret for a while, burnt ones among them. A pod that started meanwhile accepts
 * them until it starts again, and nothing else would show that: rekey does not have these keys, so it cannot ask.
 */
import { defined, ifDefined } from '../../base/objects.ts';
import { iso } from '../schedule/duration.ts';
import { fields, type Json, list, text, time } from './json.ts';

export interface ForeignKeys {
  /** Where they stood. */
  readonly dataKey: string;
  readonly fingerprints: readonly string[];
  /** Since when, as far as the Secret showed it, milliseconds since the epoch. */
  readonly since: number;
  /** When the Secret was seen without them; undefined while they are there. */
  readonly until?: number;
}

const MOST = 8;
const MOST_KEYS = 16;

/** @returns the list with what was just seen; an entry that is open already goes on */
export function withForeign(known: readonly ForeignKeys[], seen: ForeignKeys): readonly ForeignKeys[] {
  const same = known.filter(({ dataKey }) => dataKey === seen.dataKey);
  const open = same.find(({ until }) => until === undefined);
  // the time of a write is cut off to seconds, and may be that of an entry that has ended
  const ended = Math.max(...same.map(({ until = 0 }) => until));
  return mergedForeign(known, [{ ...seen, since: open?.since ?? Math.max(seen.since, ended) }]);
}

/** @returns the list, each entry closed, since the Secret has only keys of rekey now */
export function foreignGone(known: readonly ForeignKeys[], now: number): readonly ForeignKeys[] {
  return known.map((entry) => ({ ...entry, until: entry.until ?? now }));
}

/** Everything that either of the two knows, the latest entries. An entry that one of them saw end has ended. */
export function mergedForeign(a: readonly ForeignKeys[], b: readonly ForeignKeys[]): readonly ForeignKeys[] {
  const entries = new Map<string, ForeignKeys>();
  for (const entry of [...a, ...b]) {
    const id = `${entry.since} ${entry.dataKey}`;
    entries.set(id, joined(entries.get(id) ?? entry, entry));
  }
  const order = (one: ForeignKeys, other: ForeignKeys) =>
    one.since - other.since || (one.dataKey < other.dataKey ? -1 : 1);
  return [...entries.values()].toSorted(order).slice(-MOST);
}

function joined(one: ForeignKeys, other: ForeignKeys): ForeignKeys {
  const fingerprints = [...new Set([...one.fingerprints, ...other.fingerprints])].toSorted().slice(0, MOST_KEYS);
  const ends = [one.until, other.until].filter((until) => until !== undefined);
  const { dataKey, since } = one;
  return { dataKey, fingerprints, since, ...(ends.length > 0 && { until: Math.min(...ends) }) };
}

/** The form in the ledger. */
export function encodeForeign({ dataKey, fingerprints, since, until }: ForeignKeys): Json {
  return { dataKey, fps: fingerprints, since: iso(since), ...defined({ until: ifDefined(until, iso) }) };
}

/** @throws an error that says what is wrong with it */
export function decodeForeign(value: Json): ForeignKeys {
  const { dataKey, fps, since, until } = fields(value);
  return {
    ...{ dataKey: text(dataKey), fingerprints: list(fps).map(text), since: time(since) },
    ...(until !== undefined && { until: time(until) }),
  };
}
