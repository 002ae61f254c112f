import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Keyring, KeyringError, type KeyringSource, type ReadOptions } from './keyring.ts';
import { readKeyring, VARIABLES } from './read.ts';

/** What came of a reload. After an error the keys are those of before. */
export type Reload = { readonly keyring: Keyring } | { readonly error: Error };

export interface MountOptions extends ReadOptions {
  /** Called after each reload, and once for each new reason why one failed. For logs and metrics. */
  readonly onReload?: (reload: Reload) => void;
}

/** Files that cannot be used are read again after this time, or once they change. */
const RETRY_MS = 1000;
/** So often a set of files is read that changes meanwhile. */
const MAX_READS = 10;

/**
 * Follows the files of a mounted Secret. Each call looks whether the kubelet has swapped the link `..data`: that costs some
 * microseconds, is never late, and needs no watcher. In a folder without the link it looks at each file instead. A mount with
 * `subPath` never changes.
 *
 * Files that cannot be used leave the keys of before in force: to refuse every token would be worse.
 *
 * @param directory where the Secret is mounted
 * @throws KeyringError where the first read finds a key that cannot be used
 */
export function mountedKeyring(directory: string, options: MountOptions = {}): KeyringSource {
  let { version, keyring } = load(directory, options);
  let failed: { readonly version: string; readonly at: number; readonly message: string } | undefined;
  return () => {
    const found = versionOf(directory);
    if (found === version) return keyring;
    if (failed?.version === found && performance.now() - failed.at < RETRY_MS) return keyring;
    try {
      ({ version, keyring } = load(directory, options));
      failed = undefined;
      options.onReload?.({ keyring });
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const isNew = failed?.message !== error.message;
      failed = { version: found, at: performance.now(), message: error.message };
      if (isNew) options.onReload?.({ error });
    }
    return keyring;
  };
}

/** All files through one resolved link, so that two versions are never mixed; once more if they changed meanwhile. */
function load(directory: string, options: ReadOptions): { readonly version: string; readonly keyring: Keyring } {
  for (let reads = 0; reads < MAX_READS; reads += 1) {
    const version = versionOf(directory);
    const from = linkIn(directory) ?? directory;
    const read = attempt(() => Object.fromEntries(VARIABLES.map((name) => [name, textOf(from, name)])));
    // the kubelet removes a version once it has swapped the link: what is missing then says nothing
    if (version === versionOf(directory)) return { version, keyring: readKeyring(read(), options) };
  }
  throw new KeyringError(VARIABLES[0], `in ${directory} changes while it is read`);
}

/** Its result or its error, later. */
function attempt<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function linkIn(directory: string): string | undefined {
  try {
    return join(directory, readlinkSync(join(directory, '..data')));
  } catch {
    return undefined;
  }
}

/** Equal while nothing has changed. */
function versionOf(directory: string): string {
  return linkIn(directory) ?? VARIABLES.map((name) => stampOf(join(directory, name))).join(' ');
}

function stampOf(file: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return codeOf(error);
  }
}

/** @returns undefined where there is no such file: only some have all */
function textOf(directory: string, name: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(join(directory, name)));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    throw new KeyringError(
      name,
      `of the mounted folder cannot be read: ${code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : code}`,
    );
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
