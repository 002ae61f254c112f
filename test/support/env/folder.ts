/** Real folders of .env files, and real repositories, for tests. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

const IDENTITY = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'init.defaultBranch=main'];

/** @returns a key as people make one with openssl */
export function freshKey(): string {
  return randomBytes(32).toString('hex');
}

/**
 * @param files path → content
 * @returns an absolute folder, removed after the test
 */
export function folderOf(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rekey-env-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  put(folder, files);
  return folder;
}

export function put(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: 0o600 });
  }
}

/** Sets when a file changed last. */
export function changed(folder: string, path: string, at: number): void {
  utimesSync(join(folder, path), at / 1000, at / 1000);
}

/** @returns what Git prints */
export function git(folder: string, ...args: string[]): string {
  return execFileSync('git', [...IDENTITY, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** As {@link folderOf}, and Git knows it. Nothing is added. */
export function repositoryWith(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = folderOf(files);
  git(folder, 'init', '-q');
  return folder;
}
