/**
 * From a pod to what the planner knows of it, and whether a canary may go there.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { PodFacts, Probe } from '../facts.ts';
import type { TargetSettings } from '../settings.ts';
import { versionOf } from './rollouts.ts';
import type { PodView } from './views.ts';
import type { WorkloadView } from './workloads.ts';

interface Asking {
  readonly probes: ReadonlyMap<string, Probe>;
  /** Whether pods with a loopback address may be sent canaries: only for development. */
  readonly allowLoopback: boolean;
}

/** A pod as the planner sees it. */
export function podFacts(
  { probes, allowLoopback }: Asking,
  target: TargetSettings,
  workload: WorkloadView,
  pod: PodView,
): PodFacts {
  const incarnation = incarnationOf(pod);
  const starts = pod.containers.flatMap(({ startedAt }) => startedAt ?? []);
  const unprobeable = whyUnprobeable(pod, target, allowLoopback);
  const probe = probes.get(incarnation);
  // of mounted files the pod's own mark tells: nobody restarts it
  const aged = target.kind === 'Rollout' && target.source === 'Env';
  const templateVersion = aged ? versionOf(pod, workload) : pod.templateVersion;
  return {
    name: pod.name,
    uid: pod.uid,
    incarnation,
    createdAt: pod.createdAt,
    terminating: pod.terminating,
    ...(pod.graceSeconds !== undefined && { graceSeconds: pod.graceSeconds }),
    ready: pod.ready,
    ...(starts.length > 0 && { startedAt: Math.min(...starts) }),
    ...(templateVersion !== undefined && { templateVersion }),
    ...(pod.address !== undefined && { address: pod.address }),
    ...(unprobeable !== undefined && { unprobeable }),
    ...(probe && { probe }),
  };
}

/** A container that starts again has read the Secret again. */
export function incarnationOf({ uid, containers }: PodView): string {
  return [uid, ...containers.map(({ instance }) => instance).sort()].join('/');
}

/** A canary is a valid token: it goes to the target's own pods at an address of their own, and nowhere else. */
function whyUnprobeable(pod: PodView, target: TargetSettings, allowLoopback: boolean): string | undefined {
  if (!isOwn(pod, target)) {
    return `pod ${pod.name} matches the selector of ${target.name} but is not controlled by it`;
  }
  if (pod.hostNetwork) return `pod ${pod.name} has hostNetwork: its address is the node's`;
  if (pod.address === undefined || isOwnAddress(pod.address, allowLoopback)) return undefined;
  return `pod ${pod.name} has the address ${pod.address}, which no pod can have`;
}

/** A Deployment has its pods by way of ReplicaSets that are named after it, and so has a Rollout. */
function isOwn({ controller }: PodView, { kind, name }: TargetSettings): boolean {
  if (kind === 'Deployment' || kind === 'Rollout')
    return controller?.kind === 'ReplicaSet' && controller.name.startsWith(`${name}-`);
  return controller?.kind === kind && controller.name === name;
}

function isOwnAddress(address: string, allowLoopback: boolean): boolean {
  if (isIPv4(address)) {
    if (address.startsWith('127.')) return allowLoopback;
    return !/^(0\.|169\.254\.|22[4-9]\.|23[0-9]\.|255\.)/.test(address);
  }
  if (!isIPv6(address)) return false;
  const lower = address.toLowerCase();
  return !/^(::1?$|fe[89ab]|ff|::ffff:)/.test(lower);
}
