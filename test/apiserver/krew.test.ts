/**
 * krew installs `kubectl rekey` from what `make release` makes, and removes it again.
 *
 * Runs with `make krew`, which sets REKEY_KREW: krew is built from its Go module the first time.
 */
import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { type Krew, krewIn } from '../support/krew/krew.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { rotationOf } from '../support/scenario/single.ts';

const run = promisify(execFile);
const cluster = inject('cluster');
const root = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-krew-'));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const manifest = join(dir, 'release', 'rekey.krew.yaml');
const archive = join(dir, 'release', `kubectl-rekey-${version}.tar.gz`);
const COMPLETES = 'kubectl_complete-rekey';
const install = ['install', `--manifest=${manifest}`, `--archive=${archive}`];

let api: KubeApi;
let namespace: string;

/** A krew of its own for each test. */
function krew(): Promise<Krew> {
  const home = mkdtempSync(join(dir, 'krew-'));
  return krewIn(home);
}

/** kubectl with the plugins of this folder, and those of no other. */
async function kubectl(bin: string, ...args: readonly string[]): Promise<string> {
  const [program, ...first] = cluster.kubectl;
  // with its flags before the name kubectl takes no word for a plugin
  const parts = first.filter((arg) => !arg.startsWith('--kubeconfig') && arg !== cluster.kubeconfig);
  const env = { PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: dir, KUBECONFIG: cluster.kubeconfig };
  return (await run(program, [...parts, ...args], { env })).stdout;
}

describe.runIf(process.env.REKEY_KREW !== undefined)('krew', () => {
  beforeAll(async () => {
    mkdirSync(join(dir, 'release'));
    await run(process.execPath, [join(root, 'tools', 'release.ts'), join(dir, 'release')], { cwd: root });
    api = KubeApi.fromKubeconfig(cluster.kubeconfig);
    namespace = `krew-${process.pid}`;
    await installOperator(api);
    await createNamespace(api, namespace);
    await api.create(rotationOf(namespace, 'my-jwt', 'x'));
  }, 600_000);
  afterAll(async () => {
    await api?.delete({ kind: 'Namespace', name: namespace });
    await api?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('installs a plugin that kubectl finds, which works on a real API server, and leaves nothing when it removes it', async () => {
    const { krew: call, bin } = await krew();
    const said = await call(install);
    if (process.env.REKEY_SHOW) console.log(said);
    expect(said).toContain('Installed plugin: rekey');
    expect(said).toContain('Needs Node 24 or newer');
    expect(readdirSync(bin)).toEqual(['kubectl-rekey']);
    expect(await call(['list'])).toMatch(/rekey/);
    expect(await kubectl(bin, 'plugin', 'list')).toContain(join(bin, 'kubectl-rekey'));
    expect(await kubectl(bin, 'rekey', '--version')).toBe(`${version}\n`);
    expect(await kubectl(bin, 'rekey', '--help')).toContain('Usage: kubectl rekey COMMAND [NAME] [flags]');
    const role = await kubectl(bin, 'rekey', 'rbac', 'my-jwt', '-n', namespace);
    expect(role).toContain('name: rekey-my-jwt');
    // krew links one program of a plugin; what completes its words is copied by hand
    const beside = join(dir, 'beside');
    mkdirSync(beside);
    cpSync(join(dirname(bin), 'store', 'rekey', `v${version}`, COMPLETES), join(beside, COMPLETES));
    expect(await kubectl(`${bin}:${beside}`, '__complete', 'rekey', 'withd')).toMatch(/^withdraw\t/);
    await call(['uninstall', 'rekey']);
    const left = readdirSync(dirname(bin), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('rekey'))).toEqual([]);
    await expect(kubectl(bin, 'rekey', '--version')).rejects.toThrow('unknown command "rekey"');
  });

  it('takes it on macOS too, and on no other system', async () => {
    const mac = await krew();
    await mac.krew(install, { KREW_OS: 'darwin', KREW_ARCH: 'arm64' });
    expect(await kubectl(mac.bin, 'rekey', '--version')).toBe(`${version}\n`);
    const windows = await krew();
    await expect(windows.krew(install, { KREW_OS: 'windows', KREW_ARCH: 'amd64' })).rejects.toThrow(
      'does not offer installation for this platform',
    );
  });

  it('refuses another archive than the one that the manifest is of', async () => {
    const { krew: call, bin } = await krew();
    const other = join(dir, 'other.tar.gz');
    cpSync(archive, other);
    appendFileSync(other, ' ');
    await expect(call(['install', `--manifest=${manifest}`, `--archive=${other}`])).rejects.toThrow('checksum');
    expect(readdirSync(bin)).toEqual([]);
  });
});
