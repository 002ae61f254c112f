/** Makes facts of what was read. */
import { defined } from '../../base/objects.ts';
import type { Availability } from '../../runtime/optional-reflector.ts';
import { keyOf } from '../../runtime/store.ts';
import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Refusal } from '../api/refusal.ts';
import type { LedgerReading } from '../audit/against-ledger.ts';
import { dueOf, impossibleWindow, windowState } from '../cadence/cadence.ts';
import { offSchedule } from '../cadence/off-schedule.ts';
import type { Facts, Probe, SecretFacts, TargetFacts, WorkloadFacts } from '../facts.ts';
import type { ForeignTime } from '../keyset/foreign-times.ts';
import { requestsOf } from '../requests/requests.ts';
import {
  isOptional,
  type KeyPlaces,
  keyPlaces,
  type OptionalKind,
  type Settings,
  type TargetSettings,
  type WorkloadKind,
} from '../settings/settings.ts';
import { limitOn } from '../workloads/autoscalers.ts';
import { unreadableFinding, withJobs } from '../workloads/batch.ts';
import { budgetOf } from '../workloads/budgets.ts';
import { crowdedContainers, isPodOf, unlistedConsumers } from '../workloads/consumers.ts';
import { consumptionOf } from '../workloads/consumption.ts';
import { readsAnyKey } from '../workloads/reads.ts';
import { reloadedBy } from '../workloads/reloader.ts';
import { isWhole, templateFinding, unservedFinding, withTemplate } from '../workloads/rollouts.ts';
import type { PodView } from '../workloads/views.ts';
import type { WorkloadView } from '../workloads/workload-view.ts';
import { type Asking, podFacts } from './pod-facts.ts';
import type { World } from './world.ts';

/** What is needed to observe the targets and their neighbours. */
export interface ObserveOptions {
  readonly namespace: string;
  /** When the Secret was not as rekey wrote it. */
  readonly foreign: readonly ForeignTime[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly settings: Settings;
  readonly world: World;
  readonly probes: ReadonlyMap<string, Probe>;
  /** Whether canaries may go to pods with a loopback address: only for development. */
  readonly allowLoopback: boolean;
  readonly settleMs: number;
  /** Whether to check in advance what may block restarts. Later it shows by itself. */
  readonly atRest: boolean;
  /** Where the keys are. */
  readonly places: KeyPlaces;
  /** Undefined if the time of the API server is unknown: then nothing is concluded from times. */
  readonly clockOffsetMs: number | undefined;
}

export interface Observation extends Omit<ObserveOptions, 'namespace' | 'atRest' | 'places' | 'foreign'> {
  readonly resource: JwtKeyRotation;
  readonly secret: SecretFacts;
  readonly ledgerReading: LedgerReading;
  readonly nextRotationId: string;
  readonly sharedWith: readonly string[];
  readonly burntElsewhere: readonly string[];
  readonly refusals: readonly Refusal[];
}

/** @returns everything that the planner needs */
export async function observe(observation: Observation): Promise<Facts> {
  const { resource, settings, secret, world, now } = observation;
  const atRest = secret.kind === 'Managed' && secret.keyset.phase === 'Steady';
  const { copies = [], leftovers = [] } = secret.kind === 'Managed' ? secret : {};
  const places = keyPlaces(settings, [...copies, ...leftovers]);
  const { foreign } = observation.ledgerReading.ledger;
  const options = { ...observation, namespace: resource.metadata.namespace ?? '', atRest, places, foreign };
  // without a managed Secret nothing is due, and a time that moves with the clock would change the status in each pass
  const due = secret.kind === 'Managed' ? dueOf(settings.cadence, secret.keyset.attempts, now) : { nextRuns: [] };
  const known = secret.kind === 'Managed' || secret.kind === 'Refused' ? secret.keyset : undefined;
  const off = offSchedule(settings, resource.status, known, now);
  const promotingMs = secret.kind === 'Managed' ? secret.keyset.attempts.promotingMs : undefined;
  const impossible = impossibleWindow(settings.windows, due, now, promotingMs);
  return {
    now,
    settleMs: observation.settleMs,
    live: world.live,
    nextRotationId: observation.nextRotationId,
    settings,
    secret,
    ledger: observation.ledgerReading.ledger,
    ...(observation.ledgerReading.finding && { ledgerFinding: observation.ledgerReading.finding }),
    ...(observation.ledgerReading.refusal && { ledgerRefusal: observation.ledgerReading.refusal }),
    targets: await observeTargets(options),
    unlistedConsumers: unlistedConsumers(world, options.namespace, places, settings.targets),
    crowded: crowdedContainers(world, options.namespace, settings),
    ...(copies.length > 0 && { copies }),
    requests: requestsOf(resource),
    sharedWith: observation.sharedWith,
    burntElsewhere: observation.burntElsewhere,
    refusals: observation.refusals,
    ...defined({ clockOffsetMs: observation.clockOffsetMs }),
    due,
    ...defined({ offSchedule: off }),
    window: windowState(settings.windows, now),
    ...defined({ impossibleWindow: impossible }),
  };
}

/** @returns each target of the spec, in its order, with its workload and its live pods */
export function observeTargets(options: ObserveOptions): Promise<readonly TargetFacts[]> {
  return Promise.all(options.settings.targets.map((target) => observeTarget(options, target)));
}

async function observeTarget(options: ObserveOptions, settings: TargetSettings): Promise<TargetFacts> {
  const { world, namespace } = options;
  const find = (kind: WorkloadKind, name: string) => world.workloads[kind].get(keyOf({ namespace, name }));
  const template = withTemplate(find(settings.kind, settings.name), (name) => find('Deployment', name));
  const workload = withJobs(template, world.workloads.Job.list(namespace));
  const finding = targetFinding(options, settings, workload);
  const unseen = workload === undefined ? finding?.reason === 'Forbidden' : workload.unseen === true;
  const found = { settings, ...defined({ finding }), ...(unseen && { unseen }) };
  if (workload === undefined) return { ...found, pods: [] };
  const pods = world.pods.list(namespace).filter((pod) => pod.live && isPodOf(pod, workload));
  return {
    ...found,
    workload: await workloadFacts(options, settings, workload, pods),
    pods: pods.map((pod) => podFacts(asking(options), settings, workload, pod)),
  };
}

async function workloadFacts(
  options: ObserveOptions,
  settings: TargetSettings,
  workload: WorkloadView,
  pods: readonly PodView[],
): Promise<WorkloadFacts> {
  const {
    uid,
    resourceVersion,
    paused,
    manual,
    templateVersion,
    bumpedAt,
    failed,
    interruption,
    reducesCapacity,
    ready,
    wanted,
  } = workload;
  const asked = options.atRest && settings.source === 'Env';
  const heldBy = asked ? await budgetThatHolds(options, settings, workload, pods) : undefined;
  const overloaded = asked ? await limitOfReduced(options, workload) : undefined;
  const reloader = reloadedBy(workload.reloader, options.settings.secretName);
  return {
    ...{ uid, resourceVersion, paused, manual, ready },
    ...(workload.leftAlone && { leftAlone: true as const }),
    rolledOut: workload.rolledOut && isWhole(workload, pods),
    ...defined({ wanted }),
    consumes: readsAnyKey(workload.reads, options.places),
    consumption: consumptionOf(workload.sources, options.settings),
    ...defined({ reloader, interruption, reducesCapacity, heldBy, overloaded, templateVersion, bumpedAt, failed }),
  };
}

function asking(options: ObserveOptions): Asking {
  const { settings, places, probes, allowLoopback, settleMs, clockOffsetMs, foreign, now } = options;
  const { clockSkewMs } = settings;
  const clockKnown = clockOffsetMs !== undefined;
  return { probes, allowLoopback, places, settleMs, clockSkewMs, clockKnown, foreign, now };
}

/**
 * Whether a restart evicts pods, by rekey (OnDelete, a partition) or by the controller of a Rollout. A
 * PodDisruptionBudget may refuse that.
 */
function restartsByEviction({ kind, source }: TargetSettings, manual: boolean): boolean {
  return source !== 'File' && (manual || kind === 'Rollout');
}

async function budgetThatHolds(
  { world, namespace }: ObserveOptions,
  settings: TargetSettings,
  { manual, leftAlone }: WorkloadView,
  pods: readonly PodView[],
): Promise<string | undefined> {
  if (leftAlone === true || !restartsByEviction(settings, manual)) return undefined;
  return budgetOf(await world.strictBudgets(namespace), pods);
}

/** A workload that restarts pod by pod has fewer pods meanwhile. */
async function limitOfReduced(
  { world, namespace }: ObserveOptions,
  workload: WorkloadView,
): Promise<string | undefined> {
  if (workload.reducesCapacity !== true) return undefined;
  return limitOn(await world.limitedAutoscalers(namespace), workload);
}

function missingFinding(
  availability: Availability,
  { kind, name }: { readonly kind: OptionalKind; readonly name: string },
): Finding | undefined {
  return kind === 'Rollout' ? unservedFinding(availability, name) : unreadableFinding(availability, { kind, name });
}

/** What is wrong with a target whatever its pods do. */
function targetFinding(
  { world, namespace }: ObserveOptions,
  { kind, name }: TargetSettings,
  workload: WorkloadView | undefined,
): Finding | undefined {
  if (workload !== undefined && kind === 'Deployment') {
    return templateFinding(name, world.workloads.Rollout.list(namespace));
  }
  if (workload === undefined && isOptional(kind)) return missingFinding(world.availability(kind), { kind, name });
  return workload?.finding;
}
