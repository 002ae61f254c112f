/**
 * Bundles the operator and all it needs at run time into one file, so that the image holds nothing else.
 *
 * Usage: node tools/bundle.ts [FILE]     dist/rekey.mjs if absent
 */
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: process.argv[2] ?? 'dist/rekey.mjs',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  // CommonJS dependencies ask for require
  banner: {
    js: "import { createRequire as rekeyCreateRequire } from 'node:module'; const require = rekeyCreateRequire(import.meta.url);",
  },
});
