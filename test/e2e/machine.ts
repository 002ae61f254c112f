/**
 * What a real node needs of this machine: root, namespaces, cgroups, and programs of Debian's packages. These are never installed: they
 * are unpacked into the user's cache and laid over /usr in a mount namespace, so that the machine stays as it is.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianLibraries } from '../support/libraries/debian.ts';

/** Programs that must be there: of util-linux, iproute2, dpkg and apt. */
const PROGRAMS = ['unshare', 'nsenter', 'mount', 'ip', 'apt-get', 'dpkg-deb'];

/** The container runtime, what kube-proxy calls, and what builds images; each with the libraries that it is linked to. */
const PACKAGES = [
  ...['containerd', 'runc', 'libseccomp2', 'containernetworking-plugins'],
  ...['iptables', 'libxtables12', 'libnftnl11', 'libmnl0', 'libip4tc2', 'libip6tc2'],
  ...['conntrack', 'libnetfilter-conntrack3', 'libnfnetlink0'],
  ...['buildah', 'libgpgme11', 'libassuan0', 'libgpg-error0', 'libdevmapper1.02.1'],
];

/** What the package iptables makes links for when it is installed. */
const TABLES = ['iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore'];

/** Where the controllers of version 1 of cgroups are, one folder each; of version 2, all in one. */
export const CGROUPS = '/sys/fs/cgroup';

/** @returns why no real node can run here; undefined if it can */
export function hindrance(): string | undefined {
  if (process.platform !== 'linux') return 'a real node runs on Linux';
  if (process.getuid?.() !== 0) return 'a real node needs root: sudo make e2e';
  const missing = PROGRAMS.find((program) => !succeeds('which', program));
  if (missing !== undefined) return `there is no program ${missing}`;
  if (!succeeds('unshare', '--mount', '--net', '--pid', '--fork', 'true'))
    return 'this machine makes no network namespace for us (in a container: run it privileged)';
  if (!mountsOverlay())
    return `no overlay can be mounted on ${tmpdir()} (in a container: TMPDIR on a disk of the machine)`;
  const places = [join(CGROUPS, 'memory', 'cgroup.procs'), join(CGROUPS, 'cgroup.controllers')];
  if (!places.some((place) => existsSync(place))) return `there are no cgroups at ${CGROUPS}`;
  return undefined;
}

/** As containerd mounts one for a container: not every file system can be below it. */
function mountsOverlay(): boolean {
  let dir: string;
  try {
    dir = mkdtempSync(join(tmpdir(), 'rekey-overlay-'));
  } catch {
    return false;
  }
  const [lower, upper, work, all] = ['lower', 'upper', 'work', 'all'].map((name) => join(dir, name));
  for (const folder of [lower, upper, work, all]) mkdirSync(String(folder));
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  // in a mount namespace of its own, with which the mount goes
  const mounts = succeeds('unshare', '--mount', 'mount', '-t', 'overlay', '-o', options, 'overlay', String(all));
  rmSync(dir, { recursive: true, force: true });
  return mounts;
}

function succeeds(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Folders that are laid over those of the machine, the uppermost first. */
export interface Layers {
  readonly usr: readonly string[];
  readonly etc: readonly string[];
}

/**
 * Unpacks the packages, once.
 *
 * @param dir for the few files that the packages make when they are installed
 * @throws Error where they cannot be downloaded
 */
export async function unpackPrograms(dir: string): Promise<Layers> {
  const unpacked = await debianLibraries(PACKAGES);
  if (unpacked === undefined) throw new Error('apt-get could not download containerd, runc and what belongs to them');
  const own = { usr: join(dir, 'layer', 'usr'), etc: join(dir, 'layer', 'etc') };
  mkdirSync(join(own.usr, 'sbin'), { recursive: true });
  for (const name of TABLES) symlinkSync('xtables-nft-multi', join(own.usr, 'sbin', name));
  mkdirSync(join(own.etc, 'containers'), { recursive: true });
  // nothing is pulled from anywhere: images come from a store of our own
  const policy = { default: [{ type: 'insecureAcceptAnything' }] };
  writeFileSync(join(own.etc, 'containers', 'policy.json'), JSON.stringify(policy));
  return { usr: [own.usr, join(unpacked.root, 'usr')], etc: [own.etc] };
}

/** @returns lines of a shell script, for a mount namespace of its own */
export const layOver = ({ usr, etc }: Layers): readonly string[] => [
  `mount -t overlay -o lowerdir=${[...usr, '/usr'].join(':')} overlay /usr`,
  `mount -t overlay -o lowerdir=${[...etc, '/etc'].join(':')} overlay /etc`,
];
