/**
 * From the world to facts: all reads of a decision are here.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { PODS, type PodDisruptionBudget, SECRETS, type Secret } from '../kube/types.ts';
import type { Availability } from '../runtime/optional-reflector.ts';
import type { Store } from '../runtime/store.ts';
import type { LedgerReading } from './audit/ledger.ts';
import type { EmergencyRequest, Facts, PodFacts, Probe, Requests, SecretFacts, TargetFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { type JwtKeyRotation, REQUEST } from './names.ts';
import { dueOf, impossibleWindow, windowState } from './schedule/cadence.ts';
import { readSecret } from './secret/secret.ts';
import type { Settings, TargetSettings } from './settings.ts';
import { budgetOf, strictBudgets } from './workloads/budgets.ts';
import { consumptionOf } from './workloads/consumption.ts';
import { reloadedBy } from './workloads/reloader.ts';
import { isWhole, templateFinding, unservedFinding, versionOf, withTemplate } from './workloads/rollouts.ts';
import { type PodView, podView, selectorText, selects } from './workloads/views.ts';
import { WORKLOAD_KINDS, WORKLOADS, type WorkloadKind, type WorkloadView } from './workloads/workloads.ts';

/** Where workloads and pods are read from: the caches, or the API server itself. */
export interface World {
  readonly live: boolean;
  workload(kind: WorkloadKind, namespace: string, name: string): Promise<WorkloadView | undefined>;
  podsOf(workload: WorkloadView): Promise<readonly PodView[]>;
  /** PodDisruptionBudgets that let no pod go although all are healthy. Of a cached world none is known. */
  strictBudgets(namespace: string): Promise<readonly PodDisruptionBudget[]>;
}

export interface Caches {
  readonly workloads: Readonly<Record<WorkloadKind, Store<WorkloadView>>>;
  readonly pods: Store<PodView>;
  readonly rollouts: () => Availability;
}

export function cachedWorld({ workloads, pods }: Caches): World {
  const find = async (kind: WorkloadKind, namespace: string, name: string) =>
    workloads[kind].get(`${namespace}/${name}`);
  return {
    live: false,
    workload: async (kind, namespace, name) =>
      withTemplate(await find(kind, namespace, name), (deployment) => find('Deployment', namespace, deployment)),
    podsOf: async ({ namespace, selector }) => pods.list(namespace).filter((pod) => selects(selector, pod.labels)),
    strictBudgets: async () => [],
  };
}

/** Reads what a write depends on from the API server: a cache may lag behind without knowing. */
export function liveWorld(client: KubeClient): World {
  const find = async (kind: WorkloadKind, namespace: string, name: string) => {
    const { type, view } = WORKLOADS[kind];
    const found = await orUndefined(client.get(type, { namespace, name }));
    return found && view(found);
  };
  return {
    live: true,
    workload: async (kind, namespace, name) =>
      withTemplate(await find(kind, namespace, name), (deployment) => find('Deployment', namespace, deployment)),
    podsOf: async ({ namespace, selector }) => {
      const { items } = await client.list(PODS, { namespace, labelSelector: selectorText(selector) });
      return items.map(podView);
    },
    strictBudgets: (namespace) => strictBudgets(client, namespace),
  };
}

/** A read of the Secret, together with the version that a write must be conditional on. */
export interface SecretReading {
  readonly facts: SecretFacts;
  readonly resourceVersion?: string;
}

export async function readSecretNow(client: KubeClient, namespace: string, settings: Settings): Promise<SecretReading> {
  const secret = await getSecret(client, namespace, settings.secretName);
  const resourceVersion = secret?.metadata.resourceVersion;
  return { facts: readSecret(secret, settings), ...(resourceVersion !== undefined && { resourceVersion }) };
}

export async function getSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  return orUndefined(client.get(SECRETS, { namespace, name }));
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  }
}

export interface Observation {
  readonly resource: JwtKeyRotation;
  readonly settings: Settings;
  readonly secret: SecretFacts;
  readonly books: LedgerReading;
  readonly world: World;
  readonly caches: Caches;
  readonly probes: ReadonlyMap<string, Probe>;
  readonly nextRotationId: string;
  /** Whether pods with a loopback address may be sent canaries: only for development. */
  readonly allowLoopback: boolean;
  readonly now: number;
  readonly sharedWith: readonly string[];
  readonly burntElsewhere: readonly string[];
  readonly clockOffsetMs: number | undefined;
}

export async function observe(observation: Observation): Promise<Facts> {
  const { resource, settings, secret, world, now } = observation;
  const namespace = resource.metadata.namespace ?? '';
  const targets = await Promise.all(settings.targets.map((target) => observeTarget(observation, namespace, target)));
  // of what is not managed nothing can be due, and a time that moves with the clock would be a new status in each pass
  const due = secret.kind === 'Managed' ? dueOf(settings.cadence, secret.keyset.attempts, now) : { nextRuns: [] };
  const promotingMs = secret.kind === 'Managed' ? secret.keyset.attempts.promotingMs : undefined;
  const impossible = impossibleWindow(settings.windows, due, now, promotingMs);
  return {
    now,
    live: world.live,
    nextRotationId: observation.nextRotationId,
    settings,
    secret,
    ledger: observation.books.ledger,
    ...(observation.books.finding && { ledgerFinding: observation.books.finding }),
    targets,
    unlistedConsumers: unlistedConsumers(observation, namespace),
    requests: requestsOf(resource),
    sharedWith: observation.sharedWith,
    burntElsewhere: observation.burntElsewhere,
    ...(observation.clockOffsetMs !== undefined && { clockOffsetMs: observation.clockOffsetMs }),
    due,
    window: windowState(settings.windows, now),
    ...(impossible && { impossibleWindow: impossible }),
  };
}

async function observeTarget(
  observation: Observation,
  namespace: string,
  settings: TargetSettings,
): Promise<TargetFacts> {
  const workload = await observation.world.workload(settings.kind, namespace, settings.name);
  const finding = targetFinding(observation, namespace, settings, workload);
  const unseen = workload === undefined ? finding?.reason === 'Forbidden' : workload.unseen === true;
  const found = { settings, ...(finding && { finding }), ...(unseen && { unseen }) };
  if (workload === undefined) return { ...found, pods: [] };
  const pods = (await observation.world.podsOf(workload)).filter((pod) => pod.live);
  const { uid, paused, manual, templateVersion, bumpedAt, rolledOut, failed, ready, sources } = workload;
  const heldBy = await budgetThatHolds(observation, namespace, settings, workload, pods);
  const reloader = reloadedBy(workload.reloader, observation.settings.secretName);
  return {
    ...found,
    workload: {
      uid,
      paused,
      manual,
      rolledOut: rolledOut && isWhole(workload, pods),
      ready,
      consumes: workload.secrets.includes(observation.settings.secretName),
      consumption: consumptionOf(sources, observation.settings),
      ...(reloader !== undefined && { reloader }),
      ...(heldBy !== undefined && { heldBy }),
      ...(templateVersion !== undefined && { templateVersion }),
      ...(bumpedAt !== undefined && { bumpedAt }),
      ...(failed !== undefined && { failed }),
    },
    pods: pods.map((pod) => podFacts(observation, settings, workload, pod)),
  };
}

/** Only before a rotation starts: later, its evictions are refused or not. */
async function budgetThatHolds(
  { world, secret }: Observation,
  namespace: string,
  { kind, source }: TargetSettings,
  { manual }: WorkloadView,
  pods: readonly PodView[],
): Promise<string | undefined> {
  const starts = secret.kind === 'Managed' && secret.keyset.phase === 'Steady';
  // the controller of a Rollout evicts too
  const evicted = manual || kind === 'Rollout';
  if (!starts || !evicted || source === 'File') return undefined;
  return budgetOf(await world.strictBudgets(namespace), pods);
}

/** What is wrong with a target for good, whatever its pods do. */
function targetFinding(
  { caches }: Observation,
  namespace: string,
  { kind, name }: TargetSettings,
  workload: WorkloadView | undefined,
): Finding | undefined {
  if (workload !== undefined && kind === 'Deployment') {
    return templateFinding(name, caches.workloads.Rollout.list(namespace));
  }
  if (workload === undefined && kind === 'Rollout') return unservedFinding(caches.rollouts(), name);
  return workload?.finding;
}

function podFacts(
  { probes, allowLoopback }: Observation,
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

/** Workloads, and pods that belong to none of them, that read the Secret without being a target. */
function unlistedConsumers({ caches, settings }: Observation, namespace: string): readonly string[] {
  const label = ({ kind, name }: { readonly kind: string; readonly name: string }) => `${kind}/${name}`;
  const targets = new Set(settings.targets.map(label));
  const uses = (view: { readonly secrets: readonly string[] }) => view.secrets.includes(settings.secretName);
  const workloads = WORKLOAD_KINDS.flatMap((kind) => caches.workloads[kind].list(namespace));
  const known = workloads.filter((workload) => targets.has(label(workload)));
  // the Deployment that a Rollout takes its template from has that Rollout's pods, or none
  const templates = new Set(known.flatMap(({ rollout }) => (rollout?.templateFrom ? label(rollout.templateFrom) : [])));
  const strangers = workloads.filter(
    (workload) => uses(workload) && !known.includes(workload) && !templates.has(label(workload)),
  );
  const pods = caches.pods.list(namespace).filter((pod) => pod.live && !pod.terminating && uses(pod));
  const loose = pods.filter((pod) => !workloads.some(({ selector }) => selects(selector, pod.labels)));
  return [...strangers.map(label), ...loose.map(({ name }) => `Pod/${name}`)];
}

/** Public for whoever must know of an emergency before anything is observed. */
export function emergencyOf({ metadata, status }: JwtKeyRotation): EmergencyRequest | undefined {
  const text = metadata.annotations?.[REQUEST.emergency]?.trim();
  if (text === undefined || text === '') return undefined;
  const [nonce = '', ...reason] = text.split(':');
  const actor = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.emergency) ?? 'unknown';
  const handled = status?.lastHandledEmergency === nonce.trim();
  return { nonce: nonce.trim(), reason: reason.join(':').trim() || 'no reason given', actor, handled };
}

function requestsOf(resource: JwtKeyRotation): Requests {
  const { metadata } = resource;
  const annotations = metadata.annotations ?? {};
  const rotateAt = annotations[REQUEST.rotateAt];
  const abortAt = annotations[REQUEST.abortAt];
  const emergency = emergencyOf(resource);
  const actor = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.rotateAt);
  return {
    paused: annotations[REQUEST.paused] === 'true',
    ...(rotateAt !== undefined && { rotateAt }),
    ...(abortAt !== undefined && { abortAt }),
    ...(emergency !== undefined && { emergency }),
    ...(actor !== undefined && { rotateActor: actor }),
  };
}

/** The API server tells who wrote a field by the name of the client that did. */
function ownerOfAnnotation(
  managedFields: NonNullable<JwtKeyRotation['metadata']['managedFields']>,
  name: string,
): string | undefined {
  const owner = managedFields.findLast(({ fieldsV1 }) => {
    const metadata = (fieldsV1 as { 'f:metadata'?: { 'f:annotations'?: Record<string, unknown> } } | undefined)?.[
      'f:metadata'
    ];
    return metadata?.['f:annotations']?.[`f:${name}`] !== undefined;
  });
  return owner?.manager;
}
