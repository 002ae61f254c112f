/**
 * Bundles the operator and all it needs at run time into dist/rekey.mjs: one file, so that the image holds nothing else.
 */
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/rekey.mjs',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  // CommonJS dependencies ask for require
  banner: { js: "import { createRequire as _r } from 'node:module'; const require = _r(import.meta.url);" },
});
