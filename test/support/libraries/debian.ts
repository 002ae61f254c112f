/**
 * Real Python and Ruby libraries for tests, from Debian's packages, of this machine's release of Debian or of another one:
 * downloaded once, unpacked into the user's cache, never installed. Where there is no apt-get, or it cannot download, the tests
 * that need them are skipped.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the libraries of some packages are. */
export interface Unpacked {
  /** What `/` is where the packages are installed. */
  readonly root: string;
  /** For PYTHONPATH. */
  readonly python: string;
  /** For RUBYLIB. */
  readonly ruby: string;
}

/**
 * @param packages names of Debian packages, with those that they need: nothing is added
 * @param release another release of Debian, such as `trixie`, for other versions of what is pure code
 * @returns where their libraries are; undefined where they cannot be had: skip what needs them, and say so
 */
export async function debianLibraries(packages: readonly string[], release?: string): Promise<Unpacked | undefined> {
  const root = folderOf(release === undefined ? packages : [...packages, `of ${release}`]);
  const unpacking = UNPACKING.get(root) ?? (existsSync(root) ? Promise.resolve(true) : unpack(packages, root, release));
  UNPACKING.set(root, unpacking);
  if (!(await unpacking)) return undefined;
  const lib = join(root, 'usr', 'lib');
  return { root, python: join(lib, 'python3', 'dist-packages'), ruby: join(lib, 'ruby', 'vendor_ruby') };
}

/** By folder, so that the files of one worker wait for one download. */
const UNPACKING = new Map<string, Promise<boolean>>();

/** @returns the versions of the Python and Ruby libraries that are there, by their names in small letters */
export function versionsIn({ python, root }: Unpacked): Readonly<Record<string, string>> {
  const gems = join(root, 'usr', 'share', 'rubygems-integration', 'all', 'gems');
  const found = [python, gems].flatMap((dir) => (existsSync(dir) ? readdirSync(dir) : []));
  const named = found.flatMap((name) => {
    const [, library = '', version = ''] = /^(\w+)-([\d.]+?)(?:\.(?:dist|egg)-info)?$/.exec(name) ?? [];
    return library === '' ? [] : [[library.toLowerCase(), version] as const];
  });
  return Object.fromEntries(named);
}

/** The keys of Debian's releases, as the package debian-archive-keyring installs them. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** @returns where {@link debianLibraries} puts the Python libraries of these packages, whether they are there or not */
export const pythonPath = (packages: readonly string[]): string =>
  join(folderOf(packages), 'usr', 'lib', 'python3', 'dist-packages');

/** The Python that Debian's packages are for. */
const PYTHON = '/usr/bin/python3';

/** @returns where {@link debianPython} puts it */
export const pythonFolder = (packages: readonly string[]): string => `${folderOf(packages)}-python`;

/**
 * A Python environment that has these packages without PYTHONPATH, as an image has them: `bin/python3` in {@link pythonFolder}.
 *
 * @param modules what it must be able to import
 * @returns whether it is there; if not, skip what needs it, and say so
 */
export async function debianPython(packages: readonly string[], modules: readonly string[]): Promise<boolean> {
  const libraries = await debianLibraries(packages);
  if (libraries === undefined) return false;
  const dir = pythonFolder(packages);
  const python = join(dir, 'bin', 'python3');
  const asked = async (program: string, code: string) => (await run(program, ['-c', code])).stdout.trim();
  try {
    if (!existsSync(dir)) {
      const made = mkdtempSync(`${dir}.`);
      await run(PYTHON, ['-m', 'venv', '--without-pip', made]);
      const site = await asked(join(made, 'bin', 'python3'), 'import sysconfig; print(sysconfig.get_path("purelib"))');
      writeFileSync(join(site, 'debian.pth'), `${libraries.python}\n`);
      moveTo(made, dir);
    }
    await asked(python, `import ${modules.join(', ')}`);
    return true;
  } catch {
    return false;
  }
}

/** Finds its libraries beside itself, wherever its packages were unpacked. */
const RUBY = `#!/bin/sh
usr=$(dirname "$0")/usr
set -- "$usr/bin/ruby3.1" "$@"
native=$(echo "$usr"/lib/*-linux-gnu)
export LD_LIBRARY_PATH="$native"
export RUBYLIB="\${RUBYLIB:+$RUBYLIB:}$usr/lib/ruby/3.1.0:$native/ruby/3.1.0"
exec "$@"
`;

/** @returns a Ruby that runs: that of the machine, or Debian's; undefined where neither can be had: skip what needs it */
export async function rubyProgram(): Promise<string | undefined> {
  const runs = (program: string) => run(program, ['-e', 'require "json"; require "openssl"']);
  const own = await runs('ruby').catch(() => undefined);
  if (own !== undefined) return 'ruby';
  const libraries = await debianLibraries(['ruby3.1', 'libruby3.1']);
  if (libraries === undefined) return undefined;
  const program = join(libraries.root, 'ruby');
  if (!existsSync(program)) {
    const made = `${program}.${process.pid}`;
    writeFileSync(made, RUBY, { mode: 0o755 });
    renameSync(made, program);
  }
  return runs(program).then(
    () => program,
    () => undefined,
  );
}

function folderOf(packages: readonly string[]): string {
  const hash = createHash('sha256')
    .update([...packages].sort().join(' '))
    .digest('hex')
    .slice(0, 16);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rekey', `debian-${hash}`);
}

/** The folder appears only when it is complete; who comes second takes that of the first. */
async function unpack(packages: readonly string[], root: string, release: string | undefined): Promise<boolean> {
  mkdirSync(dirname(root), { recursive: true });
  const dir = mkdtempSync(`${root}.`);
  try {
    const loaded = release === undefined ? download(packages, dir) : downloadFrom(release, packages, dir);
    if (!(await loaded.catch(() => false))) return false;
    for (const file of readdirSync(dir).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(dir, file), dir]);
      rmSync(join(dir, file));
    }
    moveTo(dir, root);
    return true;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Who comes second keeps what is there. */
function moveTo(made: string, place: string): void {
  try {
    renameSync(made, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
    rmSync(made, { recursive: true, force: true });
  }
}

/** A new machine has no lists of packages yet, and old lists name versions that are gone. */
async function download(packages: readonly string[], cwd: string): Promise<boolean> {
  const get = () => run('apt-get', ['download', '-qq', ...packages], { cwd }).then(() => true);
  const update = () => run('apt-get', ['update', '-qq']);
  return get().catch(() => update().then(get));
}

/**
 * From the mirror that the machine has, with lists of packages of its own: the machine's stay as they are. Debian's keys that the
 * machine has must have signed them.
 */
async function downloadFrom(release: string, packages: readonly string[], cwd: string): Promise<boolean> {
  const state = mkdtempSync(join(tmpdir(), 'rekey-debian-'));
  try {
    const mirror = (await mirrorInUse()) ?? (await run('apt-get', ['update', '-qq']).then(mirrorInUse));
    if (mirror === undefined) return false;
    mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
    writeFileSync(join(state, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${release} main\n`);
    writeFileSync(join(state, 'status'), '');
    const options = [
      ...[`Dir::Etc::sourcelist=${state}/sources.list`, 'Dir::Etc::sourceparts=-', `Dir::State::lists=${state}/lists`],
      // as if nothing were installed: an older version than the installed one is no candidate otherwise
      ...[`Dir::State::status=${state}/status`, `Dir::Cache=${state}`, 'APT::Sandbox::User=root'],
      ...['Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false', 'Acquire::Languages=none'],
    ].flatMap((option) => ['-o', option]);
    await run('apt-get', [...options, 'update', '-qq']);
    await run('apt-get', [...options, 'download', '-qq', ...packages], { cwd });
    return true;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** @returns where the machine has Debian's packages from; undefined without lists of packages, and where it is no Debian */
async function mirrorInUse(): Promise<string | undefined> {
  const asked = ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await run('apt-get', asked);
  return /^Debian (\S+)$/m.exec(stdout)?.[1];
}
