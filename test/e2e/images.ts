/**
 * The images of the scenes: the operator's as `make image` builds it, and those of the example services by their Dockerfiles. Built again
 * when one of their sources has changed, else taken from the user's cache.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from '../../tools/image/buildah.ts';
import { cacheFolder } from '../support/cluster/binary.ts';
import { type Layers, layOver } from './machine.ts';

/** Archives that nobody used for this long are removed. */
const KEPT_MS = 24 * 3_600_000;

export const repoRoot = join(import.meta.dirname, '..', '..');

/** What is built, and from which files: globs from the root of the repository. */
const SOURCES = {
  operator: ['Dockerfile', 'package-lock.json', 'src/**/*.ts', 'tools/{bundle,compile*}.ts', 'tools/image/*.ts'],
  node: ['examples/services/node/*', 'keyring/node/src/*', 'tools/image/base.ts', 'test/e2e/build-images.ts'],
  python: ['examples/services/python/*.py', 'keyring/python/src/**/*.py', 'test/e2e/build-images.ts'],
  pause: ['test/e2e/build-images.ts'],
} as const;

export type ImageName = keyof typeof SOURCES;

export const IMAGE_NAMES = Object.keys(SOURCES) as readonly ImageName[];

function fileOf(name: ImageName): string {
  const files = SOURCES[name].flatMap((pattern) => globSync(join(repoRoot, pattern))).sort();
  return join(cacheFolder(), 'e2e-images', `${name}-${hashOf(files)}.tar`);
}

/** Whether each image was built here before, from these sources or older ones: then it is built again in half a minute. */
export const wereImagesBuilt = (): boolean =>
  IMAGE_NAMES.every((name) => globSync(join(cacheFolder(), 'e2e-images', `${name}-*.tar`)).length > 0);

/**
 * @param layers with buildah among the programs
 * @returns archives for the container runtime
 */
export function findOrBuildImages(layers: Layers, log: (line: string) => void): readonly string[] {
  const missing = IMAGE_NAMES.filter((name) => !existsSync(fileOf(name)));
  if (missing.length > 0) {
    log(`building the images ${missing.join(', ')}`);
    mkdirSync(join(cacheFolder(), 'e2e-images'), { recursive: true });
    const wanted = missing.map((name) => `${name}=${fileOf(name)}`);
    const script = [...layOver(layers), 'exec "$@"'].join(' && ');
    const program = [process.execPath, join(import.meta.dirname, 'build-images.ts'), ...wanted];
    execFileSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...program], { stdio: ['ignore', 2, 2] });
  }
  const files = IMAGE_NAMES.map(fileOf);
  const now = new Date();
  for (const file of files) utimesSync(file, now, now);
  // those of other sources may be in use by another checkout
  for (const file of globSync(join(cacheFolder(), 'e2e-images', '*.tar')))
    if (now.getTime() - statSync(file).mtimeMs > KEPT_MS) rmSync(file);
  return files;
}
