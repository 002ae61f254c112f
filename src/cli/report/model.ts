/**
 * The content of a report about one rotation, from its record, from earlier records and from the ledger beside them.
 * What the record does not have is listed as not recorded, never invented.
 */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { type AuditKey, type Chained, chainedIn, type Verdict, verifyLog } from '../../rotation/audit/audit-log.ts';
import { decodeRecord } from '../../rotation/audit/decode-record.ts';
import { decodeLedger, type Ledger } from '../../rotation/keyset/ledger.ts';
import { oneLine } from '../../rotation/people/text.ts';
import { iso } from '../../rotation/schedule/duration.ts';
import { rekeyCommand } from '../pasted.ts';
import { CommandError, EXIT } from '../terminal.ts';
import { notObserved, notRecorded } from './gaps.ts';
import { type Phase, phasesOf } from './phases.ts';

/** The texts of a ConfigMap, for {@link reportOf}. */
export interface Source {
  /** Their origin, for people. */
  readonly name: string;
  readonly log: string;
  readonly ledger?: string;
  /** The resource, if the log is the one in its cluster. */
  readonly resource?: JwtKeyRotation;
}

/** What became of a key, by the log and the ledger. Times are RFC 3339. */
export interface Key {
  readonly kid: string;
  readonly fingerprint?: string;
  readonly part: 'old' | 'new' | 'burnt';
  /** When rekey made or found it. */
  readonly createdAt?: string;
  /** Its age at the end of the rotation, whole seconds. */
  readonly ageSeconds?: number;
  /** Its current state in the ledger: live, retired or burnt, and since when. */
  readonly state?: string;
  readonly stateSince?: string;
}

/** One rotation. Times are RFC 3339. */
export interface Report {
  readonly madeAt: string;
  readonly source: string;
  readonly chain: Verdict;
  /** What the reader must know first, one sentence each, such as that the status knows a later rotation. */
  readonly notes: readonly string[];
  readonly rotation: Chained;
  /** Whole seconds from its first write to its last. */
  readonly seconds: number;
  readonly phases: readonly Phase[];
  readonly keys: readonly Key[];
  /** Conclusions, as opposed to answers of pods. */
  readonly inferred: readonly string[];
  readonly notRecorded: readonly string[];
}

/**
 * @param seq number of the record; the last one if absent
 * @param now milliseconds since the epoch
 * @throws CommandError if there is no such record, or it cannot be read
 */
export function reportOf({ name, log, ledger, resource }: Source, seq: number | undefined, now: number): Report {
  const records = chainedIn(log);
  const found = seq === undefined ? records.at(-1) : records.find((record) => record.seq === seq);
  if (found === undefined) throw new CommandError(noneText(name, records, seq), EXIT.failed);
  const rotation = decoded(found, name);
  const phases = phasesOf(rotation);
  return {
    madeAt: iso(now),
    source: name,
    chain: verifyLog(log),
    notes: resource === undefined ? [] : notesOf(resource, records),
    rotation,
    seconds: secondsBetween(rotation.startedAt, rotation.finishedAt),
    phases,
    keys: keysOf(rotation, records, ledgerIn(ledger)),
    inferred: notObserved(rotation),
    notRecorded: notRecorded(rotation, phases),
  };
}

/** The operator writes a record in the background, and only when a rotation has ended. */
function notesOf(resource: JwtKeyRotation, records: readonly Chained[]): readonly string[] {
  const { rotation, phase, history } = resource.status ?? {};
  const [newest] = history ?? [];
  const isMissing = newest !== undefined && !records.some(({ rotationId }) => rotationId === newest.id);
  return [
    ...(isMissing
      ? [
          `A later rotation, ${newest.outcome} at ${newest.finishedAt ?? 'an unknown time'}, is not in the log yet. If that stays so: ${rekeyCommand('check', resource)}`,
        ]
      : []),
    ...(rotation === undefined
      ? []
      : [`A rotation is under way since ${rotation.startedAt}, in phase ${phase}. It is recorded when it has ended.`]),
  ];
}

/** @returns whole seconds; 0 if the second time is earlier */
function secondsBetween(from: string, to: string): number {
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}

function noneText(name: string, records: readonly Chained[], seq: number | undefined): string {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return `${name}: no rotation is recorded in it yet`;
  return `--rotation ${seq}: ${name} has the records ${first.seq} to ${last.seq}`;
}

function decoded(record: Chained, name: string): Chained {
  try {
    return decodeRecord(record);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    throw new CommandError(`${name}: record ${record.seq} cannot be shown: ${oneLine(why)}`, EXIT.failed);
  }
}

/** An unreadable ledger adds nothing; `kubectl rekey status` reports it. */
function ledgerIn(text: string | undefined): Ledger['keys'] {
  try {
    return text === undefined ? [] : decodeLedger(text).keys;
  } catch {
    return [];
  }
}

function keysOf(rotation: Chained, records: readonly Chained[], ledger: Ledger['keys']): readonly Key[] {
  const { from, to, emergency } = rotation;
  const burnt = (emergency?.burnt ?? []).filter(({ kid }) => kid !== from.kid && kid !== to.kid);
  const parts = [
    { key: from, part: 'old' as const },
    { key: to, part: 'new' as const },
    ...burnt.map((key) => ({ key, part: 'burnt' as const })),
  ];
  return parts.map(({ key, part }) => keyOf(key, part, rotation, records, ledger));
}

function keyOf(
  key: AuditKey,
  part: Key['part'],
  rotation: Chained,
  records: readonly Chained[],
  ledger: Ledger['keys'],
): Key {
  const known = ledger.find(({ kid }) => kid === key.kid);
  const createdAt = key.createdAt ?? bornIn(records, rotation, key.kid);
  return {
    ...{ kid: key.kid, part },
    ...defined({ fingerprint: key.fp }),
    ...(createdAt !== undefined && { createdAt, ageSeconds: secondsBetween(createdAt, rotation.finishedAt) }),
    ...(known && { state: known.state, stateSince: iso(known.at) }),
  };
}

/** @returns when the rotation that made the key began, if the log has an earlier record of it */
function bornIn(records: readonly Chained[], { seq }: Chained, kid: string): string | undefined {
  const born = records.find((record) => record.seq < seq && record.to?.kid === kid);
  // of the other records nothing was looked at
  const at = typeof born?.startedAt === 'string' ? Date.parse(born.startedAt) : Number.NaN;
  return Number.isNaN(at) ? undefined : iso(at);
}
