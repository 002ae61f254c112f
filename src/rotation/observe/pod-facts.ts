/** Makes the planner's facts of a pod, and decides whether a canary may go there. */

import { isIP } from 'node:net';
import { blockList } from '../../base/networks.ts';
import { defined, own } from '../../base/objects.ts';
import type { PodFacts, Probe } from '../facts.ts';
import type { ForeignTime } from '../keyset/foreign-times.ts';
import type { KeyPlaces, TargetSettings } from '../settings/settings.ts';
import { readsAnyKey, readsElsewhere } from '../workloads/reads.ts';
import { versionOf } from '../workloads/rollouts.ts';
import {
  type ContainerStart,
  filesReadUpTo,
  foreignTimesOf,
  type Lag,
  readUpTo,
  type StartOrNone,
} from '../workloads/starts.ts';
import type { ContainerView, PodView } from '../workloads/views.ts';
import type { WorkloadView } from '../workloads/workload-view.ts';

/** How pods are looked at. */
export interface Asking extends Lag {
  readonly probes: ReadonlyMap<string, Probe>;
  /** Whether canaries may go to pods with a loopback address: only for development. */
  readonly allowLoopback: boolean;
  /** Where the keys are. A container that takes none of them does not matter. */
  readonly places: KeyPlaces;
  /** Whether the time of the API server is known. Otherwise nothing is concluded from times. */
  readonly clockKnown: boolean;
  /** When the Secret was not as rekey wrote it. */
  readonly foreign: readonly ForeignTime[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A pod as the planner sees it. */
export function podFacts(asking: Asking, target: TargetSettings, workload: WorkloadView, pod: PodView): PodFacts {
  const containers = containersWith(pod, asking.places);
  const incarnation = incarnationOf(pod, asking.places);
  const starts = containers.flatMap(({ startedAt }) => startedAt ?? []);
  const { createdAt } = pod;
  const start = starts.length === 0 ? { createdAt } : { createdAt, startedAt: Math.min(...starts) };
  // mounted files follow the Secret
  const keeps = target.source === 'Env' && asking.clockKnown;
  const foreign = keeps
    ? foreignTimesOf(startsOf(pod, containers, asking.now), asking.foreign, asking.now, asking)
    : [];
  const several = hasSeveral(pod, asking.places);
  const isUnaskedFile = several && target.source === 'File';
  const port = portOf(target, pod);
  const unprobeable = whyUnprobeable(pod, asking.allowLoopback) ?? whyNoPort(target, pod, port);
  const probe = asking.probes.get(incarnation);
  // with mounted files the pod's own annotation counts, because it is not restarted
  const aged = target.kind === 'Rollout' && target.source === 'Env';
  const templateVersion = aged ? versionOf(pod, workload) : pod.templateVersion;
  return {
    name: pod.name,
    uid: pod.uid,
    incarnation,
    terminating: pod.terminating,
    ...defined({ graceSeconds: pod.graceSeconds }),
    ready: pod.ready,
    ...start,
    ...(asking.clockKnown && { readUpTo: isUnaskedFile ? filesRead(start, asking) : readUpTo(start, asking) }),
    ...(foreign.length > 0 && { foreign }),
    ...(containers.some(({ ran }) => ran) && { ran: true as const }),
    ...(several && { several: true as const }),
    ...defined({ templateVersion, address: pod.address, port, unprobeable, probe }),
    ...defined({ takesFrom: takesFrom(pod, asking.places) }),
  };
}

/** @returns undefined if a container takes a key from the Secret */
function takesFrom({ reads }: PodView, places: KeyPlaces): PodFacts['takesFrom'] {
  if (readsAnyKey(reads, places)) return undefined;
  return readsElsewhere(reads, places) ? 'Elsewhere' : 'Unknown';
}

/** Each container counts by its own start: one that crashed has read the Secret again. One that does not run starts from now on. */
function startsOf(
  { createdAt }: PodView,
  containers: readonly ContainerView[],
  now: number,
): readonly ContainerStart[] {
  return containers.map(({ startedAt = now }) => ({ createdAt, startedAt }));
}

/** Of several containers one answers; the others have read the files when they started, or some time after they changed. */
function filesRead(start: StartOrNone, asking: Asking): number {
  return Math.max(readUpTo(start, asking), filesReadUpTo(asking.now, asking));
}

/** A container that restarts has read the Secret again. Containers that do not take the key do not matter. */
export function incarnationOf(pod: PodView, places: KeyPlaces): string {
  const instances = containersWith(pod, places).map(({ instance }) => instance);
  return [pod.uid, ...instances.sort()].join('/');
}

function hasSeveral({ containers }: PodView, places: KeyPlaces): boolean {
  return containers.filter(({ reads, over }) => over !== true && readsAnyKey(reads, places)).length > 1;
}

/** The containers that read a key. If none seems to, for example with a kind of mount that is not followed, all of them. */
function containersWith({ containers }: PodView, places: KeyPlaces): readonly ContainerView[] {
  const readers = containers.filter(({ reads }) => readsAnyKey(reads, places));
  return readers.length > 0 ? readers : containers;
}

/** A canary is a valid token, so it goes only to the target's own pods, at addresses of their own. */
function whyUnprobeable(pod: PodView, allowLoopback: boolean): string | undefined {
  if (pod.hostNetwork) return `pod ${pod.name} has hostNetwork: its address is the node's`;
  if (pod.address === undefined || isOwnAddress(pod.address, allowLoopback)) return undefined;
  return `pod ${pod.name} has the address ${pod.address}, which no pod can have`;
}

function portOf({ canary }: TargetSettings, { ports }: PodView): number | undefined {
  return typeof canary?.port === 'string' ? own(ports, canary.port) : canary?.port;
}

function whyNoPort({ canary }: TargetSettings, { name, ports }: PodView, port: number | undefined): string | undefined {
  if (canary === undefined || port !== undefined) return undefined;
  const names = Object.keys(ports).sort();
  const known = names.length === 0 ? 'its containers name none' : `its containers name ${names.join(', ')}`;
  return `pod ${name} has no TCP port named ${canary.port} (${known}): correct canary.port of the target, or name the port in the pod template`;
}

/** Loopback may be allowed; a pod never has one of the others: of this network, link-local, multicast, broadcast. */
const LOOPBACK = blockList('ipv4', ['127.0.0.0/8']);
const NEVER_V4 = blockList('ipv4', ['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.0.0.0/8']);
/** Unspecified, loopback and other spellings of IPv4 addresses; link-local; multicast. */
const NEVER_V6 = blockList('ipv6', ['::/96', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8']);

function isOwnAddress(address: string, allowLoopback: boolean): boolean {
  switch (isIP(address)) {
    case 4:
      return LOOPBACK.check(address) ? allowLoopback : !NEVER_V4.check(address);
    case 6:
      // only a link-local address needs a zone
      return !address.includes('%') && !NEVER_V6.check(address, 'ipv6');
    default:
      return false;
  }
}
