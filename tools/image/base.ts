/**
 * The two images that the Dockerfile begins with, where there is no registry of images: from Debian's packages and the npm
 * packages `node-linux-…` and `npm`. Both are put together from files, so that nothing has to run on the other platform.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What an image can be built for: Debian's name of it, npm's, and that of the folder of its libraries. */
export const PLATFORMS = {
  'linux/amd64': { debian: 'amd64', npm: 'x64', triple: 'x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  'linux/arm64': { debian: 'arm64', npm: 'arm64', triple: 'aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
} as const;

export type Platform = keyof typeof PLATFORMS;

/** The libraries that the Node program is linked to, and those with which libc looks up names. */
const LIBRARIES = [
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1', 'libgcc_s.so.1'],
  ...['libstdc++.so.6', 'libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2'],
];
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'ca-certificates'];

/** Environment of the base for the build. */
export const BUILD_ENV = [
  'PATH=/usr/bin:/bin',
  'HOME=/tmp',
  'NPM_CONFIG_UPDATE_NOTIFIER=false',
  'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
];

const run = (program: string, args: readonly string[], cwd?: string): string =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'], cwd });

/** Debian's packages of a platform, unpacked into a folder. `lists` is where apt keeps what it knows of the other platform. */
function unpack(packages: readonly string[], platform: Platform, into: string, lists: string): void {
  const { debian } = PLATFORMS[platform];
  const own = run('dpkg', ['--print-architecture']).trim() === debian;
  const set = own ? [] : [`APT::Architecture=${debian}`, `APT::Architectures=${debian}`, `Dir::State::Lists=${lists}`];
  // as root: a user of its own could not write into this folder
  const options = ['APT::Sandbox::User=root', ...set].flatMap((option) => ['-o', option]);
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(into, { recursive: true });
  const download = () => run('apt-get', [...options, 'download', '-qq', ...packages], into);
  try {
    download();
  } catch {
    run('apt-get', [...options, 'update', '-qq']);
    download();
  }
  for (const file of globSync(join(into, '*.deb'))) {
    run('dpkg-deb', ['-x', file, into]);
    rmSync(file);
  }
}

/** One npm package, unpacked into a folder. */
function unpackNpm(name: string, into: string): void {
  mkdirSync(into, { recursive: true });
  const archive = run('npm', ['pack', '--silent', name], into).trim();
  run('tar', ['xzf', archive, '--strip-components=1'], into);
  rmSync(join(into, archive));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Symbols are a seventh of the program, and nobody debugs in this image. Without binutils for the platform it stays as it is. */
function stripSymbols(program: string): void {
  try {
    execFileSync('strip', ['-s', program], { stdio: 'ignore' });
  } catch {
    console.error(`${basename(program)} keeps its symbols: binutils of this machine cannot read it`);
  }
}

/**
 * What the operator runs on: Node, the libraries that it is linked to, certificates, two users, and the licences of all that.
 *
 * @param node version of Node
 * @param work an empty folder
 * @returns the folder that becomes `/`
 */
export function runRoot(node: string, platform: Platform, work: string): string {
  const { npm, triple, loader } = PLATFORMS[platform];
  const packages = join(work, 'packages');
  const root = join(work, 'run');
  unpack(PACKAGES, platform, packages, join(work, 'lists'));
  const find = (name: string): string => {
    const places = [join(packages, 'lib', triple, name), join(packages, 'usr', 'lib', triple, name)];
    const found = places.find((place) => existsSync(place));
    if (found === undefined) throw new Error(`no package has ${name}: PACKAGES in tools/image/base.ts`);
    return found;
  };
  for (const name of LIBRARIES) copy(find(name), join(root, 'lib', triple, name));
  copy(find(basename(loader)), join(root, loader));
  const certificates = globSync(join(packages, 'usr/share/ca-certificates/mozilla/*.crt')).sort();
  write(
    join(root, 'etc/ssl/certs/ca-certificates.crt'),
    certificates.map((file) => readFileSync(file, 'utf8')).join(''),
  );
  for (const file of globSync(join(packages, 'usr/share/doc/*/copyright')))
    copy(file, join(root, file.slice(packages.length)));
  write(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n');
  write(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  write(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  unpackNpm(`node-linux-${npm}@${node}`, join(work, 'node'));
  copy(join(work, 'node/bin/node'), join(root, 'nodejs/bin/node'));
  copy(join(work, 'node/LICENSE'), join(root, 'usr/share/doc/nodejs/copyright'));
  stripSymbols(join(root, 'nodejs/bin/node'));
  return root;
}

/**
 * What the bundle is built on: the above, with a shell and npm. Certificates are those of this machine, so that npm reaches what it
 * reaches here; nothing of it gets into the image.
 */
export function buildRoot(run: string, npmVersion: string, platform: Platform, work: string): string {
  const root = join(work, 'build');
  execFileSync('cp', ['-a', run, root]);
  unpack(['busybox-static'], platform, join(work, 'busybox'), join(work, 'lists'));
  copy(join(work, 'busybox/bin/busybox'), join(root, 'bin/busybox'));
  for (const name of ['sh', 'env', 'mkdir', 'rm', 'ls']) symlinkSync('/bin/busybox', join(root, 'bin', name));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('/bin/busybox', join(root, 'usr/bin/env'));
  unpackNpm(`npm@${npmVersion}`, join(root, 'usr/lib/node_modules/npm'));
  symlinkSync('/usr/lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/bin/npm'));
  symlinkSync('/nodejs/bin/node', join(root, 'usr/bin/node'));
  const machines = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(machines)) copyFileSync(machines, join(root, 'etc/ssl/certs/ca-certificates.crt'));
  mkdirSync(join(root, 'tmp'));
  return root;
}
