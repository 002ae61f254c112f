/**
 * The keyset as annotations of the Secret, and back.
 */

import { defined, ifDefined } from '../../base/objects.ts';
import { STATE } from '../api/names.ts';
import { fields, integer, type Json, list, parseJson } from './json.ts';
import type { Keyset, Phase } from './keyset.ts';
import { contradiction } from './plausible.ts';
import {
  decodeAttempts,
  decodeBurnt,
  decodeEmergency,
  decodeHandled,
  decodeKey,
  decodeRotation,
  decodeShape,
  encodeAttempts,
  encodeBurnt,
  encodeEmergency,
  encodeKey,
  encodeRotation,
  encodeShape,
} from './state-records.ts';

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
    [STATE.attempts]: JSON.stringify(encodeAttempts(attempts)),
    [STATE.burnt]: JSON.stringify(burnt.map(encodeBurnt)),
    ...defined({
      [STATE.emergency]: ifDefined(emergency, (emergency) => JSON.stringify(encodeEmergency(emergency))),
      [STATE.rotation]: ifDefined(rotation, (rotation) => JSON.stringify(encodeRotation(rotation))),
    }),
  };
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
  const optional = <T>(name: string, parse: (value: Json) => T) =>
    ifDefined(annotations[name], () => read(name, parse));
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
    burnt: optional(STATE.burnt, (value) => list(value).map(decodeBurnt)) ?? [],
    ...defined({
      rotation: optional(STATE.rotation, decodeRotation),
      emergency: optional(STATE.emergency, decodeEmergency),
    }),
  };
}
