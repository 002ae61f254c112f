/**
 * Puts what a release hands out into dist/release, with checksums. Nothing is published.
 *
 * Usage: node tools/release.ts [FOLDER]     dist/release if absent, and only there with the images; KUBECTL names a kubectl, else that of the local cluster is used
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { dump } from 'js-yaml';

const root = join(import.meta.dirname, '..');
const out = resolve(process.argv[2] ?? join(root, 'dist', 'release'));
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly description: string;
};

/** The same files give the same archive. */
const TAR = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

function archive(name: string, folder: string, ...files: readonly string[]): void {
  const tar = execFileSync('tar', [...TAR, '-C', folder, '-cf', '-', ...files], { maxBuffer: 2 ** 28 });
  // gzip's own header has a time otherwise
  writeFileSync(join(out, name), execFileSync('gzip', ['-n', '-9'], { input: tar, maxBuffer: 2 ** 28 }));
}

/** @returns the section of the changelog for this version, or what is not released yet */
export function notesOf(changelog: string, wanted: string): string {
  const sections = changelog.split(/^(?=## )/m);
  const found =
    sections.find((text) => text.startsWith(`## [${wanted}]`)) ??
    sections.find((text) => text.startsWith('## [Unreleased]'));
  if (found === undefined) throw new Error(`CHANGELOG.md has neither ${wanted} nor Unreleased`);
  return found.trim().concat('\n');
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** @see https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
export function krewManifest(archiveName: string, digest: string): object {
  const files = ['kubectl-rekey', 'kubectl_complete-rekey', 'package.json', 'LICENSE'];
  const platforms = ['linux', 'darwin'].map((os) => ({
    selector: { matchLabels: { os } },
    ...{ uri: `RELEASE_URL/${archiveName}`, sha256: digest, bin: 'kubectl-rekey' },
    files: files.map((from) => ({ from, to: '.' })),
  }));
  return {
    ...{ apiVersion: 'krew.googlecontainertools.github.com/v1alpha2', kind: 'Plugin', metadata: { name: 'rekey' } },
    spec: {
      version: `v${version}`,
      shortDescription: 'Rotate shared JWT keys, and follow a rotation',
      description: `${description}.\n`,
      caveats: 'Needs Node 24 or newer on the PATH.\n',
      platforms,
    },
  };
}

/** One file for kubectl apply -f, with the image of this version. */
function installYaml(): string {
  const { KUBECTL } = process.env;
  const own = [process.execPath, join(root, 'test', 'support', 'cluster', 'cli.ts'), 'kubectl'];
  const [program = '', ...args] = [
    ...(KUBECTL === undefined ? own : [KUBECTL]),
    'kustomize',
    join(root, 'deploy', 'base'),
  ];
  const text = execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const tagged = text.replace('image: rekey:latest', `image: rekey:${version}`);
  if (tagged === text) throw new Error('deploy/base names another image than rekey:latest');
  return tagged;
}

function plugin(work: string): void {
  execFileSync(process.execPath, [join(root, 'tools', 'bundle.ts'), work], { cwd: root, stdio: 'inherit' });
  cpSync(join(root, 'LICENSE'), join(work, 'LICENSE'));
  const name = `kubectl-rekey-${version}.tar.gz`;
  archive(name, work, 'kubectl-rekey', 'kubectl_complete-rekey', 'rekey', 'package.json', 'LICENSE');
  const manifest = krewManifest(name, sha256(join(out, name)));
  writeFileSync(join(out, 'rekey.krew.yaml'), dump(manifest, { lineWidth: -1 }));
}

/** The command lines for `npm install -g`: no dependency, since each is one file. */
function npmPackage(work: string): void {
  const folder = join(work, 'npm');
  mkdirSync(folder);
  for (const file of ['kubectl-rekey', 'kubectl_complete-rekey', 'rekey', 'LICENSE'])
    cpSync(join(work, file), join(folder, file));
  const bin = { rekey: 'rekey', 'kubectl-rekey': 'kubectl-rekey', 'kubectl_complete-rekey': 'kubectl_complete-rekey' };
  const manifest = {
    name: 'rekey',
    version,
    description,
    license: 'Apache-2.0',
    type: 'commonjs',
    engines: { node: '>=24' },
    bin,
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', out], { cwd: folder });
}

function main(): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'rekey-release-'));
  try {
    plugin(work);
    npmPackage(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  writeFileSync(join(out, 'install.yaml'), installYaml());
  archive(
    `rekey-kustomize-${version}.tar.gz`,
    root,
    'crds',
    ...readdirSync(join(root, 'deploy'))
      .filter((name) => name !== 'chart')
      .map((name) => `deploy/${name}`),
  );
  archive(`rekey-chart-${version}.tgz`, join(root, 'deploy'), '--transform=s,^chart,rekey,', 'chart');
  execFileSync(process.execPath, [join(root, 'tools', 'gen-sbom.ts'), join(out, 'sbom.cdx.json')]);
  writeFileSync(join(out, 'NOTES.md'), notesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version));
  const images = process.argv[2] !== undefined ? [] : globSync(join(root, 'dist', 'image', `rekey-${version}-*.tar`));
  for (const image of images)
    writeFileSync(
      join(out, `${basename(image)}.gz`),
      execFileSync('gzip', ['-n', '-c', image], { maxBuffer: 2 ** 30 }),
    );
  if (images.length === 0 && process.argv[2] === undefined) console.error('no image: run make image first');
  const files = readdirSync(out).sort();
  writeFileSync(join(out, 'SHA256SUMS'), files.map((file) => `${sha256(join(out, file))}  ${file}\n`).join(''));
  for (const file of [...files, 'SHA256SUMS']) console.log(join(out, file));
}

if (import.meta.main) main();
