/**
 * The record of every ended rotation, one JSON line each, chained by hashes, so that a changed, removed or moved line
 * is found. It has key ids and fingerprints, never a key byte.
 *
 * The chain has no secret. So a person who may write the log can replace it, and lines cut off at either end are not
 * noticed. To detect that, the operator logs the beginning of each hash: see {@link headOf}.
 */
import { createHash } from 'node:crypto';
import { defined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';

export interface AuditRecord {
  readonly rotationId: string;
  /** `namespace/name` of the JwtKeyRotation. */
  readonly resource: string;
  readonly environment: string;
  readonly trigger: string;
  readonly actor: string;
  readonly reason: string;
  readonly from: AuditKey;
  readonly to: AuditKey;
  readonly keysetVersion: number;
  readonly targets: readonly {
    readonly kind: string;
    readonly name: string;
    readonly level: string;
    readonly pods: number;
    /** RFC 3339. When its template was last stamped. */
    readonly bumpedAt?: string;
    /** When the last of its pods had answered; absent if that is unknown for some pod. */
    readonly ackedAt?: string;
  }[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly outcome: string;
  /** When a cutover gave up the tokens of the old key. */
  readonly cutOverAt?: string;
  readonly failure?: string;
  /** Which part of its end was concluded and not observed; absent if every pod has answered. */
  readonly inferred?: string;
  /** For an emergency: its nonce, and the seconds from the new key to the last pod that accepted a burnt one. */
  readonly emergency?: { readonly nonce: string; readonly seconds: number; readonly burnt: readonly AuditKey[] };
  /** The steps that the operator has seen, oldest first; absent if it has seen none. */
  readonly steps?: readonly AuditStep[];
}

/** One write of the Secret during the rotation, and what followed it. Times are RFC 3339. */
export interface AuditStep {
  /** The phase that began with the write. */
  readonly phase: string;
  readonly keysetVersion: number;
  readonly at: string;
  /** The rotation goes back to the old key. */
  readonly back?: true;
  readonly targets: readonly {
    /** Such as `Deployment/main`. */
    readonly name: string;
    /** When its template was stamped for this version. */
    readonly bumpedAt?: string;
    /** When each pod proved by canaries that it had loaded this version, by the name of the pod. */
    readonly proved?: Readonly<Record<string, string>>;
    /** Pods for which that was concluded from their start. */
    readonly inferred?: readonly string[];
    /** How many more pods hold it that are not named here. */
    readonly more?: number;
  }[];
}

/** The fingerprint is absent where the key had left the Secret when the record was written. */
export interface AuditKey {
  readonly kid: string;
  readonly fp?: string;
  /** RFC 3339. When rekey made or found it; absent if that is no longer known. */
  readonly createdAt?: string;
}

/** Hash before the first record. */
export const GENESIS = '0'.repeat(64);
const MAX_RECORDS = 500;
/** A Kubernetes object has at most a megabyte. */
const MAX_BYTES = 800_000;
/** Records are flat. rekey did not write a deeper one, which may be too deep to read. */
const MAX_DEPTH = 8;
/** How much of a hash the operator's log shows: it hides longer ones as possible keys. */
const HEAD_DIGITS = 16;
/** A UUID has 36 characters. */
const MAX_ID = 64;

/** A record with its place in the chain. */
export interface Chained extends AuditRecord {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/** What {@link verifyLog} found. */
export interface Verdict {
  readonly records: number;
  /** Sequence numbers of the first and the last record; 0 where there is none. */
  readonly first: number;
  readonly last: number;
  /** Hash of the last record. */
  readonly head: string;
  /** The first fault: which record, and what is wrong with it. */
  readonly broken?: string;
}

/** @returns whether the rotation is in the log */
export function isRecorded(log: string, rotationId: string): boolean {
  return linesOf(log).some((line) => parsed(line)?.rotationId === rotationId);
}

/**
 * @param log JSON lines. An unreadable line stays unchanged, since it is evidence
 * @returns the log with the new record, without the oldest ones if it would be too long, and the hash of the new record
 */
export function appendRecord(log: string, record: AuditRecord): { readonly log: string; readonly hash: string } {
  const lines = linesOf(log);
  const last = parsed(lines.findLast((line) => parsed(line) !== undefined) ?? '');
  const unhashed = { seq: (last?.seq ?? 0) + 1, prev: last?.hash ?? GENESIS, ...record };
  const hash = hashOf(unhashed);
  const kept = [...lines, JSON.stringify({ ...unhashed, hash })].slice(-MAX_RECORDS);
  let bytes = kept.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  while (kept.length > 1 && bytes > MAX_BYTES) bytes -= Buffer.byteLength(kept.shift() ?? '') + 1;
  return { log: `${kept.join('\n')}\n`, hash };
}

/** @returns the beginning of a hash, to compare the last record with what the operator logged */
export function headOf(hash: string): string {
  return hash.slice(0, HEAD_DIGITS);
}

/** Verifies the chain from its first kept record to its last. */
export function verifyLog(log: string): Verdict {
  const records: Chained[] = [];
  const verdict = (broken?: string): Verdict => ({
    records: records.length,
    first: records[0]?.seq ?? 0,
    last: records.at(-1)?.seq ?? 0,
    head: records.at(-1)?.hash ?? GENESIS,
    ...defined({ broken }),
  });
  for (const [i, line] of linesOf(log).entries()) {
    const record = parsed(line);
    if (record === undefined) return verdict(`line ${i + 1} is not a record${unendedText(log, line)}`);
    const what = brokenIn(line, record, records.at(-1));
    if (what !== undefined) return verdict(`line ${i + 1} (rotation ${idOf(record)}, seq ${record.seq}) ${what}`);
    records.push(record);
  }
  return verdict();
}

/** Of a record that somebody may have changed: it goes into Events, the log and reports. */
function idOf({ rotationId }: Chained): string {
  return redactText(rotationId).slice(0, MAX_ID);
}

function brokenIn(line: string, record: Chained, before: Chained | undefined): string | undefined {
  const { hash, ...unhashed } = record;
  // rekey did not write a line that means the same but is written differently
  if (hashOf(unhashed) !== hash || JSON.stringify(record) !== line) return 'was changed after it was written';
  if (before === undefined) return record.seq === 1 && record.prev !== GENESIS ? 'is not the first' : undefined;
  if (record.prev === before.hash && record.seq === before.seq + 1) return undefined;
  return 'does not follow the one before it: a record was removed, inserted or moved';
}

/** @returns each line that has the fields of the chain, even if the chain is broken; other fields may be anything */
export function chainedIn(log: string): readonly Chained[] {
  return linesOf(log).flatMap((line) => parsed(line) ?? []);
}

/** Each line that rekey wrote ends with a line end. */
function unendedText(log: string, line: string): string {
  return log.endsWith(line) ? ', and has no line end: the end of the log may be missing' : '';
}

function linesOf(log: string): readonly string[] {
  return log.split('\n').filter((line) => line !== '');
}

function parsed(line: string): Chained | undefined {
  try {
    const value = JSON.parse(line) as Partial<Chained> | null;
    const known = typeof value?.seq === 'number' && typeof value.prev === 'string' && typeof value.hash === 'string';
    const flat = !isDeeper(value, MAX_DEPTH);
    return known && flat && typeof value.rotationId === 'string' ? (value as Chained) : undefined;
  } catch {
    return undefined;
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((field) => isDeeper(field, depth - 1));
}

/** Hashes the fields in the order of their names, so that the hash does not depend on the writer of the JSON. */
function hashOf(record: object): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(record)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, sorted(field)]));
}
