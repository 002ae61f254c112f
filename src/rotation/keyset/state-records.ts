/**
 * The records in the annotations of the Secret, as JSON and back. Times are RFC 3339 so that people can read them.
 * A decoder throws if a field is absent or has another type than it must have.
 */
import { defined, ifDefined } from '../../base/objects.ts';
import { keptReason, keptValue, MAX_REASON } from '../api/said.ts';
import { iso } from '../schedule/duration.ts';
import { fields, integer, type Json, list, oneOf, text, time } from './json.ts';
import type {
  Attempts,
  BurntKey,
  Emergency,
  Evidence,
  Handled,
  KeyRecord,
  RotationRecord,
  Shape,
  Withdrawn,
} from './keyset.ts';

const KEY_STATES: readonly KeyRecord['state'][] = ['staged', 'signing', 'draining', 'found', 'ack'];
const WEAKNESSES: readonly NonNullable<KeyRecord['weakness']>[] = ['PubliclyKnown', 'Guessable'];
const TRIGGERS: readonly RotationRecord['trigger'][] = [
  'Schedule',
  'Annotation',
  'ForceRotation',
  'Emergency',
  'Command',
];
const OUTCOMES: readonly NonNullable<RotationRecord['outcome']>[] = [
  'Completed',
  'Aborted',
  'RolledBack',
  'Interrupted',
];

const EVIDENCE: readonly Evidence[] = ['Observed', 'Inferred'];

/** Writes a key. */
export function encodeKey({ kid, fingerprint, state, createdAt, lastSignerExit, weakness }: KeyRecord) {
  const optional = defined({ lastSignerExit: ifDefined(lastSignerExit, iso), weakness });
  return { kid, fp: fingerprint, state, createdAt: iso(createdAt), ...optional };
}

/** Reads a key. */
export function decodeKey(value: Json): KeyRecord {
  const { kid, fp, state, createdAt, lastSignerExit, weakness } = fields(value);
  return {
    kid: text(kid),
    fingerprint: text(fp),
    state: oneOf(KEY_STATES, state),
    createdAt: time(createdAt),
    ...defined({
      lastSignerExit: ifDefined(lastSignerExit, time),
      weakness: ifDefined(weakness, (weakness) => oneOf(WEAKNESSES, weakness)),
    }),
  };
}

/** Writes what one version of the Secret signed with and accepted. */
export function encodeShape({ version, writtenAt, sign, verify }: Shape) {
  return { v: version, at: iso(writtenAt), sign, verify };
}

/** Reads what one version of the Secret signed with and accepted. */
export function decodeShape(value: Json): Shape {
  const { v, at, sign, verify } = fields(value);
  return { version: integer(v), writtenAt: time(at), sign: text(sign), verify: list(verify).map(text) };
}

/** Reads the requests that were served. */
export function decodeHandled(value: Json): Handled {
  const { rotateAt, abortAt, withdrawAt, forceReason, withdrawn, emergencies } = fields(value);
  return defined({
    rotateAt: ifDefined(rotateAt, kept),
    abortAt: ifDefined(abortAt, kept),
    withdrawAt: ifDefined(withdrawAt, kept),
    forceReason: ifDefined(forceReason, (forceReason) => keptValue(text(forceReason), MAX_REASON)),
    withdrawn: ifDefined(withdrawn, decodeWithdrawn),
    emergencies: ifDefined(emergencies, (emergencies) => list(emergencies).map(kept)),
  });
}

function decodeWithdrawn(value: Json): Withdrawn {
  const { rotateAt, forceReason } = fields(value);
  return defined({
    rotateAt: ifDefined(rotateAt, kept),
    forceReason: ifDefined(forceReason, (forceReason) => keptValue(text(forceReason), MAX_REASON)),
  });
}

/** Writes when rotations were tried. */
export function encodeAttempts({
  since,
  failures,
  rotatedAt,
  evidence,
  promotingMs,
  failedAt,
  lastWriteAt,
}: Attempts): object {
  return {
    since: iso(since),
    failures: failures,
    ...defined({
      rotatedAt: ifDefined(rotatedAt, iso),
      evidence: evidence,
      promotingMs: promotingMs,
      failedAt: ifDefined(failedAt, iso),
      lastWriteAt: ifDefined(lastWriteAt, iso),
    }),
  };
}

/** Reads when rotations were tried. */
export function decodeAttempts(value: Json): Attempts {
  const { since, rotatedAt, evidence, promotingMs, failures, failedAt, lastWriteAt } = fields(value);
  return {
    since: time(since),
    failures: integer(failures),
    ...defined({
      rotatedAt: ifDefined(rotatedAt, time),
      evidence: ifDefined(evidence, (evidence) => oneOf(EVIDENCE, evidence)),
      promotingMs: ifDefined(promotingMs, integer),
      failedAt: ifDefined(failedAt, time),
      lastWriteAt: ifDefined(lastWriteAt, time),
    }),
  };
}

/** Writes a burnt key. */
export function encodeBurnt({ kid, fingerprint, burntAt }: BurntKey) {
  return { kid, fp: fingerprint, burntAt: iso(burntAt) };
}

/** Reads a burnt key. */
export function decodeBurnt(value: Json): BurntKey {
  const { kid, fp, burntAt } = fields(value);
  return { kid: text(kid), fingerprint: text(fp), burntAt: time(burntAt) };
}

/** Writes an emergency. */
export function encodeEmergency({ writtenAt, goneAt, ...rest }: Emergency) {
  return { ...rest, writtenAt: iso(writtenAt), ...defined({ goneAt: ifDefined(goneAt, iso) }) };
}

/** Reads an emergency. */
export function decodeEmergency(value: Json): Emergency {
  const { nonce, reason, writtenAt, goneAt, inferred, residue, residueIncomplete } = fields(value);
  return {
    nonce: kept(nonce),
    reason: keptReason(text(reason)),
    writtenAt: time(writtenAt),
    ...defined({
      goneAt: ifDefined(goneAt, time),
      inferred: ifDefined(inferred, text),
      residue: ifDefined(residue, (residue) => list(residue).map(text)),
      residueIncomplete: ifDefined(residueIncomplete, text),
    }),
  };
}

/** Writes a rotation. */
export function encodeRotation(rotation: RotationRecord): object {
  const { startedAt, finishedAt, cutOverAt, interrupted, ...rest } = rotation;
  return {
    ...rest,
    startedAt: iso(startedAt),
    ...defined({
      finishedAt: ifDefined(finishedAt, iso),
      cutOverAt: ifDefined(cutOverAt, iso),
      interrupted: interrupted?.map(encodeRotation),
    }),
  };
}

/** Reads a rotation. */
export function decodeRotation(value: Json): RotationRecord {
  const { id, trigger, actor, reason, from, to, startedAt, drainMs } = fields(value);
  const { keyBytes, failure, finishedAt, outcome, cutOverAt, inferred, interrupted } = fields(value);
  return {
    id: text(id),
    trigger: oneOf(TRIGGERS, trigger),
    actor: text(actor),
    reason: keptReason(text(reason)),
    from: text(from),
    to: text(to),
    startedAt: time(startedAt),
    drainMs: integer(drainMs),
    ...defined({
      keyBytes: ifDefined(keyBytes, integer),
      failure: ifDefined(failure, decodeFailure),
      finishedAt: ifDefined(finishedAt, time),
      outcome: ifDefined(outcome, (outcome) => oneOf(OUTCOMES, outcome)),
      cutOverAt: ifDefined(cutOverAt, time),
      inferred: ifDefined(inferred, text),
      interrupted: ifDefined(interrupted, (interrupted) => list(interrupted).map(decodeRotation)),
    }),
  };
}

function decodeFailure(value: Json): NonNullable<RotationRecord['failure']> {
  const { reason, message } = fields(value);
  return { reason: text(reason), message: text(message) };
}

/** An earlier version wrote texts of people unchecked. */
function kept(value: Json | undefined): string {
  return keptValue(text(value));
}
