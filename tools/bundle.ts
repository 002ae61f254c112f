/**
 * Bundles each program and all it needs at run time into one file: the operator, so that the image holds nothing else, and
 * the command line, so that it is installed by a copy.
 *
 * Usage: node tools/bundle.ts [FOLDER]     dist if absent
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const folder = process.argv[2] ?? 'dist';
// CommonJS dependencies ask for require
const require =
  "import { createRequire as rekeyCreateRequire } from 'node:module'; const require = rekeyCreateRequire(import.meta.url);";

async function bundle(entryPoint: string, outfile: string, banner: string): Promise<void> {
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    legalComments: 'none',
    banner: { js: banner },
  });
}

const command = join(folder, 'kubectl-rekey');
await bundle('src/main.ts', join(folder, 'rekey.mjs'), require);
await bundle('src/kubectl-rekey.ts', command, `#!/usr/bin/env node\n${require}`);
chmodSync(command, 0o755);
