/**
 * The keyset as annotations of the Secret, and back. Times are RFC 3339 so that people can read them.
 */

import { defined, ifDefined } from '../../base/objects.ts';
import { STATE } from '../api/names.ts';
import { keptReason, keptValue, MAX_REASON } from '../api/said.ts';
import { iso } from '../schedule/duration.ts';
import { fields, integer, type Json, list, oneOf, parseJson, text, time } from './json.ts';
import type {
  Attempts,
  BurntKey,
  Emergency,
  Evidence,
  Handled,
  KeyRecord,
  Keyset,
  Phase,
  RotationRecord,
  Shape,
  Withdrawn,
} from './keyset.ts';
import { contradiction } from './plausible.ts';

const PHASES: readonly Phase[] = [
  'Steady',
  'Staging',
  'Promoting',
  'Draining',
  'Retiring',
  'Aborting',
  'Switching',
  'Burning',
];
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

/** @returns the annotations that hold the keyset, by name */
export function encodeState(keyset: Keyset): Readonly<Record<string, string>> {
  const { rotation, attempts, burnt, emergency } = keyset;
  return {
    [STATE.version]: String(keyset.version),
    [STATE.phase]: keyset.phase,
    [STATE.keys]: JSON.stringify(keyset.keys.map(encodeKey)),
    [STATE.acked]: JSON.stringify(keyset.acked),
    [STATE.history]: JSON.stringify(keyset.history.map(encodeShape)),
    [STATE.handled]: JSON.stringify(keyset.handled),
    [STATE.attempts]: JSON.stringify({
      since: iso(attempts.since),
      failures: attempts.failures,
      ...defined({
        rotatedAt: ifDefined(attempts.rotatedAt, iso),
        evidence: attempts.evidence,
        promotingMs: attempts.promotingMs,
        failedAt: ifDefined(attempts.failedAt, iso),
        lastWriteAt: ifDefined(attempts.lastWriteAt, iso),
      }),
    }),
    [STATE.burnt]: JSON.stringify(burnt.map(encodeBurnt)),
    ...defined({
      [STATE.emergency]: ifDefined(emergency, (emergency) => JSON.stringify(encodeEmergency(emergency))),
      [STATE.rotation]: ifDefined(rotation, (rotation) => JSON.stringify(encodeRotation(rotation))),
    }),
  };
}

function encodeKey({ kid, fingerprint, state, createdAt, lastSignerExit, weakness }: KeyRecord) {
  const exit = lastSignerExit === undefined ? {} : { lastSignerExit: iso(lastSignerExit) };
  return { kid, fp: fingerprint, state, createdAt: iso(createdAt), ...exit, ...defined({ weakness }) };
}

function encodeBurnt({ kid, fingerprint, burntAt }: BurntKey) {
  return { kid, fp: fingerprint, burntAt: iso(burntAt) };
}

function encodeEmergency({ writtenAt, goneAt, ...rest }: Emergency) {
  return { ...rest, writtenAt: iso(writtenAt), ...defined({ goneAt: ifDefined(goneAt, iso) }) };
}

function encodeShape({ version, writtenAt, sign, verify }: Shape) {
  return { v: version, at: iso(writtenAt), sign, verify };
}

function encodeRotation(rotation: RotationRecord): object {
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

/** An earlier version has written what people had said as it was. */
function kept(value: Json | undefined): string {
  return keptValue(text(value));
}

/** The annotations were not written by rekey, or were changed. */
export class StateError extends Error {}

/**
 * @param annotations of a Secret that carries rekey.dev/keyset-version
 * @throws {StateError} naming the annotation and what is wrong with it
 */
export function decodeState(annotations: Readonly<Record<string, string>>): Keyset {
  const keyset = parseState(annotations);
  const wrong = contradiction(keyset);
  if (wrong !== undefined) throw new StateError(`the annotations contradict each other: ${wrong}`);
  return keyset;
}

/** As {@link decodeState}, whether the annotations contradict each other or not. */
export function parseState(annotations: Readonly<Record<string, string>>): Keyset {
  const read = <T>(name: string, parse: (value: Json) => T): T => {
    try {
      return parse(parseJson(annotations[name]));
    } catch (error) {
      throw new StateError(`annotation ${name}: ${error instanceof Error ? error.message : 'unreadable'}`);
    }
  };
  const history = read(STATE.history, (value) => list(value).map(decodeShape));
  const version = read(STATE.version, (value) => integer(value));
  if (history.at(-1)?.version !== version)
    throw new StateError(`annotation ${STATE.history}: does not end in version ${version}`);
  const phase = PHASES.find((known) => known === annotations[STATE.phase]);
  if (phase === undefined) throw new StateError(`annotation ${STATE.phase}: is not a phase`);
  const rotation = annotations[STATE.rotation] === undefined ? undefined : read(STATE.rotation, decodeRotation);
  const emergency = annotations[STATE.emergency] === undefined ? undefined : read(STATE.emergency, decodeEmergency);
  return {
    version,
    phase,
    keys: read(STATE.keys, (value) => list(value).map(decodeKey)),
    acked: read(STATE.acked, (value) => {
      const roles = fields(value);
      return { Signer: integer(roles.Signer), Verifier: integer(roles.Verifier) };
    }),
    history,
    handled: read(STATE.handled, decodeHandled),
    attempts: read(STATE.attempts, decodeAttempts),
    ...defined({ rotation }),
    burnt: annotations[STATE.burnt] === undefined ? [] : read(STATE.burnt, (value) => list(value).map(decodeBurnt)),
    ...defined({ emergency }),
  };
}

function decodeAttempts(value: Json): Attempts {
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

function decodeBurnt(value: Json): BurntKey {
  const { kid, fp, burntAt } = fields(value);
  return { kid: text(kid), fingerprint: text(fp), burntAt: time(burntAt) };
}

function decodeEmergency(value: Json): Emergency {
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

function decodeKey(value: Json): KeyRecord {
  const { kid, fp, state, createdAt, lastSignerExit, weakness } = fields(value);
  const exit = lastSignerExit === undefined ? {} : { lastSignerExit: time(lastSignerExit) };
  return {
    kid: text(kid),
    fingerprint: text(fp),
    state: oneOf(KEY_STATES, state),
    createdAt: time(createdAt),
    ...exit,
    ...defined({ weakness: ifDefined(weakness, (weakness) => oneOf(WEAKNESSES, weakness)) }),
  };
}

function decodeShape(value: Json): Shape {
  const { v, at, sign, verify } = fields(value);
  return { version: integer(v), writtenAt: time(at), sign: text(sign), verify: list(verify).map(text) };
}

function decodeHandled(value: Json): Handled {
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

function decodeRotation(value: Json): RotationRecord {
  const { id, trigger, actor, reason, from, to, startedAt, drainMs } = fields(value);
  const { keyBytes, failure, finishedAt, outcome, cutOverAt, inferred, interrupted } = fields(value);
  const failed = failure === undefined ? undefined : fields(failure);
  return {
    id: text(id),
    trigger: oneOf(TRIGGERS, trigger),
    actor: text(actor),
    reason: keptReason(text(reason)),
    from: text(from),
    to: text(to),
    startedAt: time(startedAt),
    drainMs: integer(drainMs),
    ...defined({ keyBytes: ifDefined(keyBytes, integer) }),
    ...(failed && { failure: { reason: text(failed.reason), message: text(failed.message) } }),
    ...defined({
      finishedAt: ifDefined(finishedAt, time),
      outcome: ifDefined(outcome, (outcome) => oneOf(OUTCOMES, outcome)),
      cutOverAt: ifDefined(cutOverAt, time),
      inferred: ifDefined(inferred, text),
      interrupted: ifDefined(interrupted, (interrupted) => list(interrupted).map(decodeRotation)),
    }),
  };
}
