/**
 * What must outlive the Secret: all keys so far, which of them are burnt, the highest version, and when it was not as rekey
 * had written it. With the ledger, rekey recognizes a Secret that was restored from a backup or recreated with a burnt
 * key. It has key ids and fingerprints only.
 *
 * It is a fold over the observed keysets, so two ledgers can be merged in any order.
 */

import { keptValue } from '../api/said.ts';
import { iso } from '../schedule/duration.ts';
import {
  decodeForeign,
  encodeForeign,
  type ForeignTime,
  foreignGone,
  mergedForeign,
  withForeign,
} from './foreign-times.ts';
import { fields, list, oneOf, parseJson, text, time, versionIn } from './json.ts';
import { BELIEVED_VERSION, type BurntKey, type Keyset, type Kid, MAX_NONCES } from './keyset.ts';

/** Live: in the Secret when it was last observed. */
const STATES = ['live', 'retired', 'burnt'] as const;

export interface LedgerKey {
  readonly kid: Kid;
  readonly fingerprint: string;
  readonly state: (typeof STATES)[number];
  /** Since when the key has this state, milliseconds since the epoch. */
  readonly at: number;
}

export interface Ledger {
  /** The highest keyset version that was observed. */
  readonly version: number;
  readonly keys: readonly LedgerKey[];
  /** Nonces of the last emergencies that were served. */
  readonly emergencies: readonly string[];
  readonly foreign: readonly ForeignTime[];
}

export const EMPTY_LEDGER: Ledger = { version: 0, keys: [], emergencies: [], foreign: [] };

const MAX_RETIRED = 500;

/**
 * @param now milliseconds since the epoch
 * @returns the ledger after a look at the Secret; the same object if there was nothing new
 */
export function recorded(ledger: Ledger, keyset: Keyset, now: number): Ledger {
  if (keyset.version < believedVersion(ledger)) return ledger;
  const real = keyset.keys.filter(({ state }) => state !== 'ack');
  const found = [
    ...real.map(({ kid, fingerprint, createdAt }): LedgerKey => ({ kid, fingerprint, state: 'live', at: createdAt })),
    ...keyset.burnt.map(({ kid, fingerprint, burntAt }): LedgerKey => {
      return { kid, fingerprint, state: 'burnt', at: burntAt };
    }),
  ];
  const kept = new Set(found.map(({ kid }) => kid));
  const gone = ledger.keys
    .filter(({ kid }) => !kept.has(kid))
    .map((key): LedgerKey => (key.state === 'live' ? { ...key, state: 'retired', at: now } : key));
  const next = merged(ledger, {
    version: keyset.version,
    keys: [...gone, ...found],
    emergencies: noncesOf(keyset),
    foreign: [],
  });
  return withTimes(next, foreignGone(ledger.foreign, now));
}

/**
 * @param now milliseconds since the epoch
 * @returns the ledger after a look at a Secret that is not as rekey wrote it; the same object if it knew that
 */
export function recordedForeign(ledger: Ledger, seen: ForeignTime, now: number): Ledger {
  return withTimes(ledger, withForeign(ledger.foreign, seen, now));
}

/** @returns the ledger with these times; the same object if it has them */
export function withTimes(ledger: Ledger, foreign: readonly ForeignTime[]): Ledger {
  const text = (times: readonly ForeignTime[]) => JSON.stringify(times.map(encodeForeign));
  return text(ledger.foreign) === text(foreign) ? ledger : { ...ledger, foreign };
}

function noncesOf({ handled }: Keyset): readonly string[] {
  return handled.emergencies ?? [];
}

/** Burnt is for ever. A retired key that a person puts into use again is live from then on. */
function isLater(key: LedgerKey, known: LedgerKey): boolean {
  if (key.state === 'burnt' || known.state === 'burnt') return known.state !== 'burnt';
  if (key.state === known.state) return false;
  return key.state === 'retired' ? key.at >= known.at : key.at > known.at;
}

/** Everything that either of the two knows. For each key the later state counts, and burnt is for ever. */
export function merged(a: Ledger, b: Ledger): Ledger {
  const keys = new Map(a.keys.map((key) => [key.kid, key]));
  for (const key of b.keys) {
    const known = keys.get(key.kid);
    if (known === undefined || isLater(key, known)) keys.set(key.kid, key);
  }
  const version = Math.max(a.version, b.version);
  const emergencies = [...new Set([...a.emergencies, ...b.emergencies])].slice(-MAX_NONCES);
  const foreign = mergedForeign(a.foreign, b.foreign);
  const next = { version, keys: bounded([...keys.values()]), emergencies, foreign };
  return sameLedger(a, next) ? a : next;
}

/** The oldest retired keys leave first, burnt keys never. */
function bounded(keys: readonly LedgerKey[]): readonly LedgerKey[] {
  const retired = keys.filter(({ state }) => state === 'retired').toSorted((a, b) => a.at - b.at);
  const left = new Set(retired.slice(0, Math.max(0, retired.length - MAX_RETIRED)));
  return keys.filter((key) => !left.has(key));
}

/** @returns whether both say the same */
export function sameLedger(a: Ledger, b: Ledger): boolean {
  return a === b || encodeLedger(a) === encodeLedger(b);
}

/** The keys that were in the Secret when it was last observed. */
export function livingIn({ keys }: Ledger): readonly LedgerKey[] {
  return keys.filter(({ state }) => state === 'live');
}

/** @returns the burnt keys that it knows, as a keyset has them */
export function burntIn({ keys }: Ledger): readonly BurntKey[] {
  return keys
    .filter(({ state }) => state === 'burnt')
    .map(({ kid, fingerprint, at }) => ({ kid, fingerprint, burntAt: at }));
}

/** @returns its version, bounded: an invented version must not use up the numbers */
export function believedVersion({ version }: Pick<Ledger, 'version'>): number {
  return Math.min(version, BELIEVED_VERSION);
}

/** The text of the data key. */
export function encodeLedger({ version, keys, emergencies, foreign }: Ledger): string {
  const lines = keys.map(({ kid, fingerprint, state, at }) => ({ kid, fp: fingerprint, state, at: iso(at) }));
  const strangers = foreign.length > 0 && { foreign: foreign.map(encodeForeign) };
  return JSON.stringify({ version, keys: lines, emergencies, ...strangers });
}

/** @throws an error that says what is wrong with the text */
export function decodeLedger(encoded: string): Ledger {
  const { version, keys, emergencies, foreign = [] } = fields(parseJson(encoded));
  return {
    version: versionIn(version),
    keys: list(keys).map((value) => {
      const { kid, fp, state, at } = fields(value);
      return { kid: text(kid), fingerprint: text(fp), state: oneOf(STATES, state), at: time(at) };
    }),
    emergencies: list(emergencies).map((nonce) => keptValue(text(nonce))),
    foreign: list(foreign).map(decodeForeign),
  };
}
