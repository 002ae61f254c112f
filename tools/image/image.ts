/**
 * Builds the image of the operator by the Dockerfile, and says how large it is and how soon it starts.
 *
 * Usage: node tools/image/image.ts [--platform linux/arm64] [--check] [--twice] [--build IMAGE --run IMAGE]
 *   --check        exit status 1 if the image holds what it must not. Where no image can be built, says so and exits with 0
 *   --twice        builds it a second time: exit status 1 if a layer differs
 *   --build, --run the bases, if they are in the store of buildah already; else both are made here
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUILD_ENV, buildRoot, PLATFORMS, type Platform, runRoot } from './base.ts';
import { Buildah, hashOf, hindrance } from './buildah.ts';
import { contentOf, faultsOf, type Start, startOnce } from './look.ts';

const STARTS = 5;
const MEGABYTE = 1_000_000;
/** The platform of this machine. */
export const OWN: Platform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
const repository = join(import.meta.dirname, '..', '..');

/** What was built, and what was found in it. */
interface Built {
  readonly image: string;
  readonly file: string;
  readonly layers: readonly string[];
}

/** Names of the images that the Dockerfile begins with. */
export interface Bases {
  readonly build: string;
  readonly run: string;
}

function packageJson(): { readonly version: string; readonly devDependencies: { readonly node: string } } {
  return JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
}

/** The commit; `unknown` in a copy without Git. */
function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: repository, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** Makes the bases, or finds those that it made before from the same Dockerfile of theirs, version of Node and platform. */
export function bases(store: Buildah, platform: Platform): Bases {
  const { node } = packageJson().devDependencies;
  const npm = execFileSync('npm', ['--version'], { encoding: 'utf8' }).trim();
  const tag = hashOf([join(import.meta.dirname, 'base.ts')], node, npm);
  const named = (name: string, of: Platform) => `localhost/rekey-${name}-${PLATFORMS[of].debian}:${tag}`;
  const wanted = { build: named('build', OWN), run: named('run', platform) };
  if (store.has(wanted.build) && store.has(wanted.run)) return wanted;
  const work = mkdtempSync(join(tmpdir(), 'rekey-image-'));
  try {
    const ownRun = runRoot(node, OWN, join(work, 'own'));
    const root = platform === OWN ? ownRun : runRoot(node, platform, join(work, 'other'));
    store.fromFolder(wanted.run, root, [], platform, work);
    store.fromFolder(wanted.build, buildRoot(ownRun, npm, OWN, work), BUILD_ENV, OWN, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return wanted;
}

/** @returns what `dist/image` now holds */
function buildImage(store: Buildah, platform: Platform, { build, run }: Bases): Built {
  const { version } = packageJson();
  const image = `localhost/rekey-${PLATFORMS[platform].debian}:${version}`;
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const args = { BUILD: build, RUN: run, VERSION: version, REVISION: revision(), NPM_CONFIG_REGISTRY: registry };
  store.build(image, repository, platform, OWN, args);
  const folder = join(repository, 'dist', 'image');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `rekey-${version}-${platform.replace('/', '-')}.tar`);
  store.save(image, file);
  return { image, file, layers: store.inspect(image).layers };
}

/** Where the images are kept between builds. */
export const storeFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rekey', 'images');

/** @returns what is wrong with it */
async function report(store: Buildah, { image, file, layers }: Built, runs: boolean): Promise<readonly string[]> {
  const { user, entrypoint } = store.inspect(image);
  return await store.mounted(image, async (root) => {
    const content = contentOf(root);
    console.log(`image    ${file}`);
    for (const layer of layers) console.log(`layer    ${layer}`);
    console.log(`content  ${(content.bytes / MEGABYTE).toFixed(1)} MB in ${content.files.length} files`);
    console.log(
      `start    ${runs ? await started(root, entrypoint, user) : 'not measured: it is for another platform'}`,
    );
    return faultsOf(content, user, entrypoint);
  });
}

async function started(root: string, entrypoint: readonly string[], user: string): Promise<string> {
  const times: Start[] = [];
  for (let run = 0; run < STARTS; run++) times.push(await startOnce(root, entrypoint, user));
  const median = (of: (start: Start) => number): number =>
    Math.round(times.map(of).sort((a, b) => a - b)[STARTS >> 1] ?? 0);
  const ms = median((start) => start.ms);
  return `${ms} ms to the first request, ${median((start) => start.processorMs)} ms of processor time (medians of ${STARTS})`;
}

/** @returns why nothing was built: who only checks goes on without it */
function unbuilt(why: string, check: boolean): number {
  console.error(`no image: ${why}. With another builder: docker build -t rekey:${packageJson().version} .`);
  return check ? 0 : 1;
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { platform: text, check: flag, twice: flag, build: text, run: text } as const;
  const { platform: asked = OWN, check, twice, ...given } = parseArgs({ options }).values;
  if (!Object.hasOwn(PLATFORMS, asked)) {
    console.error(`--platform ${asked}: write one of ${Object.keys(PLATFORMS).join(', ')}`);
    return 2;
  }
  const platform = asked as Platform;
  const why = hindrance();
  if (why !== undefined) return unbuilt(why, check);
  const store = new Buildah(storeFolder());
  let made: Bases;
  try {
    made = { ...bases(store, platform), ...given };
  } catch (error) {
    return unbuilt(`its bases could not be made (${error instanceof Error ? error.message : error})`, check);
  }
  const built = buildImage(store, platform, made);
  const wrong = [...(await report(store, built, platform === OWN))];
  if (twice && buildImage(store, platform, made).layers.join() !== built.layers.join())
    wrong.push('a second build has other layers');
  for (const line of wrong) console.error(`wrong    ${line}`);
  return (check || twice) && wrong.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main();
