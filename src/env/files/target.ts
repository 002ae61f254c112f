/** Inspects the files to replace: finds everything that could stop a replacement before anything is written. */
import { access, constants, lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { defined } from '../../base/objects.ts';
import { shellWord } from '../finding.ts';
import { hasAcl } from './acl.ts';
import { type Rights, readIfThere } from './disk.ts';
import { about, ChangedMeanwhile, FileError, fileError, isMissing, NotReplaceable } from './errors.ts';
import { type Mounts, mountOf, readMounts } from './mounts.ts';
import { ownerIn } from './owner.ts';

/** One file of a step. */
export interface Change {
  /** Absolute. Symbolic links are followed: the real file is replaced. */
  readonly path: string;
  /** Its bytes as read; undefined if there must be no such file. */
  readonly before: Buffer | undefined;
  readonly after: Buffer;
  /** Permission bits of a file of rekey's own, whoever made it. Absent: those of the file stay, and so does its owner. */
  readonly mode?: number;
}

export interface Target extends Change {
  /** The real path. */
  readonly real: string;
  readonly rights: Rights;
  /** Whether a rename from the state folder can reach it. */
  readonly isNear: boolean;
}

/** The file system of the journal. */
interface Home {
  readonly device: number;
  readonly mounts: Mounts;
  readonly mount: string | undefined;
}

/** @throws NotReplaceable if some of them cannot be replaced, ChangedMeanwhile if one has changed since it was read */
export async function inspectAll(stateFolder: string, changes: readonly Change[]): Promise<readonly Target[]> {
  const mounts = await readMounts();
  const { dev } = await about(stateFolder, () => stat(stateFolder));
  const own = await about(stateFolder, () => realpath(stateFolder));
  const home = { device: dev, mounts, mount: mountOf(own, mounts) };
  const troubles: { path: string; error: FileError }[] = [];
  const targets: Target[] = [];
  for (const change of changes) {
    const target = await inspect(change, home).catch((error: unknown) => {
      if (error instanceof ChangedMeanwhile) throw error;
      troubles.push({ path: change.path, error: fileError(error, change.path) });
    });
    if (target === undefined) continue;
    const other = targets.find(({ real }) => real === target.real);
    if (other === undefined) targets.push(target);
    else refuseApart(other, target);
  }
  if (troubles.length > 0) throw new NotReplaceable(troubles);
  return targets;
}

/** Two paths may lead to one file, by symbolic links: one change, if they agree. */
function refuseApart(one: Change, other: Change): void {
  const isSame = one.before?.equals(other.before ?? Buffer.alloc(0)) === true && one.after.equals(other.after);
  if (isSame) return;
  const why = 'and the two services would write different things into it';
  throw new FileError(
    `${other.path}: it is the same file as ${one.path}, ${why}: give both services the same names in rekey.yaml`,
  );
}

async function inspect(change: Change, home: Home): Promise<Target> {
  const { path, before, mode = 0o600 } = change;
  const real = await realPathOf(path);
  const folder = dirname(real);
  const { dev } = await about(folder, () => stat(folder));
  await about(folder, () => access(folder, constants.W_OK | constants.X_OK));
  const isNear = dev === home.device && mountOf(folder, home.mounts) === home.mount;
  await checkUnchanged(path, real, before);
  if (before === undefined)
    return { ...change, real, rights: { mode, ...defined({ owner: ownerIn(folder) }) }, isNear };
  return { ...change, real, rights: await rightsOf(change, real, dev, home.mounts), isNear };
}

/** @throws ChangedMeanwhile */
async function checkUnchanged(path: string, real: string, before: Buffer | undefined): Promise<void> {
  // reading a pipe would wait for ever
  if (await isOther(real)) throw new FileError(`${path}: this is not a plain file`);
  const now = await readIfThere(real);
  const isSame = now === undefined || before === undefined ? now === before : now.equals(before);
  now?.fill(0);
  if (isSame) return;
  const what = before === undefined ? 'made' : now === undefined ? 'removed' : 'changed';
  throw new ChangedMeanwhile(`${path}: somebody else has ${what} it meanwhile; run the command again`);
}

/** Whether the path exists and is not a plain file. */
const isOther = (real: string): Promise<boolean> =>
  lstat(real).then(
    (state) => !state.isFile(),
    () => false,
  );

/** For a new file: its name in the real folder. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw fileError(error, path);
  }
  const isLink = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isLink) throw new FileError(`${path}: this symbolic link leads nowhere; make its target, or remove it`);
  const folder = await about(dirname(path), () => realpath(dirname(path)));
  return join(folder, basename(path));
}

async function rightsOf({ path, mode }: Change, real: string, device: number, mounts: Mounts): Promise<Rights> {
  const state = await about(path, () => lstat(real));
  if (state.nlink > 1) {
    throw new FileError(
      `${path}: it has another name (hard link), which would keep the old keys; remove that name first`,
    );
  }
  if (state.dev !== device || mounts?.has(real)) {
    throw new FileError(`${path}: it is a mount point of its own and cannot be replaced; mount its folder instead`);
  }
  if (await hasAcl(real, state.mode)) {
    const what =
      'it has an access control list, which a new file would not have, and its mask would become a right of the group';
    throw new FileError(`${path}: ${what}; remove the list first: setfacl -b ${shellWord(path)}`);
  }
  // root may write all files, so the bits are checked, too
  if ((state.mode & 0o222) === 0) throw new FileError(`${path}: it is read-only; make it writable, or leave it out`);
  // the folder of rekey's own files is this user's, so a file there can be replaced, whoever made it
  if (mode !== undefined) return { mode, ...defined({ owner: ownerIn(dirname(real)) }) };
  await about(path, () => access(real, constants.W_OK));
  return { mode: state.mode & 0o7777, owner: { uid: state.uid, gid: state.gid, path } };
}
