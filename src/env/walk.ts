/**
 * Finds the .env files below a folder, within bounds: in a home folder or a folder of a million files it stops and
 * reports that. It does not follow symbolic links to folders, so there are no loops.
 */
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileTrouble } from '../rotation/people/text.ts';
import { type FileKind, fileKindOf } from './filename.ts';

export interface Found {
  /** Relative to the folder where the search began, with slashes. */
  readonly path: string;
  readonly kind: FileKind;
  readonly isLink: boolean;
}

export interface Walked {
  /** In order of their paths. */
  readonly files: readonly Found[];
  /** Folders that were not searched, and why. */
  readonly unsearched: readonly { readonly path: string; readonly why: string }[];
}

export interface Bounds {
  readonly folders: number;
  readonly entries: number;
  readonly depth: number;
  readonly files: number;
}

const BOUNDS: Bounds = { folders: 10_000, entries: 300_000, depth: 10, files: 300 };
/** Folders of dependencies and builds. */
const SKIPPED =
  /^(?:node_modules|bower_components|\.git|\.hg|\.svn|\.rekey|\.venv|venv|site-packages|__pycache__|\.tox|\.mypy_cache|vendor|dist|build|target|out|\.next|\.nuxt|\.svelte-kit|\.turbo|\.cache|\.terraform|\.gradle|\.idea|\.vscode|coverage)$/;

/** @param root absolute path of a folder */
export async function walk(root: string, bounds: Bounds = BOUNDS): Promise<Walked> {
  const files: Found[] = [];
  const unsearched: { readonly path: string; readonly why: string }[] = [];
  const left = { entries: bounds.entries };
  const waiting: string[] = [''];
  for (let seen = 0; waiting.length > 0; seen += 1) {
    const folder = waiting.shift() ?? '';
    if (seen === bounds.folders || left.entries <= 0 || files.length >= bounds.files) {
      const why = `the search ended after ${seen} folders and ${files.length} .env files`;
      unsearched.push({ path: folder, why: `${why}; run it in the folder of your services` });
      break;
    }
    try {
      for (const entry of await entriesOf(join(root, folder), left)) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (!entry.isDirectory()) files.push(...foundAt(path, entry));
        else if (SKIPPED.test(entry.name)) continue;
        else if (path.split('/').length <= bounds.depth) waiting.push(path);
        else unsearched.push({ path, why: `it is more than ${bounds.depth} folders deep` });
      }
    } catch (error) {
      // a folder that is gone by now is empty
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isGone) unsearched.push({ path: folder || '.', why: fileTrouble(error) });
    }
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), unsearched };
}

async function entriesOf(folder: string, left: { entries: number }): Promise<readonly Dirent[]> {
  const entries: Dirent[] = [];
  for await (const entry of await opendir(folder)) {
    left.entries -= 1;
    if (left.entries < 0) break;
    entries.push(entry);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function foundAt(path: string, entry: Dirent): readonly Found[] {
  const kind = entry.isFile() || entry.isSymbolicLink() ? fileKindOf(path) : undefined;
  return kind === undefined ? [] : [{ path, kind, isLink: entry.isSymbolicLink() }];
}
