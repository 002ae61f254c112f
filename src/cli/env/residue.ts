/**
 * Where burnt keys still stand after an emergency, and who else uses them, for people.
 */
import { type Copies, copiesOf, type KeyCopy } from '../../env/copies.ts';
import type { EnvConfig } from '../../env/env-config.ts';
import { allKeys, type EnvironmentFiles } from '../../env/environment.ts';
import { wantedFingerprints, wantedKeys } from '../../env/key-places.ts';
import { keyVariables } from '../../env/reload.ts';
import type { Keyset } from '../../rotation/keyset/keyset.ts';
import { destroyAll } from '../../rotation/secret/keys.ts';
import type { Terminal } from '../terminal.ts';

/** Before an emergency: names the other environments that use one of the keys. It burns none of theirs. */
export async function warnOfShared(environment: EnvironmentFiles, terminal: Pick<Terminal, 'printErr'>): Promise<void> {
  const { copies } = await copiesNow(environment);
  terminal.printErr(
    sharedText(copies, environment.name, 'use the same key, and this emergency does not burn it there'),
  );
}

/**
 * After the write of an emergency: lists every line that still holds a burnt key, by the bytes of the keys.
 *
 * @param before what was read before the write, with the keys
 */
export async function reportResidue(before: EnvironmentFiles, terminal: Pick<Terminal, 'printErr'>): Promise<void> {
  terminal.printErr(residueText(await copiesNow(before), before.name));
}

/** The same at the end of an emergency, by the fingerprints: no file that rekey writes has the keys any more. */
export async function reportBurnt(
  config: EnvConfig,
  environment: string,
  { burnt }: Keyset,
  terminal: Pick<Terminal, 'printErr'>,
): Promise<void> {
  const fingerprints = burnt.map(({ fingerprint }) => fingerprint);
  const found = await copiesOf(config, () => wantedFingerprints(fingerprints, keyVariables(config)));
  terminal.printErr(residueText(found, environment));
}

async function copiesNow(environment: EnvironmentFiles): Promise<Copies> {
  const keys = allKeys(environment);
  try {
    return await copiesOf(environment.config, () => wantedKeys(keys));
  } finally {
    destroyAll(keys);
  }
}

function residueText({ copies, unknown }: Copies, environment: string): string {
  const isShared = (copy: KeyCopy) => copy.isInUse && copy.environment !== environment;
  const rest = copies.filter((copy) => !isShared(copy));
  const left = rest.length === 0 ? '' : `Burnt keys still stand in these lines; remove them:\n${linesOf(rest)}`;
  const notSearched = unknown.map((why) => `not searched for burnt keys: ${why}\n`).join('');
  return `${left}${sharedText(copies, environment, 'still use a burnt key, and accept its tokens')}${notSearched}`;
}

/** @returns nothing if no other environment uses one */
function sharedText(copies: readonly KeyCopy[], environment: string, what: string): string {
  const shared = copies.filter((copy) => copy.isInUse && copy.environment !== environment);
  if (shared.length === 0) return '';
  const others = [...new Set(shared.map((copy) => copy.environment))];
  const commands = others.map((other) => `  $ rekey env emergency ${other} --reason TEXT\n`).join('');
  return `The files of ${others.join(' and ')} ${what}:\n${linesOf(shared)}${commands}`;
}

function linesOf(copies: readonly KeyCopy[]): string {
  return copies.map((copy) => `  ${copy.path}:${copy.line}${aboutOf(copy)}\n`).join('');
}

function aboutOf({ name, isAssigned, isLikely }: KeyCopy): string {
  const where = name === undefined ? '' : isAssigned ? ` ${name}` : ` ${name}, in a comment`;
  return isLikely ? `${where} (by its short fingerprint: it may be another key)` : where;
}
