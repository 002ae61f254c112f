/** Two services with one key and nobody to answer, and `rekey` as a process. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { decodeEnvState, type EnvState } from '../../../src/env/state.ts';
import { bundled } from './bundled.ts';
import { freshKey, repositoryWith } from './folder.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Rekey {
  /** Of the program; known once the tests run. */
  readonly path: string;
  /** Runs `rekey env …`. */
  env(folder: string, ...args: readonly string[]): Promise<Ended>;
}

/** Call it at the top of a file of tests. @returns the command line for them */
export function rekeyForFile(): Rekey {
  let path = '';
  beforeAll(async () => {
    path = await bundled('../../../src/rekey');
  }, 120_000);
  return {
    get path() {
      return path;
    },
    env: (folder, ...args) => run(folder, process.execPath, path, 'env', ...args),
  };
}

/** A key has leaked; nobody is asked whether it is meant. */
export const EMERGENCY = ['emergency', 'production', '--reason', 'leaked', '--yes'];

/** @returns how it has ended */
export function run(folder: string, program: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(program, args, { cwd: folder }, (error, out, err) => {
      done({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err });
    });
    child.stdin?.end();
  });
}

/**
 * @param more fields of each service in rekey.yaml, as YAML in one line
 * @param times of the configuration, as YAML
 * @returns the folder, a repository
 */
export function twoServices(more: Readonly<Record<string, string>> = {}, times = 'maxTokenTTL: 1h'): string {
  const text = `JWT_SECRET_KEY=${freshKey()}\n`;
  const services = ['main', 'admin'].map((name) => {
    const fields = [
      more[name]?.includes('readsFallbacks') ? undefined : 'readsFallbacks: true',
      'names: [JWT_SECRET_KEY]',
      `files: { production: ${name}/.env.production }`,
      more[name],
    ];
    return `  ${name}: { ${fields.filter((field) => field !== undefined).join(', ')} }`;
  });
  return repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': `${times}\nsourceOfTruth: main\nservices:\n${services.join('\n')}\n`,
    'main/.env.production': text,
    'admin/.env.production': text,
  });
}

export function stateOf(folder: string, environment = 'production'): EnvState {
  const path = join(folder, `.rekey/${environment}.json`);
  return decodeEnvState(readFileSync(path), path);
}

/** @returns what a person types who has restarted services since the last write */
export function reloadedOf(folder: string, ...services: readonly string[]): readonly string[] {
  return ['--reloaded', String(stateOf(folder).keyset.version), ...services];
}
