/**
 * From the world to facts.
 */
import type { LedgerReading } from './audit/ledger.ts';
import type { Facts, Probe, SecretFacts, TargetFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { JwtKeyRotation } from './names.ts';
import { requestsOf } from './requests.ts';
import { dueOf, impossibleWindow, windowState } from './schedule/cadence.ts';
import type { Settings, TargetSettings } from './settings.ts';
import { limitOn } from './workloads/autoscalers.ts';
import { budgetOf } from './workloads/budgets.ts';
import { consumptionOf } from './workloads/consumption.ts';
import { restartsByEviction } from './workloads/evictions.ts';
import { podFacts } from './workloads/pod-facts.ts';
import { reloadedBy } from './workloads/reloader.ts';
import { isWhole, templateFinding, unservedFinding } from './workloads/rollouts.ts';
import { type PodView, selects } from './workloads/views.ts';
import { WORKLOAD_KINDS, type WorkloadView } from './workloads/workloads.ts';
import type { Neighbours, World } from './world.ts';

/** What is needed to look at the targets and their neighbours. */
export interface Looking {
  readonly namespace: string;
  readonly settings: Settings;
  readonly world: World;
  readonly neighbours: Neighbours;
  readonly probes: ReadonlyMap<string, Probe>;
  /** Whether pods with a loopback address may be sent canaries: only for development. */
  readonly allowLoopback: boolean;
  /** Only before a rotation starts is it looked at what may be in the way of its restarts: later it shows. */
  readonly atRest: boolean;
}

export interface Observation extends Omit<Looking, 'namespace' | 'atRest'> {
  readonly resource: JwtKeyRotation;
  readonly secret: SecretFacts;
  readonly books: LedgerReading;
  readonly nextRotationId: string;
  readonly now: number;
  readonly sharedWith: readonly string[];
  readonly burntElsewhere: readonly string[];
  readonly clockOffsetMs: number | undefined;
}

export async function observe(observation: Observation): Promise<Facts> {
  const { resource, settings, secret, world, now } = observation;
  const atRest = secret.kind === 'Managed' && secret.keyset.phase === 'Steady';
  const looking = { ...observation, namespace: resource.metadata.namespace ?? '', atRest };
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
    targets: await observeTargets(looking),
    unlistedConsumers: unlistedConsumers(looking),
    requests: requestsOf(resource),
    sharedWith: observation.sharedWith,
    burntElsewhere: observation.burntElsewhere,
    ...(observation.clockOffsetMs !== undefined && { clockOffsetMs: observation.clockOffsetMs }),
    due,
    window: windowState(settings.windows, now),
    ...(impossible && { impossibleWindow: impossible }),
  };
}

export function observeTargets(looking: Looking): Promise<readonly TargetFacts[]> {
  return Promise.all(looking.settings.targets.map((target) => observeTarget(looking, target)));
}

async function observeTarget(looking: Looking, settings: TargetSettings): Promise<TargetFacts> {
  const { world, namespace } = looking;
  const workload = await world.workload(settings.kind, namespace, settings.name);
  const finding = targetFinding(looking, settings, workload);
  const unseen = workload === undefined ? finding?.reason === 'Forbidden' : workload.unseen === true;
  const found = { settings, ...(finding && { finding }), ...(unseen && { unseen }) };
  if (workload === undefined) return { ...found, pods: [] };
  const pods = (await world.podsOf(workload)).filter((pod) => pod.live);
  const { uid, paused, manual, templateVersion, bumpedAt, rolledOut, failed, interruption, thins, ready, sources } =
    workload;
  const asked = looking.atRest && settings.source === 'Env';
  const heldBy = asked ? await budgetThatHolds(looking, settings, workload, pods) : undefined;
  const overloaded = asked ? await limitOfThinned(looking, workload) : undefined;
  const reloader = reloadedBy(workload.reloader, looking.settings.secretName);
  return {
    ...found,
    workload: {
      uid,
      paused,
      manual,
      rolledOut: rolledOut && isWhole(workload, pods),
      ready,
      consumes: workload.secrets.includes(looking.settings.secretName),
      consumption: consumptionOf(sources, looking.settings),
      ...(reloader !== undefined && { reloader }),
      ...(interruption !== undefined && { interruption }),
      ...(thins !== undefined && { thins }),
      ...(heldBy !== undefined && { heldBy }),
      ...(overloaded !== undefined && { overloaded }),
      ...(templateVersion !== undefined && { templateVersion }),
      ...(bumpedAt !== undefined && { bumpedAt }),
      ...(failed !== undefined && { failed }),
    },
    pods: pods.map((pod) => podFacts(looking, settings, workload, pod)),
  };
}

async function budgetThatHolds(
  { world, namespace }: Looking,
  settings: TargetSettings,
  { manual }: WorkloadView,
  pods: readonly PodView[],
): Promise<string | undefined> {
  if (!restartsByEviction(settings, manual)) return undefined;
  return budgetOf(await world.strictBudgets(namespace), pods);
}

/** Who is restarted pod by pod has fewer meanwhile. */
async function limitOfThinned({ world, namespace }: Looking, workload: WorkloadView): Promise<string | undefined> {
  if (workload.thins !== true) return undefined;
  return limitOn(await world.limitedAutoscalers(namespace), workload);
}

/** What is wrong with a target for good, whatever its pods do. */
function targetFinding(
  { neighbours, namespace }: Looking,
  { kind, name }: TargetSettings,
  workload: WorkloadView | undefined,
): Finding | undefined {
  if (workload !== undefined && kind === 'Deployment') {
    return templateFinding(name, neighbours.workloads.Rollout.list(namespace));
  }
  if (workload === undefined && kind === 'Rollout') return unservedFinding(neighbours.rollouts(), name);
  return workload?.finding;
}

/** Workloads, and pods that belong to none of them, that read the Secret without being a target. */
export function unlistedConsumers({ neighbours, settings, namespace }: Looking): readonly string[] {
  const label = ({ kind, name }: { readonly kind: string; readonly name: string }) => `${kind}/${name}`;
  const targets = new Set(settings.targets.map(label));
  const uses = (view: { readonly secrets: readonly string[] }) => view.secrets.includes(settings.secretName);
  const workloads = WORKLOAD_KINDS.flatMap((kind) => neighbours.workloads[kind].list(namespace));
  const known = workloads.filter((workload) => targets.has(label(workload)));
  // the Deployment that a Rollout takes its template from has that Rollout's pods, or none
  const templates = new Set(known.flatMap(({ rollout }) => (rollout?.templateFrom ? label(rollout.templateFrom) : [])));
  const strangers = workloads.filter(
    (workload) => uses(workload) && !known.includes(workload) && !templates.has(label(workload)),
  );
  const pods = neighbours.pods.list(namespace).filter((pod) => pod.live && !pod.terminating && uses(pod));
  const loose = pods.filter((pod) => !workloads.some(({ selector }) => selects(selector, pod.labels)));
  return [...strangers.map(label), ...loose.map(({ name }) => `Pod/${name}`)];
}
