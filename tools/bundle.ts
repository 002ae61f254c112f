/**
 * Bundles each program and all it needs at run time into one file: the operator, with a second one that starts it, so that the
 * image needs no packages, and the two command lines, so that each is installed by a copy. Beside them, what completes the words of `kubectl rekey`.
 *
 * Usage: node tools/bundle.ts [FOLDER]     dist if absent
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { COMPLETE } from '../src/cli/complete.ts';

const folder = process.argv[2] ?? 'dist';
// a dependency asks where it is
const fileUrl = "const rekeyFile = require('node:url').pathToFileURL(__filename).href;";

// an older Node would end in the middle of a bundle of one long line
const recent = (name: string) =>
  `if (Number(process.versions.node.split('.')[0]) < 24) { console.error('${name} needs Node 24 or newer, and this is ' + process.version + ': install it, or put it first in PATH'); process.exit(1); }`;

async function bundle(entryPoint: string, outfile: string, format: 'esm' | 'cjs', banner: string): Promise<void> {
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    // an older Node must be able to read all of it, to say that it is too old
    target: 'node18',
    format,
    legalComments: 'none',
    ...(format === 'cjs' && { define: { 'import.meta.url': 'rekeyFile' } }),
    banner: { js: banner },
  });
}

/** As a CommonJS module: of such a one Node compiles a function when it is called, which is half of the time of a short command. */
async function executable(entryPoint: string, name: string): Promise<void> {
  const file = join(folder, name);
  await bundle(entryPoint, file, 'cjs', `#!/usr/bin/env node\n${recent(name)}\n${fileUrl}`);
  chmodSync(file, 0o755);
}

// how it starts, and the operator itself: in two files, so that what V8 has compiled of it can stand beside it
await bundle('src/start.ts', join(folder, 'rekey.mjs'), 'esm', recent('rekey'));
await bundle('src/main.ts', join(folder, 'rekey.cjs'), 'cjs', fileUrl);
await executable('src/kubectl-rekey.ts', 'kubectl-rekey');
await executable('src/rekey.ts', 'rekey');
// kubectl asks it what may stand next (https://github.com/kubernetes/kubernetes/pull/105867)
const complete = `#!/bin/sh
beside=$(dirname "$0")/kubectl-rekey
[ -x "$beside" ] || beside=kubectl-rekey
exec "$beside" ${COMPLETE} "$@" </dev/null
`;
writeFileSync(join(folder, 'kubectl_complete-rekey'), complete, { mode: 0o755 });
// a file without an extension is what the next package.json says
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
