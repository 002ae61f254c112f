/**
 * Programs that tests start a hundred times, built once: they start three times as fast as their sources.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repoRoot = join(import.meta.dirname, '..', '..', '..');

/** The operator and the command line as they ship. */
export interface Programs {
  readonly operator: string;
  readonly command: string;
}

export async function bundlePrograms(dir: string): Promise<Programs> {
  for (const tool of ['bundle.ts', 'compile.ts']) {
    await run(process.execPath, [join(repoRoot, 'tools', tool), dir], { cwd: repoRoot });
  }
  return { operator: join(dir, 'rekey.mjs'), command: join(dir, 'kubectl-rekey') };
}

/** The service in Go: it starts at once and needs little, so that a rotation is cheap. @returns the program */
export async function buildService(dir: string): Promise<string> {
  const file = join(dir, 'service');
  await run('go', ['build', '-o', file, '.'], { cwd: join(repoRoot, 'examples', 'services', 'go') });
  return file;
}
