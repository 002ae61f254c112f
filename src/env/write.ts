/** One write of the files of all services of an environment and of the state beside them, all or none. */
import { join } from 'node:path';
import { defined, mapOf } from '../base/objects.ts';
import { foundKeyset } from '../rotation/keyset/before.ts';
import type { Keyset, Kid } from '../rotation/keyset/keyset.ts';
import { advance } from '../rotation/keyset/transition.ts';
import type { Write } from '../rotation/keyset/writes.ts';
import { fingerprintOf, type KeyMaterial, MIN_KEY_BYTES, nameKey, newKey } from '../rotation/secret/keys.ts';
import { refuseBurntSigner } from './burnt-signer.ts';
import { setValues } from './dotenv/edit.ts';
import { allKeys, differences, type EnvironmentFiles, type KeyFile, materialsOf, refuseAlike } from './environment.ts';
import { EnvError } from './error.ts';
import { movedAside } from './files/aside.ts';
import { type Change, commit } from './files/transaction.ts';
import { withoutStep } from './files/unfinished.ts';
import { firstVersion } from './first-version.ts';
import { KEY_ID, shownKids, valuesFor } from './layout.ts';
import { refuseLost } from './lost-key.ts';
import { type EnvState, encodeEnvState, type Reload, STATE_FOLDER, setAsidePath, statePath } from './state.ts';

/** The result of a write. */
export interface Written {
  readonly state: EnvState;
  /** Changed files, relative to the folder of the configuration. */
  readonly files: readonly string[];
  /** Keys that are no longer in any file, by key id, to ask services whether they refuse them. */
  readonly gone: ReadonlyMap<Kid, KeyMaterial>;
  /** What is left to do although everything is written, for people. */
  readonly left?: string;
}

/**
 * The keyset of files that rekey has not written yet. All their keys are accepted until a rotation retires them; the
 * key of the source of truth signs.
 *
 * @param now milliseconds since the epoch
 * @param without fingerprints of keys to drop: nobody accepts them after the first write
 */
export function foundIn(environment: EnvironmentFiles, now: number, without: readonly string[] = []): Keyset {
  const [signing, ...others] = allKeys(environment).map((key) => nameKey(key));
  if (signing === undefined) throw new EnvError(`${environment.name}: there is no file with a key`);
  const kept = others.filter(({ fingerprint }) => !without.includes(fingerprint));
  return foundKeyset(signing, kept, firstVersion(environment, now), now);
}

/** The time of a file's last change is the latest time at which its keys appeared. */
function foundKeys(environment: EnvironmentFiles): EnvState['found'] {
  return allKeys(environment).map((key) => {
    const having = environment.files.filter(({ signing, fallbacks }) =>
      [signing, ...fallbacks].some((each) => each.equals(key)),
    );
    return { fingerprint: fingerprintOf(key), createdAt: Math.min(...having.map(({ changedAt }) => changedAt)) };
  });
}

/**
 * Makes a write, and puts the resulting keyset into all files.
 *
 * @param keyset what the write starts from
 * @param now milliseconds since the epoch
 * @throws EnvError or FileError with no file changed
 */
export async function write(
  environment: EnvironmentFiles,
  keyset: Keyset,
  wanted: Write,
  now: number,
): Promise<Written> {
  const fresh = freshFor(environment);
  const next = advance(keyset, wanted, fresh, now);
  await refuseBurntSigner(environment, wanted, next);
  const made = [fresh.key, fresh.ack].map(({ kid, material }) => [kid, material] as const);
  const before = materialsOf(environment, keyset);
  const reloads = environment.state?.reloads ?? mapOf<Reload>();
  const found = environment.state?.found ?? foundKeys(environment);
  const restored = environment.state?.restored ?? mapOf<number>();
  const after = { keyset: next, found, reloads, restored };
  const work = () => render(environment, after, new Map([...before, ...made]));
  const written = wanted.transition === 'burn' ? await aroundStep(environment, now, work) : await work();
  // a key that was made for a write without a new key was never in any file
  return { ...written, gone: new Map([...written.gone].filter(([kid]) => before.has(kid))) };
}

/** An emergency does not wait for somebody who could finish a step that was cut off. */
async function aroundStep({ config }: EnvironmentFiles, now: number, work: () => Promise<Written>): Promise<Written> {
  const { done, left } = await withoutStep(join(config.root, STATE_FOLDER), now, work);
  const texts = [done.left, left].filter((text) => text !== undefined);
  return texts.length === 0 ? done : { ...done, left: texts.join('\n') };
}

/**
 * Writes the keyset that rekey remembers to all files again. Services whose file changes have not loaded it. If the old
 * key is draining, one of them may have signed with it again, so rekey waits for its exit again.
 *
 * @param now milliseconds since the epoch
 * @throws EnvError or FileError with no file changed
 */
export function restore(
  environment: EnvironmentFiles,
  { keyset, found, reloads, restored }: EnvState,
  now: number,
): Promise<Written> {
  const changed = differences(environment, keyset).map(({ file }) => file.service);
  const names = changed.map(({ name }) => name);
  const kept = mapOf(Object.entries(reloads).filter(([service]) => !names.includes(service)));
  const isLate = keyset.phase === 'Draining' && changed.some(({ roles }) => roles.includes('Signer'));
  const next = isLate ? advance(keyset, { transition: 'reopen' }, freshFor(environment), now) : keyset;
  const times = mapOf([
    ...Object.entries(restored),
    ...names.map((name) => [name, (restored[name] ?? 0) + 1] as const),
  ]);
  const after = { keyset: next, found, reloads: kept, restored: times };
  return render(environment, after, materialsOf(environment, keyset));
}

function freshFor({ config }: EnvironmentFiles) {
  return { key: newKey(config.keyBytes), ack: newKey(MIN_KEY_BYTES) };
}

/** During a rotation this includes the services that it began with, whatever the configuration says now. */
function servicesOf({ files, state, leftOut = [] }: EnvironmentFiles): readonly string[] {
  const before = state === undefined || state.keyset.phase === 'Steady' ? [] : state.services;
  return [...new Set([...before, ...leftOut, ...files.map(({ service }) => service.name)])];
}

async function render(
  environment: EnvironmentFiles,
  state: Omit<EnvState, 'services'>,
  materials: ReadonlyMap<Kid, KeyMaterial>,
): Promise<Written> {
  const { files, config } = environment;
  const shown = shownKids(state.keyset);
  refuseAlike(environment, state.keyset, shown);
  await refuseLost(environment, state.keyset, materials);
  const changes = files
    .map((file) => changeOf(file, state.keyset, materials, config.fallbacksName))
    .filter(({ before, after }) => !before.equals(after));
  try {
    const next = { ...state, services: servicesOf(environment) };
    const left = await commitAll(environment, changes, next);
    return {
      state: next,
      files: changes.map((change) => change.shown),
      gone: new Map([...materials].filter(([kid]) => !shown.includes(kid))),
      ...defined({ left }),
    };
  } finally {
    for (const { after } of changes) after.fill(0);
  }
}

/**
 * Remembers restarts of services.
 *
 * @param reloads the last restart of each service that it is about; undefined: whatever was known of it counts no more
 */
export async function remember(
  environment: EnvironmentFiles,
  reloads: Readonly<Record<string, Reload | undefined>>,
): Promise<void> {
  const { state } = environment;
  if (state === undefined) throw new EnvError(`${environment.name}: no rotation has begun`);
  const all = Object.entries({ ...state.reloads, ...reloads });
  const known = all.flatMap(([service, reload]) => (reload === undefined ? [] : [[service, reload] as const]));
  await commitAll(environment, [], { ...state, reloads: mapOf(known) });
}

interface FileChange {
  readonly path: string;
  readonly shown: string;
  readonly before: Buffer;
  readonly after: Buffer;
}

function changeOf(
  { file, path, shown, names }: KeyFile,
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial>,
  fallbacks: string,
): FileChange {
  const hasKeyId = file.assignments.some(({ name }) => name === KEY_ID);
  const values = valuesFor(keyset, materials, { signing: names, fallbacks, hasKeyId });
  try {
    return { path, shown, before: file.bytes, after: setValues(file, values, names[0]) };
  } finally {
    for (const value of values.values()) value?.fill(0);
  }
}

async function commitAll(
  { config, name, stateBytes, unusable }: EnvironmentFiles,
  files: readonly FileChange[],
  state: EnvState,
): Promise<string | undefined> {
  const aside = setAsidePath(config.root, name, state.keyset.attempts.lastWriteAt ?? 0);
  const kept = unusable === undefined ? undefined : stateBytes;
  const changes: readonly Change[] = [
    ...files.map(({ path, before, after }) => ({ path, before, after })),
    ...(kept === undefined ? [] : [{ path: aside, before: undefined, after: kept, mode: 0o600 }]),
    { path: statePath(config.root, name), before: stateBytes, after: encodeEnvState(withoutGone(state)), mode: 0o600 },
  ];
  const folder = join(config.root, STATE_FOLDER);
  if (unusable === undefined || stateBytes !== undefined) return commit(folder, changes);
  return movedAside(statePath(config.root, name), aside, () => commit(folder, changes));
}

/** The age of keys that have left the files is not needed. */
function withoutGone(state: EnvState): EnvState {
  const kept = state.found.filter((found) =>
    state.keyset.keys.some(({ fingerprint }) => fingerprint === found.fingerprint),
  );
  return { ...state, found: kept };
}
