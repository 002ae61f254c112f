/**
 * CronJobs and Jobs as consumers of the key. rekey never restarts them: the next run of a CronJob reads the new key by itself, and a pod
 * that runs signs or verifies with what it has until it ends.
 */
import { defined } from '../../base/objects.ts';
import type { CronJob, Job } from '../../kube/types.ts';
import type { Availability } from '../../runtime/optional-reflector.ts';
import type { Finding } from '../api/finding.ts';
import type { WorkloadKind } from '../settings/settings.ts';
import { readsOf } from './reads.ts';
import { sourcesOf } from './sources.ts';
import { viewOf } from './views.ts';
import type { WorkloadView } from './workload-view.ts';

/** No controller replaces a pod of these, so rekey leaves it alone until it ends. */
const LEFT_ALONE = { paused: false, manual: true, leftAlone: true, rolledOut: true, wanted: 0 } as const;

/** Its pods are those of its Jobs: see {@link withJobs}. */
export function cronJobView(cronJob: CronJob): WorkloadView {
  const { spec, status } = cronJob;
  const template = spec?.jobTemplate.spec?.template.spec;
  return {
    ...{ ...viewOf(cronJob), kind: 'CronJob', selector: {}, ...LEFT_ALONE },
    ...{ reads: readsOf(template), sources: sourcesOf(template), ready: status?.active?.length ?? 0 },
  };
}

/** A Job that has ended no longer reads anything. */
export function jobView(job: Job): WorkloadView {
  const { metadata, spec, status } = job;
  const template = spec?.template.spec;
  const isOver = status?.conditions?.some(({ type, status: is }) => OVER.includes(type) && is === 'True') ?? false;
  const cronJob = metadata.ownerReferences?.find(({ kind }) => kind === 'CronJob')?.name;
  return {
    ...{ ...viewOf(job), kind: 'Job', selector: spec?.selector ?? {}, ...LEFT_ALONE },
    ...{ reads: readsOf(template), sources: sourcesOf(template), ready: status?.ready ?? 0 },
    ...defined({ cronJob }),
    ...(isOver && { over: true as const }),
  };
}

/** @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup */
const OVER = ['Complete', 'Failed'];

/**
 * @returns a CronJob with the names of its Jobs, including those that a person started from it; other workloads
 *   unchanged
 */
export function withJobs(view: WorkloadView | undefined, jobs: readonly WorkloadView[]): WorkloadView | undefined {
  if (view?.kind !== 'CronJob') return view;
  return { ...view, jobs: jobs.filter(({ cronJob }) => cronJob === view.name).map(({ name }) => name) };
}

/** @returns why a CronJob or Job cannot be followed; undefined if it can */
export function unreadableFinding(
  availability: Availability,
  { kind, name }: { readonly kind: WorkloadKind; readonly name: string },
): Finding | undefined {
  if (availability === 'Served') return undefined;
  const message = `${kind}/${name}: rekey has no right to read cronjobs and jobs (batch/v1); apply deploy/base of this version, or remove the target`;
  return { reason: 'Forbidden', message };
}
