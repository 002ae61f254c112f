/**
 * The state of the rotation of one environment, in `.rekey/ENVIRONMENT.json` beside rekey.yaml. It has no key byte: the
 * keys are in the .env files, and the state has their ids and fingerprints.
 */
import { join } from 'node:path';
import { mapOf } from '../base/objects.ts';
import { fields, integer, type Json, list, oneOf, parseJson, text, time } from '../rotation/keyset/json.ts';
import type { Keyset } from '../rotation/keyset/keyset.ts';
import { decodeState, encodeState, StateError } from '../rotation/keyset/state.ts';
import { StateUnusable } from './error.ts';

/** Why a service that cannot be asked counts as having loaded a version. */
export const WITNESSES = ['Command', 'Person'] as const;
export type Witness = (typeof WITNESSES)[number];

/** A restart of a service when its file had this version. */
export interface Reload {
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Its reload command succeeded, or a person confirmed it. */
  readonly by: Witness;
  /** The service was seen to accept a burnt key after it. Only those who burnt the key can see that: no file has it. */
  readonly refuted?: true;
}

/** A key that people made, and what was known of its age when rekey adopted it. */
export interface FoundKey {
  readonly fingerprint: string;
  /** The key is at least this old: a file with it has not changed since then. Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface EnvState {
  readonly keyset: Keyset;
  /** The keys of the keyset that people made. */
  readonly found: readonly FoundKey[];
  /** The last restart of each service. */
  readonly reloads: Readonly<Record<string, Reload>>;
  /** How often the keys of a service were put back into its file: a restart meanwhile may have loaded others. */
  readonly restored: Readonly<Record<string, number>>;
  /** Services whose files have the keyset. None of them may be forgotten during a rotation. */
  readonly services: readonly string[];
}

/** Folder of all state, beside rekey.yaml. Git ignores it: it belongs to the files of this machine. */
export const STATE_FOLDER = '.rekey';
const FORMAT = 1;
/** What a person must know who removes a state. */
export const FORGETS = 'Which keys were burnt is forgotten by that: a key that has leaked must not be taken over';

/** @returns the absolute path of the state of an environment */
export function statePath(root: string, environment: string): string {
  return join(root, STATE_FOLDER, `${environment}.json`);
}

/** @returns where an emergency keeps a state that it could not use */
export function setAsidePath(root: string, environment: string, now: number): string {
  return `${statePath(root, environment)}.unusable-${new Date(now).toISOString().replaceAll(':', '')}`;
}

/** @returns the environment whose state an emergency has kept under this name; undefined if it is no such name */
export function setAsideOf(name: string): string | undefined {
  return /^([a-z0-9][a-z0-9_-]*)\.json\.unusable-/.exec(name)?.[1];
}

/** @returns why nothing is known of an environment of which there is only a state that was set aside */
export function onlyAsideText(environment: string, names: readonly string[]): string {
  const [path, list] = [`${STATE_FOLDER}/${environment}.json`, names.join(', ')];
  return `${path}: it is gone, and an emergency has set aside what was there before (${list}), so which keys were burnt may not be known`;
}

/** @returns the text of the file */
export function encodeEnvState({ keyset, found, reloads, restored, services }: EnvState): Buffer {
  const loaded = Object.entries(reloads).map(([service, { at, ...reload }]) => {
    return [service, { ...reload, at: new Date(at).toISOString() }] as const;
  });
  const keys = found.map((key) => ({ ...key, state: 'found', createdAt: new Date(key.createdAt).toISOString() }));
  const known = { found: keys, reloads: Object.fromEntries(loaded), restored, services };
  const state = { format: FORMAT, keyset: encodeState(keyset), ...known };
  return Buffer.from(`${JSON.stringify(state, undefined, 2)}\n`);
}

/**
 * @param path for messages
 * @throws StateUnusable if rekey has not written it, or somebody has changed it
 */
export function decodeEnvState(bytes: Buffer, path: string): EnvState {
  try {
    const { format, keyset, found, reloads, restored, services } = fields(parseJson(bytes.toString('utf8')));
    if (typeof format === 'number' && format > FORMAT) {
      const what = `${path}: has format ${format}, and this rekey knows ${FORMAT}`;
      throw new StateUnusable(what, '. A newer rekey has written it; nothing is written until you use the newer rekey');
    }
    if (format !== FORMAT) throw new Error(`has format ${JSON.stringify(format)}, and this rekey knows ${FORMAT}`);
    const annotations = Object.fromEntries(Object.entries(fields(keyset)).map(([name, text]) => [name, String(text)]));
    return {
      keyset: decodeState(annotations),
      found: foundIn(found),
      reloads: reloadsIn(fields(reloads)),
      restored: restored === undefined ? mapOf<number>() : restoredIn(fields(restored)),
      services: services === undefined ? [] : list(services).map(text),
    };
  } catch (error) {
    if (error instanceof StateUnusable) throw error;
    const what = error instanceof StateError ? error.message.replaceAll('annotation ', '') : (error as Error).message;
    throw new StateUnusable(
      `${path}: ${what}`,
      '. Nothing is written until it is put right: restore the file, or remove it to take the keys over as they are now (whether an old key may still be needed is then not known). ' +
        FORGETS,
    );
  }
}

function foundIn(found: Json | undefined): EnvState['found'] {
  return (found === undefined ? [] : list(found)).map((value) => {
    const { fingerprint, createdAt } = fields(value);
    return { fingerprint: text(fingerprint), createdAt: time(createdAt) };
  });
}

function reloadsIn(reloads: ReturnType<typeof fields>): EnvState['reloads'] {
  const entries = Object.entries(reloads).map(([service, value]): [string, Reload] => {
    const { version, at, by, refuted } = fields(value);
    const reload = { version: integer(version), at: time(at), by: oneOf(WITNESSES, by) };
    return [service, refuted === true ? { ...reload, refuted } : reload];
  });
  return mapOf(entries);
}

function restoredIn(restored: ReturnType<typeof fields>): EnvState['restored'] {
  return mapOf(Object.entries(restored).map(([service, times]): [string, number] => [service, integer(times)]));
}
