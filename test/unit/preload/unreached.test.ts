/**
 * A library that the preload does not reach: the comparison of jwa 1.4.1 in a bundle. The service then has one key, as without the
 * preload, and rekey is told so before anything depends on it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addLocalCommands } from '../../../src/cli/local-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { parseEnv } from '../../../src/env/dotenv/parse.ts';
import { NODE_SERVICES, PRELOAD } from '../../support/preload/ask.ts';
import { startService } from '../../support/traffic/service-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-unreached-'));
const keys = join(dir, 'test.env');
const bundle = join(dir, 'service.mjs');
const ENTRY = "import { serve } from './serve.mjs';\nimport * as library from './jwa-1.mjs';\nserve(library);";
afterAll(() => rmSync(dir, { recursive: true }));
beforeAll(async () => {
  expect((await validate('--made-keys', '--to', keys)).exit).toBe(0);
  await build({
    ...{ stdin: { contents: ENTRY, resolveDir: NODE_SERVICES }, outfile: bundle, logLevel: 'error' },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24' },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});

/** As `rekey validate-app`, in this process. */
async function validate(...args: readonly string[]) {
  let said = '';
  const add = (text: string) => {
    said += text;
  };
  const terminal: Terminal = {
    ...{ print: add, printErr: add, question: async () => '', clear: () => undefined, closed: () => false },
    ...{ interactive: false, now: Date.now },
  };
  const exit = await runProgram('rekey', ['validate-app', ...args], terminal, (...given) => addLocalCommands(...given));
  return { exit, said };
}

/** Starts the service with the keys of the file and asks it: the names of the needed answers that are wrong. */
async function wrongAnswersOf(args: readonly string[], preload: boolean) {
  const { assignments } = parseEnv(readFileSync(keys), keys);
  const env = Object.fromEntries(assignments.map(({ name, value }) => [name, value?.toString() ?? '']));
  const options = preload ? { NODE_OPTIONS: `--require ${join(PRELOAD, 'node', 'rekey.cjs')}` } : {};
  const service = { command: [process.execPath, ...args], cwd: NODE_SERVICES } as const;
  await using running = await startService(service, { ...env, ...options });
  const asked = ['--keys-file', keys, '--issuer', 'shop', '-o', 'json'];
  const { exit, said } = await validate(`${running.url}/`, ...asked);
  const { rows } = JSON.parse(said) as {
    readonly rows: readonly { readonly case: string; readonly verdict: string }[];
  };
  return { exit, fails: [...new Set(rows.filter(({ verdict }) => verdict === 'Fail').map((row) => row.case))] };
}

it('has one key in a bundle, and accepts nothing that it must refuse', async () => {
  const asItIs = ['--input-type=module', '-e', ENTRY];
  expect(await wrongAnswersOf(asItIs, true)).toEqual({ exit: 0, fails: [] });
  const without = await wrongAnswersOf(asItIs, false);
  expect(without).toMatchObject({ exit: 1, fails: expect.arrayContaining(['fallback']) });
  // the same answers with the preload as without: a canary of a fallback is refused, which is SingleKeyService
  expect(await wrongAnswersOf([bundle], true)).toEqual(without);
  expect(without.fails.filter((name) => !name.startsWith('fallback'))).toEqual([]);
});
