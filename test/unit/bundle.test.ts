/** The files that go into the image, and the two that people put on their PATH. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compiledOf } from '../../src/compiled.ts';
import { HELP } from '../../src/flags.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-bundle-'));

afterAll(() => rmSync(dir, { recursive: true }));

// how long it takes depends on what else runs here
beforeAll(() => run(process.execPath, ['tools/bundle.ts', dir], { cwd: root }), 120_000);

it('is built and starts without node_modules, and says what is wrong with a flag', async () => {
  const outfile = join(dir, 'rekey.mjs');
  const { stdout } = await run(process.execPath, [outfile, '--help'], { cwd: dir });
  expect(stdout).toBe(HELP);
  await expect(run(process.execPath, [outfile, '--listen', 'here'], { cwd: dir })).rejects.toMatchObject({
    code: 2,
    stderr: '--listen here: write HOST:PORT\n',
  });
});

it('starts with what was compiled of it, which is the same each time, and without where that does not fit', async () => {
  const file = join(dir, 'rekey.cjs');
  const compiled = compiledOf(file);
  const compile = async () => {
    await run(process.execPath, ['tools/compile.ts', dir], { cwd: root });
    return readFileSync(compiled);
  };
  const [first, second] = [await compile(), await compile()];
  expect(first.equals(second)).toBe(true);
  const loads = `import { loadProgram } from ${JSON.stringify(join(root, 'src', 'compiled.ts'))};
    console.log(loadProgram(${JSON.stringify(file)}).cachedDataRejected);`;
  const isRefused = async (...flags: readonly string[]) =>
    (await run(process.execPath, [...flags, '--input-type=module', '-e', loads])).stdout.trim();
  // those of the image
  expect(await isRefused('--max-semi-space-size=2', '--disable-sigusr1')).toBe('false');
  const help = (...flags: readonly string[]) =>
    run(process.execPath, [...flags, join(dir, 'rekey.mjs'), '--help'], { cwd: dir });
  expect((await help()).stdout).toBe(HELP);
  expect(await isRefused('--no-flush-bytecode')).toBe('true');
  expect((await help('--no-flush-bytecode')).stdout).toBe(HELP);
  rmSync(compiled);
  expect((await help()).stdout).toBe(HELP);
}, 120_000);

it('is found by its name on the PATH, as kubectl finds its plugins', async () => {
  const env = { PATH: [dir, dirname(process.execPath)].join(delimiter) };
  const { stdout } = await run('kubectl-rekey', ['--help'], { cwd: dir, env });
  expect(stdout).toContain('Usage: kubectl rekey COMMAND [NAME] [flags]');
  await expect(run('kubectl-rekey', ['emergency', 'x'], { cwd: dir, env })).rejects.toMatchObject({ code: 2 });
  await expect(run('kubectl-rekey', ['status'], { cwd: dir, env: { ...env, HOME: dir } })).rejects.toMatchObject({
    code: 1,
    stderr: `no kubeconfig file and no service account found: there is no ${join(dir, '.kube', 'config')}. Set --kubeconfig or KUBECONFIG\n`,
  });
});

it('asks an exec plugin for credentials whatever flags a command has: plan has one called --now', async () => {
  const plugin = `console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential',
    status: { token: 'x', expirationTimestamp: '2035-01-01T00:00:00Z' } }))`;
  const exec = {
    ...{ apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never' },
    ...{ command: process.execPath, args: ['-e', plugin] },
  };
  const kubeconfig = join(dir, 'exec.json');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'a' },
    // nobody listens there
    clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'a', user: { exec } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const args = [join(dir, 'kubectl-rekey'), 'plan', 'x', '--now', '--kubeconfig', kubeconfig];
  await expect(run(process.execPath, args, { cwd: dir })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Unreachable'),
  });
});

it('has a small program for what needs no cluster, which knows none of the clients and hands the rest over', async () => {
  const env = { PATH: [dir, dirname(process.execPath)].join(delimiter), HOME: dir };
  const { stdout, stderr } = await run('rekey', ['generate'], { cwd: dir, env });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^JWT_SECRET_KEY=[0-9a-f]{64}\n$/);
  expect((await run('kubectl-rekey', ['generate', '--format', 'raw'], { cwd: dir, env })).stdout).toMatch(
    /^[0-9a-f]{64}\n$/,
  );
  expect((await run('rekey', [], { cwd: dir, env }).catch((error) => error)).stderr).toContain('kubectl rekey --help');
  const text = readFileSync(join(dir, 'rekey'), 'utf8');
  // by words of their own: that of a log is also a word that people choose for a password
  const words = ['triple-beam', 'cron expression', 'loadFromFile'];
  expect(words.filter((word) => text.includes(word))).toEqual([]);
  const whole = readFileSync(join(dir, 'kubectl-rekey'), 'utf8');
  expect(words.filter((word) => whole.includes(word))).toEqual(words);
  await expect(run('rekey', ['status'], { cwd: dir, env })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no kubeconfig file'),
  });
});

it.each([
  ['kubectl-rekey', 'kubectl-rekey'],
  ['rekey', 'rekey'],
  ['rekey.mjs', 'rekey'],
])('says in one line that Node is too old, and which is needed: %s', async (file, name) => {
  // what it asks for is what an older one would say
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } });";
  const older = `${old} Object.defineProperty(process, 'version', { value: 'v20.19.0' });`;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(older)}`, join(dir, file), '--version'];
  await expect(run(process.execPath, args, { cwd: dir })).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: `${name} needs Node 24 or newer, and this is v20.19.0: install it, or put it first in PATH\n`,
  });
});
