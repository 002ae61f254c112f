/**
 * Builds images into archives, in a mount namespace that has buildah: see images.ts.
 *
 * Usage: node test/e2e/build-images.ts NAME=FILE…
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Buildah } from '../../tools/image/buildah.ts';
import { bases, OWN, storeFolder } from '../../tools/image/image.ts';
import { debianLibraries } from '../support/libraries/debian.ts';
import { type ImageName, repoRoot } from './images.ts';
import { PAUSE_IMAGE } from './node-config.ts';

/** Python, what its modules are linked to, and PyJWT. */
const PYTHON = [
  ...['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib', 'python3-jwt', 'libc6', 'libgcc-s1'],
  ...['libexpat1', 'zlib1g', 'libssl3', 'libbz2-1.0', 'liblzma5', 'libffi8', 'libsqlite3-0', 'libuuid1', 'libcrypt1'],
];

const work = mkdtempSync(join(tmpdir(), 'rekey-e2e-images-'));
const store = new Buildah(storeFolder());

/** A file in `work`. @returns its path */
function dockerfile(name: string, ...lines: readonly string[]): string {
  const path = join(work, `${name}.Dockerfile`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** By its own Dockerfile, on the base that has npm and a shell. */
function buildNode(): string {
  const image = 'rekey.dev/example-node:latest';
  const file = join(repoRoot, 'examples', 'services', 'node', 'Dockerfile');
  store.build(image, repoRoot, OWN, OWN, { BASE: bases(store, OWN).build }, file);
  return image;
}

/** Debian's Python in place of the image of Python, and PyJWT from its package in place of pip: there is no registry of images. */
async function buildPython(): Promise<string> {
  const image = 'rekey.dev/example-python:latest';
  const libraries = await debianLibraries(PYTHON);
  if (libraries === undefined) throw new Error('apt-get could not download Python');
  const root = join(work, 'python');
  cpSync(libraries.root, root, { recursive: true, verbatimSymlinks: true });
  for (const source of globSync(join(repoRoot, 'examples/services/python/*.py')))
    cpSync(source, join(root, 'app', source.slice(source.lastIndexOf('/') + 1)));
  cpSync(join(repoRoot, 'keyring/python/src'), join(root, 'keyring'), { recursive: true });
  const base = 'localhost/rekey-e2e-python:base';
  const paths = '/keyring:/usr/lib/python3/dist-packages';
  const env = ['PATH=/usr/bin', `PYTHONPATH=${paths}`, 'PYTHONUNBUFFERED=1', 'PYTHONDONTWRITEBYTECODE=1'];
  store.fromFolder(base, root, env, OWN, work);
  const command = 'CMD ["python3.11", "server.py"]';
  const file = dockerfile('python', `FROM ${base}`, 'WORKDIR /app', 'USER 1000:1000', command);
  store.build(image, work, OWN, OWN, {}, file);
  return image;
}

/** Holds the namespaces of a pod: does nothing, until it is killed. */
function buildPause(): string {
  const file = dockerfile(
    'pause',
    `FROM ${bases(store, OWN).build}`,
    'ENTRYPOINT ["/bin/busybox", "tail", "-f", "/dev/null"]',
  );
  store.build(PAUSE_IMAGE, work, OWN, OWN, {}, file);
  return PAUSE_IMAGE;
}

/** As people build it. @returns its archive */
function makeImage(): string {
  execFileSync(process.execPath, [join(repoRoot, 'tools', 'image', 'image.ts'), '--check'], {
    stdio: ['ignore', 2, 2],
  });
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { readonly version: string };
  return join(repoRoot, 'dist', 'image', `rekey-${version}-${OWN.replace('/', '-')}.tar`);
}

async function build(name: ImageName, file: string): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  if (name === 'operator') cpSync(makeImage(), unfinished);
  else store.save(name === 'node' ? buildNode() : name === 'python' ? await buildPython() : buildPause(), unfinished);
  renameSync(unfinished, file);
}

try {
  for (const argument of process.argv.slice(2)) {
    const at = argument.indexOf('=');
    await build(argument.slice(0, at) as ImageName, argument.slice(at + 1));
  }
  // what a newer build of the same name has replaced
  store.run('rmi', '--prune');
} finally {
  rmSync(work, { recursive: true, force: true });
}
