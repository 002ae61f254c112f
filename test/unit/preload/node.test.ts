/** The preload for Node under real libraries, as they are and in a bundle. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { NODE_SERVICES, PRELOAD, wrongAnswers } from '../../support/preload/ask.ts';

const preload = { NODE_OPTIONS: `--require ${join(PRELOAD, 'node', 'rekey.cjs')}` };
const dir = mkdtempSync(join(tmpdir(), 'rekey-preload-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const LIBRARIES = [
  ...['jsonwebtoken', 'jsonwebtoken-8', 'express-jwt', 'jose', 'jose-4', 'jose-5'],
  ...['fast-jwt', 'fast-jwt-4', 'hono', 'jwa-1'],
];
const entryOf = (library: string) => `
  import { answer } from './answer.mjs';
  import * as library from './${library}.mjs';
  await answer(library);`;

async function bundled(library: string): Promise<string> {
  const outfile = join(dir, `${library}.mjs`);
  await build({
    ...{ stdin: { contents: entryOf(library), resolveDir: NODE_SERVICES }, outfile, logLevel: 'error' },
    ...{ bundle: true, minify: true, platform: 'node', format: 'esm', target: 'node24' },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  return outfile;
}

describe.each(LIBRARIES)('%s', (library) => {
  const plain = [process.execPath, '--input-type=module', '-e', entryOf(library)] as const;

  it('accepts the fallbacks with the preload, and nothing else that it refuses without', async () => {
    const [before, after] = await Promise.all([
      wrongAnswers(plain, {}, 'without'),
      wrongAnswers(plain, preload, 'with'),
    ]);
    expect({ before, after }).toEqual({ before: [], after: [] });
  });

  // in a bundle, the comparison of jwa 1.4.1 is out of reach
  it.skipIf(library === 'jwa-1')('does so in a bundle', async () => {
    expect(await wrongAnswers([process.execPath, await bundled(library)], preload, 'with')).toEqual([]);
  });
});

it('a bundle of jwa 1.4.1 refuses fallbacks, as without the preload', async () => {
  expect(await wrongAnswers([process.execPath, await bundled('jwa-1')], preload, 'without')).toEqual([]);
});
