import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Credentials } from './kubeconfig.ts';
import type { Command } from './processes.ts';

const run = promisify(execFile);

/** Writes the CA, all certificates and the ServiceAccount key of one control plane to `dir` (files of mode 0600). */
export async function createPki(pki: Command, dir: string, ...ips: readonly string[]): Promise<void> {
  const [program, ...args] = pki;
  await run(program, [...args, '--dir', dir, ...ips.flatMap((ip) => ['--ip', ip])]);
}

/** Signs a client certificate for one more user with the CA in `dir`. Its files are `<name>.crt` and `<name>.key`. */
export async function createUser(pki: Command, dir: string, name: string, groups: readonly string[]): Promise<void> {
  const [program, ...args] = pki;
  await run(program, [...args, 'user', '--dir', dir, '--name', name, ...groups.flatMap((group) => ['--group', group])]);
}

/** Loads a client certificate that `createPki` or `createUser` wrote. */
export function readCredentials(dir: string, name: string, url: string): Credentials {
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
  return { url, ca: read('ca.crt'), cert: read(`${name}.crt`), key: read(`${name}.key`) };
}
