/**
 * The journal of one step: a folder in the state folder with the new contents, the old ones, and a list of their
 * targets. The name of the list is the phase of the step, so one rename changes the phase.
 */
import { readdir, readFile, realpath, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { defined } from '../../base/objects.ts';
import { shellWord } from '../finding.ts';
import { digestAt, digestOf, move, remove, syncFolder, writeNew } from './disk.ts';
import { about, FileError, isMissing } from './errors.ts';
import { decodeJournal, type Entry, encodeJournal, type JournalText } from './journal-text.ts';
import { makeFolder, ownerIn } from './owner.ts';
import type { Target } from './target.ts';

/** `plan`: nothing is replaced yet. `commit`: all files will be. `undo`: none will be. `done`: only cleaning up is left. */
export type Phase = 'plan' | 'commit' | 'undo' | 'done';
const PHASES: readonly Phase[] = ['done', 'undo', 'commit', 'plan'];

export interface Journal {
  readonly folder: string;
  readonly phase: Phase;
  readonly entries: readonly Entry[];
}

/** The contents of a target. */
export type Standing = 'before' | 'after' | 'edited';

export const stepFolder = (stateFolder: string): string => join(stateFolder, 'step');
const listOf = (folder: string, phase: Phase): string => join(folder, `${phase}.json`);

/** Writes the journal of a step in phase `plan`. If that fails, {@link discard} removes what it has written. */
export async function prepare(stateFolder: string, id: string, targets: readonly Target[]): Promise<Journal> {
  const [folder, root] = [stepFolder(stateFolder), await rootOf(stateFolder)];
  await about(folder, () => makeFolder(folder));
  await syncFolder(stateFolder);
  const near = stepFolder(join(root, basename(stateFolder)));
  const entries = targets.map((target, i) => entryOf(near, `${id}-${i}`, target));
  const draft = join(folder, 'draft.json');
  await writeNew(draft, encodeJournal(root, entries), { mode: 0o600, ...defined({ owner: ownerIn(folder) }) });
  await move(draft, listOf(folder, 'plan'));
  for (const [i, { after, before, rights }] of targets.entries()) {
    const { fresh, old } = entries[i] as Entry;
    await writeNew(fresh, after, rights);
    if (old !== null && before !== undefined) await writeNew(old, before, rights);
  }
  for (const each of new Set(entries.map(({ fresh }) => dirname(fresh)))) await syncFolder(each);
  return { folder, phase: 'plan', entries };
}

function entryOf(folder: string, name: string, { real, before, after, isNear }: Target): Entry {
  const waiting = isNear ? join(folder, name) : join(dirname(real), `.${basename(real)}.rekey-${name}`);
  return {
    target: real,
    fresh: `${waiting}.new`,
    old: before === undefined ? null : `${waiting}.old`,
    before: before === undefined ? null : digestOf(before),
    after: digestOf(after),
  };
}

/** @returns the existing journal; undefined if there is none. A journal without a list has replaced nothing: it is a plan */
export async function readJournal(stateFolder: string): Promise<Journal | undefined> {
  const folder = stepFolder(stateFolder);
  const names = await about(folder, () => readdir(folder).catch((error) => nothing(error, folder)));
  if (names === undefined) return undefined;
  const phase = PHASES.find((each) => names.includes(`${each}.json`));
  if (phase === undefined) return { folder, phase: 'plan', entries: [] };
  return { folder, phase, entries: await entriesOf(stateFolder, listOf(folder, phase)) };
}

function nothing(error: NodeJS.ErrnoException, folder: string): undefined {
  if (error.code === 'ENOTDIR') {
    const way = `Move it away: mv ${shellWord(folder)} ${shellWord(`${folder}.old`)}`;
    throw new FileError(`${folder}: this is no folder of rekey, and nothing was written. ${way}`);
  }
  if (error.code !== 'ENOENT') throw error;
}

async function entriesOf(stateFolder: string, list: string): Promise<readonly Entry[]> {
  const [root, text] = [await rootOf(stateFolder), await about(list, () => readFile(list, 'utf8'))];
  const journal = decodeJournal(root, text);
  if (journal === undefined) {
    const way = `compare the files of the services, make them alike, and then remove the folder, which holds keys: rm -r ${shellWord(dirname(list))}`;
    throw new FileError(`${list}: this is not what rekey wrote there; nothing was written. Somebody must ${way}`);
  }
  if (journal.outside.length > 0 && journal.root !== root) throw elsewhere(dirname(list), root, journal);
  return journal.entries;
}

/** Files outside may still belong to the folder that this one was copied from, whose lock this run does not have. */
function elsewhere(folder: string, root: string, journal: JournalText): FileError {
  const what = `a step was cut off when this folder was ${journal.root}, and it is also about files outside of that: ${journal.outside.join(', ')}. Nothing was written`;
  const moved = `If the folder was moved, move it back (mv ${shellWord(root)} ${shellWord(journal.root)}), run rekey there, and move it again`;
  const copied = `If this is a copy, remove its part of the step, which holds keys (rm -r ${shellWord(folder)}), and make its files alike`;
  return new FileError(`${folder}: ${what}. ${moved}. ${copied}. An emergency goes on without the step`);
}

/** @returns the real path of the folder that holds the state folder */
const rootOf = async (stateFolder: string): Promise<string> =>
  dirname(await about(stateFolder, () => realpath(stateFolder)));

/** Enters a phase. From here on, an interrupted run is recovered in this phase. */
export async function enter(journal: Journal, phase: Phase): Promise<Journal> {
  const list = listOf(journal.folder, phase);
  await about(list, () => rename(listOf(journal.folder, journal.phase), list));
  const entered = { ...journal, phase };
  await syncFolder(journal.folder);
  return entered;
}

/** @returns the contents of the target of each entry */
export async function standings(entries: readonly Entry[]): Promise<ReadonlyMap<Entry, Standing>> {
  const found = new Map<Entry, Standing>();
  for (const entry of entries) found.set(entry, await standingOf(entry));
  return found;
}

/** @returns the contents of the target of an entry */
export async function standingOf({ target, before, after }: Entry): Promise<Standing> {
  const digest = await digestAt(target);
  if (digest === after) return 'after';
  return digest === before ? 'before' : 'edited';
}

/**
 * Removes everything that the step has written except the targets. The list goes last, so that an interrupted removal
 * can continue.
 */
export async function discard({ folder, phase, entries }: Journal): Promise<void> {
  const waiting = entries.flatMap(({ fresh, old }) => (old === null ? [fresh] : [fresh, old]));
  for (const path of waiting) await remove(path);
  for (const each of new Set(waiting.map((path) => dirname(path)))) await syncIfThere(each);
  await remove(join(folder, 'draft.json'));
  await remove(listOf(folder, phase));
  await about(folder, () => rmdir(folder));
  await syncFolder(dirname(folder));
}

/** The folder of a target may be gone. */
async function syncIfThere(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if (!isMissing((error as FileError).cause)) throw error;
  }
}
