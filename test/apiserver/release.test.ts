/** What `make release` makes is whole, installs as it stands, and is the same each time. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { krewManifest, notesOf } from '../../tools/release.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';

const run = promisify(execFile);
const cluster = inject('cluster');
const root = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-release-test-'));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const make = (name: string) =>
  run(process.execPath, [join(root, 'tools', 'release.ts'), join(dir, name)], { cwd: root, maxBuffer: 2 ** 26 });
const sums = (name: string) => readFileSync(join(dir, name, 'SHA256SUMS'), 'utf8');
/** Of each build another commit is in the image: `make image` is not part of this. */
const withoutImages = (text: string) =>
  text
    .split('\n')
    .filter((line) => !line.includes('-linux-'))
    .join('\n');

beforeAll(async () => {
  await make('first');
}, 600_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a release', () => {
  it('has every part, with its checksum, and is the same when it is made again', async () => {
    const names = readdirSync(join(dir, 'first')).filter((name) => !name.includes('-linux-'));
    expect(names.sort()).toEqual(
      [
        ...['NOTES.md', 'SHA256SUMS', 'install.yaml', 'rekey.krew.yaml', 'sbom.cdx.json'],
        ...[`kubectl-rekey-${version}.tar.gz`, `rekey-${version}.tgz`, `rekey-chart-${version}.tgz`],
        `rekey-kustomize-${version}.tar.gz`,
      ].sort(),
    );
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: join(dir, 'first') });
    await make('second');
    expect(withoutImages(sums('second'))).toBe(withoutImages(sums('first')));
  });

  it('is installed by one file', async () => {
    const file = join(dir, 'first', 'install.yaml');
    // its namespace is not made by a dry run
    await runKubectl(cluster.kubectl, ['create', 'namespace', 'rekey-system'], '');
    const { code, stdout, stderr } = await runKubectl(cluster.kubectl, ['apply', '--dry-run=server', '-f', file], '');
    expect([code, stderr.replaceAll(/^Warning: .*\n/gm, '')]).toEqual([0, '']);
    for (const what of ['deployment.apps/rekey', 'jwtkeyrotations.rekey.dev', 'networkpolicy'])
      expect(stdout).toContain(what);
    expect(readFileSync(file, 'utf8')).toContain(`image: rekey:${version}\n`);
  });

  it('has command lines that run from the archive of the plugin and from the npm package', async () => {
    for (const [archive, program] of [
      [`kubectl-rekey-${version}.tar.gz`, 'kubectl-rekey'],
      [`rekey-${version}.tgz`, 'package/kubectl-rekey'],
    ] as const) {
      const folder = join(dir, archive.replaceAll('.', '-'));
      mkdirSync(folder);
      await run('tar', ['xzf', join(dir, 'first', archive), '-C', folder]);
      expect((await run(process.execPath, [join(folder, program), '--version'])).stdout.trim()).toBe(version);
    }
  });

  it('is installed by npm without a network, runs as a plugin of kubectl too, and leaves nothing when npm removes it', async () => {
    const [prefix, home] = [join(dir, 'npm'), join(dir, 'npm-home')];
    mkdirSync(home);
    const bin = join(prefix, 'bin');
    const env = { PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}`, HOME: home };
    const npm = (...args: readonly string[]) => run('npm', [...args, '--offline'], { cwd: home, env });
    const tarball = join(dir, 'first', `rekey-${version}.tgz`);
    await npm('install', '--global', '--prefix', prefix, tarball);
    expect(readdirSync(bin).sort()).toEqual(['kubectl-rekey', 'kubectl_complete-rekey', 'rekey']);
    expect((await run('rekey', ['--version'], { env })).stdout).toBe(`${version}\n`);
    expect((await run('rekey', ['generate'], { env })).stdout).toMatch(/^JWT_SECRET_KEY=[0-9a-f]{64}\n$/);
    const [kubectl, ...first] = cluster.kubectl;
    // with its flags before the name kubectl takes no word for a plugin
    const parts = first.filter((arg) => !arg.startsWith('--kubeconfig') && arg !== cluster.kubeconfig);
    const asked = (...args: readonly string[]) =>
      run(kubectl, [...parts, ...args], { env: { ...env, KUBECONFIG: cluster.kubeconfig } });
    expect((await asked('rekey', '--help')).stdout).toContain('Usage: kubectl rekey COMMAND');
    expect((await asked('__complete', 'rekey', 'withd')).stdout).toMatch(/^withdraw\t/);
    // without an install, as `npx` does
    const once = await npm('exec', '--yes', '--package', tarball, '--', 'kubectl-rekey', '--version');
    expect(once.stdout).toBe(`${version}\n`);
    await npm('uninstall', '--global', '--prefix', prefix, 'rekey');
    expect(readdirSync(prefix, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('rekey'))).toEqual(
      [],
    );
  });

  it('has a chart and a manifest of krew that name what is there', async () => {
    const { stdout } = await run('tar', ['tzf', join(dir, 'first', `rekey-chart-${version}.tgz`)]);
    expect(stdout).toContain('rekey/Chart.yaml\n');
    const manifest = load(readFileSync(join(dir, 'first', 'rekey.krew.yaml'), 'utf8'));
    const name = `kubectl-rekey-${version}.tar.gz`;
    const digest =
      sums('first')
        .split('\n')
        .find((line) => line.endsWith(name))
        ?.split(' ')[0] ?? '';
    expect(manifest).toEqual(krewManifest(name, digest));
    const { stdout: files } = await run('tar', ['tzf', join(dir, 'first', name)]);
    const { spec } = manifest as { spec: { platforms: { files: { from: string }[] }[] } };
    for (const { from } of spec.platforms.flatMap((platform) => platform.files))
      expect(files.split('\n')).toContain(from);
  });

  it('takes its notes from the changelog: of its version, or of what is not released', () => {
    const log = '# Changelog\n\n## [Unreleased]\n\n- b\n\n## [0.1.0] - 2026-12-01\n\n- a\n';
    expect([notesOf(log, '0.1.0'), notesOf(log, '0.2.0')]).toEqual([
      '## [0.1.0] - 2026-12-01\n\n- a\n',
      '## [Unreleased]\n\n- b\n',
    ]);
    expect(() => notesOf('# Changelog\n', '0.1.0')).toThrow('neither');
  });
});
