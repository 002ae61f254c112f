/**
 * The text of a journal. The paths in the folder that holds the state folder are relative to it: a folder that was moved
 * or copied after its step was cut off is recovered by its own files, and another folder is never touched.
 */
import { isAbsolute, join, relative, sep } from 'node:path';

export interface Entry {
  /** The real path of the file. */
  readonly target: string;
  /** The file with the new contents, one rename away from the target. */
  readonly fresh: string;
  /** The file with the old contents; null for a new file. */
  readonly old: string | null;
  /** SHA-256 of the old contents; null if there was no file. */
  readonly before: string | null;
  readonly after: string;
}

export interface JournalText {
  /** The real path of the folder that held the state folder when the step began. */
  readonly root: string;
  /** With paths for the folder at hand. */
  readonly entries: readonly Entry[];
  /** Targets outside of that folder, which a copy of it has in common with it. */
  readonly outside: readonly string[];
}

/** @param root the real path of the folder that holds the state folder */
export function encodeJournal(root: string, entries: readonly Entry[]): Buffer {
  const shortened = entries.map((entry) =>
    withPaths(entry, (path) => (isWithin(root, path) ? relative(root, path) : path)),
  );
  return Buffer.from(JSON.stringify({ root, entries: shortened }));
}

/**
 * @param root the real path of the folder that holds the state folder now
 * @returns undefined if rekey has not written this
 */
export function decodeJournal(root: string, text: string): JournalText | undefined {
  const value = parsed(text);
  if (!isRecord(value) || typeof value.root !== 'string' || !Array.isArray(value.entries)) return undefined;
  const entries: readonly unknown[] = value.entries;
  if (!entries.every(isEntry)) return undefined;
  return {
    root: value.root,
    entries: entries.map((entry) => withPaths(entry, (path) => (isAbsolute(path) ? path : join(root, path)))),
    outside: entries.map(({ target }) => target).filter(isAbsolute),
  };
}

function withPaths(entry: Entry, change: (path: string) => string): Entry {
  const { target, fresh, old } = entry;
  return { ...entry, target: change(target), fresh: change(fresh), old: old === null ? null : change(old) };
}

const isWithin = (root: string, path: string): boolean => path.startsWith(root === sep ? root : `${root}${sep}`);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function isEntry(value: unknown): value is Entry {
  if (!isRecord(value)) return false;
  const { target, fresh, old, before, after } = value;
  const isText = [target, fresh, after].every((each) => typeof each === 'string');
  return isText && [old, before].every((each) => each === null || typeof each === 'string');
}
