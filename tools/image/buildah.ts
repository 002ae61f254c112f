/**
 * Builds images with buildah: no daemon, and with its own store, so that it meets no image of the machine.
 */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is looked at of an image. */
export interface Inspected {
  /** Of its layers as they are unpacked: these do not depend on how they are compressed. */
  readonly layers: readonly string[];
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

/** @returns why no image can be built here; undefined if it can */
export function hindrance(): string | undefined {
  if (process.platform !== 'linux') return 'images are built on Linux';
  if (process.getuid?.() !== 0) return 'buildah needs root here (isolation by chroot)';
  for (const program of ['buildah', 'apt-get', 'dpkg-deb', 'tar'])
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
    } catch {
      return `there is no ${program}: apt-get install buildah`;
    }
  return undefined;
}

/** A store of images in a folder. */
export class Buildah {
  readonly #options: readonly string[];

  constructor(store: string) {
    mkdirSync(store, { recursive: true });
    const driver = process.env.STORAGE_DRIVER ?? 'overlay';
    this.#options = ['--root', join(store, 'layers'), '--runroot', join(store, 'run'), '--storage-driver', driver];
  }

  /** @returns what it prints; what it says on the way goes to standard error */
  run(...args: readonly string[]): string {
    const options = {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'inherit'],
    } satisfies ExecFileSyncOptionsWithStringEncoding;
    return execFileSync('buildah', [...this.#options, ...args], options);
  }

  has(image: string): boolean {
    return this.run('images', '--format', '{{.Name}}:{{.Tag}}', '--filter', `reference=${image}`).includes(image);
  }

  /** An image whose only layer is a folder. All belongs to root, and is dated at the epoch. */
  fromFolder(image: string, root: string, env: readonly string[], platform: string, work: string): void {
    const context = join(work, 'context');
    mkdirSync(context, { recursive: true });
    const tar = ['--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];
    execFileSync('tar', ['-C', root, ...tar, '-cf', join(context, 'root.tar'), '.']);
    const lines = ['FROM scratch', 'ADD root.tar /', ...env.map((line) => `ENV ${line}`)];
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    this.run(
      'bud',
      '--quiet',
      '--isolation',
      'chroot',
      '--timestamp',
      '0',
      '--platform',
      platform,
      '-t',
      image,
      context,
    );
    rmSync(context, { recursive: true });
  }

  /**
   * The Dockerfile of a folder; only from images that are in the store.
   *
   * @param file another Dockerfile; buildah takes the `.dockerignore` with its name, where there is one
   */
  build(
    image: string,
    folder: string,
    platform: string,
    own: string,
    args: Readonly<Record<string, string>>,
    file?: string,
  ): void {
    const other = file === undefined ? [] : ['--file', file];
    const options = ['--quiet', '--isolation', 'chroot', '--pull-never', '--no-cache', '--timestamp', '0'];
    const values = Object.entries({ BUILDPLATFORM: own, TARGETPLATFORM: platform, ...args }).flatMap(
      ([name, value]) => ['--build-arg', `${name}=${value}`],
    );
    this.run('bud', ...options, ...other, '--platform', platform, ...values, '-t', image, folder);
  }

  /** Leaves an image as one file that every registry and every runtime takes. */
  save(image: string, file: string): void {
    rmSync(file, { force: true });
    this.run('push', '--quiet', image, `docker-archive:${file}:${image}`);
  }

  inspect(image: string): Inspected {
    const all = JSON.parse(this.run('inspect', '--type', 'image', image)) as {
      readonly OCIv1: {
        readonly config: {
          readonly User?: string;
          readonly Labels?: Record<string, string>;
          readonly Entrypoint?: string[];
        };
        readonly rootfs: { readonly diff_ids: string[] };
      };
    };
    const { config, rootfs } = all.OCIv1;
    return {
      layers: rootfs.diff_ids,
      user: config.User ?? '',
      labels: config.Labels ?? {},
      entrypoint: config.Entrypoint ?? [],
    };
  }

  /** What an image unpacks to, for as long as `look` looks at it. */
  async mounted<T>(image: string, look: (root: string) => T | Promise<T>): Promise<T> {
    const container = this.run('from', '--pull-never', image).trim();
    try {
      return await look(this.run('mount', container).trim());
    } finally {
      this.run('rm', container);
    }
  }
}

/** @returns a hash of texts and files, to know a base again */
export const hashOf = (files: readonly string[], ...texts: readonly string[]): string => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.update(texts.join('\0')).digest('hex').slice(0, 16);
};
