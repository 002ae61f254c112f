/**
 * The record of every rotation that ended, one JSON line each, chained by hashes: a line that is changed, taken out or moved
 * is found. It holds key ids and fingerprints, never a key byte.
 *
 * The chain has no secret, so whoever may write the whole log may write another. Against that, and against a tail that is
 * cut off, each hash is in the operator's log too.
 */
import { createHash } from 'node:crypto';

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
  }[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly outcome: string;
  readonly failure?: string;
  /** Of an emergency: its nonce, and the seconds from the fresh key to the last pod that accepted a burnt one. */
  readonly emergency?: { readonly nonce: string; readonly seconds: number; readonly burnt: readonly AuditKey[] };
}

/** The fingerprint is absent where the key had left the Secret when the record was written. */
export interface AuditKey {
  readonly kid: string;
  readonly fp?: string;
}

/** Hash before the first record. */
export const GENESIS = '0'.repeat(64);
const MAX_RECORDS = 500;
/** An object of Kubernetes has a megabyte at most. */
const MAX_CHARACTERS = 800_000;

interface Chained extends AuditRecord {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/** What {@link verifyLog} found. */
export interface Verdict {
  readonly records: number;
  /** Hash of the last record. */
  readonly head: string;
  /** The first thing that is wrong: which record, and what of it. */
  readonly broken?: string;
}

/** @returns whether the rotation is in the log */
export function isRecorded(log: string, rotationId: string): boolean {
  return linesOf(log).some((line) => parsed(line)?.rotationId === rotationId);
}

/**
 * @param log JSON lines. One that cannot be read stays as it is: it is evidence
 * @returns the log with one record more, without the oldest if it would be too long, and the hash of the new record
 */
export function appendRecord(log: string, record: AuditRecord): { readonly log: string; readonly hash: string } {
  const lines = linesOf(log);
  const last = lines.map(parsed).findLast((line) => line !== undefined);
  const unhashed = { seq: (last?.seq ?? 0) + 1, prev: last?.hash ?? GENESIS, ...record };
  const hash = hashOf(unhashed);
  const kept = [...lines, JSON.stringify({ ...unhashed, hash })].slice(-MAX_RECORDS);
  while (kept.length > 1 && kept.reduce((sum, line) => sum + line.length + 1, 0) > MAX_CHARACTERS) kept.shift();
  return { log: `${kept.join('\n')}\n`, hash };
}

/** Reads the chain from its first kept record to its last. */
export function verifyLog(log: string): Verdict {
  const lines = linesOf(log);
  let before: Chained | undefined;
  for (const [i, line] of lines.entries()) {
    const record = parsed(line);
    const broken = (what: string): Verdict => ({
      records: i,
      head: before?.hash ?? GENESIS,
      broken: `line ${i + 1}${what}`,
    });
    if (record === undefined) return broken(' is no record');
    const where = ` (rotation ${record.rotationId}, seq ${record.seq})`;
    const { hash, ...unhashed } = record;
    if (hashOf(unhashed) !== hash) return broken(`${where} was changed after it was written`);
    if (before === undefined && record.seq === 1 && record.prev !== GENESIS) return broken(`${where} is not the first`);
    if (before !== undefined && (record.prev !== before.hash || record.seq !== before.seq + 1)) {
      return broken(`${where} does not follow the one before it: a record was taken out, put in or moved`);
    }
    before = record;
  }
  return { records: lines.length, head: before?.hash ?? GENESIS };
}

function linesOf(log: string): readonly string[] {
  return log.split('\n').filter((line) => line !== '');
}

function parsed(line: string): Chained | undefined {
  try {
    const value = JSON.parse(line) as Partial<Chained> | null;
    const known = typeof value?.seq === 'number' && typeof value.prev === 'string' && typeof value.hash === 'string';
    return known && typeof value.rotationId === 'string' ? (value as Chained) : undefined;
  } catch {
    return undefined;
  }
}

/** Over the fields in the order of their names, so that it is the same whoever writes the JSON. */
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
