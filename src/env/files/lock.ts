/**
 * Allows one run at a time for each state folder. SQLite takes a lock of the kernel, which ends with its process. So no
 * stale lock is left after a crash or a reboot.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../runtime/clock.ts';
import { shellWord } from '../finding.ts';
import { about, FileError, fileError } from './errors.ts';
import { FOLDER_LOCK, holderFile, readHolder, removeFormer, writeHolder } from './holder.ts';
import { makeOwned, ownText } from './owner.ts';
import { ensureStateFolder } from './state-folder.ts';

/** SQLite's error if another process has the lock: SQLITE_BUSY. */
const BUSY = 5;
/** SQLITE_NOTADB */
const NOT_A_LOCK = 26;
/**
 * On a file that this user may not write, SQLite makes a lock for readers of `BEGIN EXCLUSIVE` without a word, and that
 * excludes nobody. A write fails there. It is never committed, and its journal is not on the disk.
 */
const EXCLUSIVE = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1';
const RETRY_MS = 50;

/** Another process does the same with this folder. The message has its id and start, where they are known. */
export class BusyError extends FileError {
  /** The process and its start, for people. */
  readonly who: string;

  constructor(who: string, pid?: number) {
    const way =
      pid === undefined ? '' : `, or end it (kill -9 ${pid}): the next command then finishes or undoes its step`;
    super(`another run of rekey is at work here (${who}); wait for its end${way}`);
    this.who = who;
  }
}

export interface Patience {
  readonly ms: number;
  readonly clock: Pick<Clock, 'sleep'>;
}

/**
 * Runs while no other process does the same with this folder, and nothing else in this process.
 *
 * @param patience how long it waits for another process that does; absent: not at all
 * @param name of the lock, for what excludes only its like; absent: the lock of the folder
 * @throws BusyError after that
 * @throws FileError if there can be no lock
 */
export async function withLock<T>(
  stateFolder: string,
  run: () => Promise<T>,
  patience?: Patience,
  name = FOLDER_LOCK,
): Promise<T> {
  await ensureStateFolder(stateFolder);
  const holder = join(stateFolder, holderFile(name));
  const lock = await takeWithin(patience, join(stateFolder, name), holder);
  try {
    await about(holder, () => writeHolder(holder));
    if (name === FOLDER_LOCK) await removeFormer(stateFolder);
    return await run();
  } finally {
    await rm(holder, { force: true }).finally(() => lock.close());
  }
}

async function takeWithin(patience: Patience | undefined, path: string, holder: string): Promise<DatabaseSync> {
  let leftMs = patience?.ms ?? 0;
  for (;;) {
    try {
      return await take(path, holder);
    } catch (error) {
      if (!(error instanceof BusyError) || patience === undefined || leftMs <= 0) throw error;
      await patience.clock.sleep(RETRY_MS);
      leftMs -= RETRY_MS;
    }
  }
}

async function take(path: string, holder: string): Promise<DatabaseSync> {
  // loaded here, since most commands need no lock
  const { DatabaseSync } = await import('node:sqlite');
  let lock: DatabaseSync | undefined;
  try {
    makeOwned(path);
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec(EXCLUSIVE);
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { readonly errcode?: unknown }).errcode !== BUSY) throw troubleOf(path, error);
  }
  const found = await readHolder(holder);
  const who = found === undefined ? 'process not known yet' : `process ${found.pid}, since ${found.since}`;
  throw new BusyError(who, found?.pid);
}

/** @returns why there can be no lock, with what to do */
function troubleOf(path: string, error: unknown): FileError {
  const { errcode, message } = error as { readonly errcode?: number; readonly message: string };
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file?.isFile() === false || errcode === NOT_A_LOCK) {
    const way = `Move it away: mv ${shellWord(path)} ${shellWord(`${path}.old`)}`;
    return new FileError(`${path}: this is no lock of rekey. ${way}`, { cause: error });
  }
  try {
    accessSync(path, constants.W_OK);
  } catch (refused) {
    if ((refused as NodeJS.ErrnoException).code !== 'EACCES' || file === undefined) return fileError(refused, path);
    const what = 'you may not write it, so it would keep no other run out';
    return new FileError(`${path}: ${what}. ${ownText(file.uid, dirname(path))}`, { cause: error });
  }
  return new FileError(`${path}: the lock cannot be taken: ${message}`, { cause: error });
}
