import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildGoProgram, type GoProgram } from './build.ts';
import type { Command } from './processes.ts';

/** How to run each part of the control plane: a program and its first arguments. */
export interface ControlPlaneBinaries {
  readonly etcd: Command;
  readonly kubeApiserver: Command;
  readonly kubeControllerManager: Command;
  readonly kubeScheduler: Command;
  readonly kubectl: Command;
  /** Writes certificates: see binary/pki.go. */
  readonly pki: Command;
}

/** How to run the two programs of a real node. */
export interface NodePrograms {
  readonly kubelet: Command;
  readonly kubeProxy: Command;
}

/** The Go program that holds all parts. */
const source = join(import.meta.dirname, 'binary');
const controlPlane: GoProgram = {
  what: 'the local control plane',
  ...{ source, entry: '.', linkerFlags: linkerFlags(source), instead: ', or set KUBEBUILDER_ASSETS' },
};

/** The Go program that holds kubelet and kube-proxy, for those few who need a real node. */
const nodeSource = join(import.meta.dirname, 'node-binary');
const node: GoProgram = {
  what: 'kubelet and kube-proxy',
  ...{ source: nodeSource, entry: '.', linkerFlags: linkerFlags(nodeSource) },
};

/**
 * Finds the programs of a control plane, in this order:
 * 1. the folder `KUBEBUILDER_ASSETS` (etcd, kube-apiserver, kubectl and, if they
 *    are there, kube-controller-manager and kube-scheduler);
 * 2. for what is still missing, the program built from ./binary, in the user's
 *    cache folder under the hash of its source;
 * 3. that program built now: some minutes, once, with progress through `log`.
 *
 * @param log receives progress and is called with whole lines
 * @param options.soon builds it without optimizing, in three quarters of the time, if no other is there. It is for people who
 *   wait for their first cluster; tests would take longer with it
 * @throws Error that says what to install when it has to build and Go is missing or too old
 */
export async function findOrBuildControlPlane(
  log: (line: string) => void,
  { soon = false }: { readonly soon?: boolean | undefined } = {},
): Promise<ControlPlaneBinaries> {
  const hasOther = isExecutable(placeOf('controlplane', controlPlane));
  const built =
    soon && !hasOther
      ? await findOrBuild('controlplane-unoptimized', { ...controlPlane, unoptimized: true }, log)
      : await findOrBuild('controlplane', controlPlane, log);
  const assets = process.env.KUBEBUILDER_ASSETS;
  const part = (name: string): Command => {
    const asset = assets ? join(assets, name) : undefined;
    return asset !== undefined && isExecutable(asset) ? [asset] : [built, name];
  };
  return {
    etcd: part('etcd'),
    kubeApiserver: part('kube-apiserver'),
    kubeControllerManager: part('kube-controller-manager'),
    kubeScheduler: part('kube-scheduler'),
    kubectl: part('kubectl'),
    pki: [built, 'pki'],
  };
}

/**
 * Finds kubelet and kube-proxy in the user's cache folder, or builds them now: a minute or two after the control plane was built, whose
 * packages they share.
 *
 * @throws Error as {@link buildGoProgram}
 */
export async function findOrBuildNode(log: (line: string) => void): Promise<NodePrograms> {
  const built = await findOrBuild('node', node, log);
  return { kubelet: [built, 'kubelet'], kubeProxy: [built, 'kube-proxy'] };
}

/** Whether control plane, kubelet and kube-proxy are there, so that nothing has to be built for minutes. */
export const isNodeBuilt = (): boolean =>
  isExecutable(placeOf('controlplane', controlPlane)) && isExecutable(placeOf('node', node));

/**
 * Finds a program in the user's cache folder under the hash of its source, or builds it now.
 *
 * @param name of the program, and of its folder before the hash
 * @returns its path
 * @throws Error as {@link buildGoProgram}
 */
export async function findOrBuild(name: string, program: GoProgram, log: (line: string) => void): Promise<string> {
  const built = placeOf(name, program);
  if (!isExecutable(built)) await buildGoProgram(program, built, log);
  return built;
}

const placeOf = (name: string, { source }: GoProgram): string =>
  join(cacheFolder(), `${name}-${sourceHash(source)}`, name);

/** Without the version the programs call themselves v0.0.0-master and kubectl complains. */
function linkerFlags(source: string): string {
  const gomod = readFileSync(join(source, 'go.mod'), 'utf8');
  const [, version, minor] = /^\tk8s\.io\/kubernetes (v1\.(\d+)\.\d+)/m.exec(gomod) ?? [];
  const stamp = (name: string): string =>
    [`${name}.gitVersion=${version}`, `${name}.gitMajor=1`, `${name}.gitMinor=${minor}`, `${name}.gitTreeState=clean`]
      .map((value) => `-X ${value}`)
      .join(' ');
  return `-s -w ${stamp('k8s.io/component-base/version')} ${stamp('k8s.io/client-go/pkg/version')}`;
}

/** Where built programs, and what was compiled of others, are kept between runs. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rekey');
}

function sourceHash(source: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(source).filter((file) => /\.go$|^go\.(mod|sum)$/.test(file));
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
