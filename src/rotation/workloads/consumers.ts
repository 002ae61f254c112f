/**
 * Finds the workload of a pod, and the users of the Secret that are not targets.
 *
 * A pod belongs to its controller. Labels do not decide this: a Job's pod may have the labels of a Deployment. A
 * Terminating pod may still sign, so it counts, even if its workload is gone.
 */

import { type KeyPlaces, WORKLOAD_KINDS, type WorkloadKind } from '../settings/settings.ts';
import { withJobs } from './batch.ts';
import { readsAnyKey, type SecretRead } from './reads.ts';
import { withTemplate } from './rollouts.ts';
import { type PodView, selects } from './views.ts';
import type { WorkloadView } from './workload-view.ts';

interface Namespaced {
  readonly workloads: Readonly<Record<WorkloadKind, { list(namespace: string): readonly WorkloadView[] }>>;
  readonly pods: { list(namespace: string): readonly PodView[] };
}

interface Named {
  readonly kind: string;
  readonly name: string;
}

/** @returns such as `Deployment/api` */
function labelOf({ kind, name }: Named): string {
  return `${kind}/${name}`;
}

/** @returns whether the workload, or a ReplicaSet or Job of it, controls the pod */
export function isPodOf({ owner, labels }: PodView, { kind, name, selector, jobs }: WorkloadView): boolean {
  if (jobs !== undefined) return owner.kind === 'Job' && jobs.includes(owner.name);
  return owner.kind === kind && owner.name === name && selects(selector, labels);
}

/** @returns containers of any workload, target or not, in which the Secret overrides other sources with unknown content */
export function crowdedContainers(
  { workloads }: Pick<Namespaced, 'workloads'>,
  namespace: string,
  { secretName }: { readonly secretName: string },
): readonly string[] {
  const views = WORKLOAD_KINDS.flatMap((kind) => workloads[kind].list(namespace));
  return views.flatMap(({ kind, name, sources }) =>
    sources.flatMap(({ name: container, from }) =>
      from
        .filter(({ secret, after }) => secret === secretName && after !== undefined)
        .map(({ after = [] }) => `container ${container} of ${kind}/${name} (after ${after.join(', ')})`),
    ),
  );
}

/** @returns workloads, and pods without one, that read a key of the Secret and are not targets */
export function unlistedConsumers(
  { workloads, pods }: Namespaced,
  namespace: string,
  places: KeyPlaces,
  targets: readonly Named[],
): readonly string[] {
  const listed = new Set(targets.map(labelOf));
  const uses = ({ reads }: { readonly reads: readonly SecretRead[] }) => readsAnyKey(reads, places);
  const all = WORKLOAD_KINDS.flatMap((kind) => workloads[kind].list(namespace));
  const known = all.filter((workload) => listed.has(labelOf(workload)));
  // a Deployment that gives a Rollout its template has that Rollout's pods, or none
  const templates = new Set(
    known.flatMap(({ rollout }) => (rollout?.templateFrom ? labelOf(rollout.templateFrom) : [])),
  );
  // a run is reported as its CronJob, and a Job that has ended reads nothing
  const isReported = ({ cronJob, over }: WorkloadView) =>
    over === true || all.some(({ kind, name }) => kind === 'CronJob' && name === cronJob);
  const strangers = all.filter(
    (workload) =>
      uses(workload) && !known.includes(workload) && !templates.has(labelOf(workload)) && !isReported(workload),
  );
  const deployment = (name: string) => workloads.Deployment.list(namespace).find((view) => view.name === name);
  const jobs = workloads.Job.list(namespace);
  const accounted = [...known, ...strangers].flatMap((workload) => {
    return withJobs(withTemplate(workload, deployment), jobs) ?? [];
  });
  const loose = pods
    .list(namespace)
    .filter((pod) => pod.live && uses(pod) && !accounted.some((workload) => isPodOf(pod, workload)));
  return [...strangers.map(labelOf), ...loose.map(podLabel)];
}

function podLabel({ name, owner, terminating }: PodView): string {
  const of = owner.kind === 'Pod' ? [] : [`of ${labelOf(owner)}`];
  const about = [...of, ...(terminating ? ['Terminating'] : [])];
  return about.length === 0 ? `Pod/${name}` : `Pod/${name} (${about.join(', ')})`;
}
