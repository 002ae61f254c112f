/** What delivers the preload is made of its files as they are, and works as it is written there. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { CONFIG_MAP, LOADING, SHOWN } from '../../../src/rotation/people/preload.ts';
import { rubyProgram } from '../../support/libraries/debian.ts';
import { PRELOAD, runToEnd } from '../../support/preload/ask.ts';
import { SERVICE_ENV } from '../../support/preload/questions.ts';

const repoRoot = join(import.meta.dirname, '..', '..', '..');

it('is generated from them', () => {
  execFileSync(process.execPath, ['tools/gen-preload.ts', '--check'], { cwd: repoRoot });
  const hash = createHash('sha256').update(JSON.stringify(CONFIG_MAP.data)).digest('hex');
  expect(SHOWN).toMatch(new RegExp(`^\\d+\\.\\d+\\.\\d+ sha256:${hash}$`));
  expect(CONFIG_MAP).toMatchObject({ metadata: { name: `rekey-preload-${hash.slice(0, 10)}` }, immutable: true });
  expect(CONFIG_MAP.data['rekey.cjs']).toBe(readFileSync(join(PRELOAD, 'node', 'rekey.cjs'), 'utf8'));
});

const ruby = await rubyProgram();
const ASKS_RUBY = ['-e', 'p Kernel.private_method_defined?(:rekey_preload_require)'] as const;

/** As a pod mounts the ConfigMap, with the variables of the component where a manifest has none. */
it.each([
  ['node', process.execPath, ['-p', 'crypto.createHmac.name'], 'rekeyCreateHmac\n'],
  ['python', 'python3', ['-B', '-c', 'import sys; print(sys.meta_path[0].__module__)'], 'sitecustomize\n'],
  ...(ruby === undefined ? [] : ([['ruby', ruby, ASKS_RUBY, 'true\n']] as const)),
] as const)('is loaded from one folder: %s', async (language, program, args, wanted) => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-mount-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(CONFIG_MAP.data)) writeFileSync(join(folder, name), text);
  const { variable, value, delimiter } = LOADING[language];
  const here = value.replace('/opt/rekey', folder);
  const env = { [variable]: language === 'python' ? `${here}${delimiter}` : `${delimiter}${here}` };
  const command = [program, ...args] as const;
  const { stdout, stderr } = await runToEnd([...command], { ...SERVICE_ENV, ...env });
  expect({ stdout, stderr }).toEqual({ stdout: wanted, stderr: '' });
});

it('with Python, adds no working directory to the path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-mount-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'cwd'));
  writeFileSync(join(folder, 'cwd', 'planted.py'), '');
  writeFileSync(join(folder, 'main.py'), 'import importlib.util\nprint(importlib.util.find_spec("planted"))\n');
  const command = ['sh', '-c', 'cd "$1/cwd" && exec python3 -B ../main.py', 'sh', folder] as const;
  const python = join(PRELOAD, 'python');
  const [before, after] = await Promise.all([
    runToEnd(command, { PYTHONPATH: `${folder}:` }),
    runToEnd(command, { PYTHONPATH: `${python}:` }),
  ]);
  expect(before.stdout).toContain('ModuleSpec');
  expect(after.stdout).toBe('None\n');
});
