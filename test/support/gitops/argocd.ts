/** What Argo CD makes of a resource: the health check, run by its Lua interpreter, and its comparison with Git. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { load } from 'js-yaml';
import { findOrBuild } from '../cluster/binary.ts';

/** What Argo CD makes of a resource; `error` if the script fails. */
export interface Health {
  readonly status?: 'Healthy' | 'Progressing' | 'Suspended' | 'Degraded';
  readonly message?: string;
  readonly error?: string;
}

const FILE = join(import.meta.dirname, '..', '..', '..', 'deploy', 'gitops', 'argocd', 'argocd-cm.yaml');

/** @returns the script as Argo CD gets it */
export function healthScript(): string {
  const { data } = load(readFileSync(FILE, 'utf8')) as { readonly data: Readonly<Record<string, string>> };
  return data['resource.customizations.health.rekey.dev_JwtKeyRotation'] ?? '';
}

/**
 * Built in seconds, once.
 *
 * @param resources with metadata and status
 * @throws Error when Go is missing or too old
 */
export async function judgeByLua(resources: readonly object[], script = healthScript()): Promise<readonly Health[]> {
  const source = join(import.meta.dirname, 'lua');
  const program = await findOrBuild(
    'argocd-lua',
    { what: 'the Lua of Argo CD', source, entry: '.', linkerFlags: '-s -w' },
    () => undefined,
  );
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ script, resources }));
  return JSON.parse(await text(child.stdout)) as Health[];
}

/**
 * To build it takes minutes: only where somebody asks for it.
 *
 * @param pairs what is in Git, and what is in the cluster
 * @returns whether Argo CD would show each as out of sync, without any ignoreDifferences
 */
export async function outOfSync(
  pairs: readonly { readonly config: object; readonly live: object }[],
  log: (line: string) => void,
): Promise<readonly boolean[]> {
  const source = join(import.meta.dirname, 'argodiff');
  const program = await findOrBuild(
    'argodiff',
    { what: 'the comparison of Argo CD', source, entry: '.', linkerFlags: '-s -w' },
    log,
  );
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(pairs));
  return JSON.parse(await text(child.stdout)) as boolean[];
}
