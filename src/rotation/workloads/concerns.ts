/**
 * What a resource is about: its targets and the users of its Secret, by name, such as `Deployment/api` or `Secret/jwt`. A
 * change of a workload or a pod concerns the resources that have a name in common with it. Whatever `observe.ts` looks
 * at for a resource must have a name here, otherwise a change of it is seen only when the resource is looked at again.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JwtKeyRotation } from '../api/names.ts';
import type { SecretRead } from './reads.ts';
import type { PodView, View } from './views.ts';
import type { WorkloadView } from './workload-view.ts';

interface Listed {
  list(namespace: string): readonly WorkloadView[];
}

/** Workloads that refer to other workloads. */
export interface Referring {
  readonly Rollout: Listed;
  readonly Job: Listed;
}

const DEFAULT_KIND = 'Deployment';

/** @returns the names that concern the resource */
export function namesOfResource({ spec }: JwtKeyRotation): readonly string[] {
  const targets = spec.targets.map(({ kind = DEFAULT_KIND, name }) => `${kind}/${name}`);
  return [`Secret/${spec.secretName}`, ...targets];
}

/**
 * @returns the names of a workload: its own, those of the Secrets that it reads, of the Deployment that has its template,
 *   of the Rollouts whose template it has, and of the CronJob that started it
 */
export function namesOfWorkload(view: WorkloadView, { Rollout }: Referring): readonly string[] {
  const { namespace, kind, name, reads, sources, rollout, cronJob } = view;
  const from = rollout?.templateFrom;
  const users = kind === 'Deployment' ? Rollout.list(namespace).filter((other) => hasTemplateOf(other, view)) : [];
  return [
    `${kind}/${name}`,
    ...secretsIn(reads),
    ...sources.flatMap((container) => container.from.map(({ secret }) => `Secret/${secret}`)),
    ...(from === undefined ? [] : [`${from.kind}/${from.name}`]),
    ...users.map((user) => `Rollout/${user.name}`),
    ...(cronJob === undefined ? [] : [`CronJob/${cronJob}`]),
  ];
}

/** @returns the names of a pod: that of its owner, of the CronJob of that, and those of the Secrets that it reads */
export function namesOfPod(pod: PodView, { Job }: Referring): readonly string[] {
  const { namespace, owner, controller, reads, containers } = pod;
  const job = owner.kind === 'Job' ? Job.list(namespace).find(({ name }) => name === owner.name) : undefined;
  return [
    `${owner.kind}/${owner.name}`,
    ...(controller === undefined ? [] : [`${controller.kind}/${controller.name}`]),
    ...(job?.cronJob === undefined ? [] : [`CronJob/${job.cronJob}`]),
    ...secretsIn(reads),
    ...containers.flatMap((container) => secretsIn(container.reads)),
  ];
}

/** @returns whether two views of an object say the same: they differ at most in the version of the object */
export function saySame(a: View | undefined, b: View | undefined): boolean {
  return isDeepStrictEqual(withoutVersion(a), withoutVersion(b));
}

/** @returns whether two versions of a resource say the same but for what the API server notes of each write */
export function isEcho(a: JwtKeyRotation | undefined, b: JwtKeyRotation | undefined): boolean {
  return isDeepStrictEqual(withoutNotes(a), withoutNotes(b));
}

function hasTemplateOf({ rollout }: WorkloadView, { kind, name }: WorkloadView): boolean {
  return rollout?.templateFrom?.kind === kind && rollout.templateFrom.name === name;
}

function secretsIn(reads: readonly SecretRead[]): readonly string[] {
  return reads.map(({ secret }) => `Secret/${secret}`);
}

function withoutVersion(view: View | undefined): object | undefined {
  return view && { ...view, resourceVersion: '' };
}

function withoutNotes(resource: JwtKeyRotation | undefined): object | undefined {
  if (resource === undefined) return undefined;
  const { resourceVersion: _, managedFields: __, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}
