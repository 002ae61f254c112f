/** Reduces the objects of a cluster to the few fields that matter, so that a large cluster fits in a small process. */
import { defined, own } from '../../base/objects.ts';
import type { Container, ContainerStatus, KubeObject, LabelSelector, Pod, PodSpec } from '../../kube/types.ts';
import { FIELD_MANAGER, KEYSET_VERSION } from '../api/names.ts';
import { readsIn, readsOf, type SecretRead } from './reads.ts';

export interface View {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface ContainerView {
  /** Differs for each start of the container. */
  readonly instance: string;
  /**
   * By the clock of its node, milliseconds since the epoch; undefined while it does not run. An init container keeps it
   * after its end.
   */
  readonly startedAt?: number;
  /** It has run at least once. */
  readonly ran?: true;
  /** An init container that has ended. */
  readonly over?: true;
  readonly reads: readonly SecretRead[];
}

export interface PodView extends View {
  readonly labels: Readonly<Record<string, string>>;
  /** Its controller: a ReplicaSet, a StatefulSet, … */
  readonly controller?: { readonly kind: string; readonly name: string };
  /**
   * The owner of its controller, such as the Deployment or Rollout of a ReplicaSet; the pod itself if it has no
   * controller.
   */
  readonly owner: { readonly kind: string; readonly name: string };
  readonly live: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly terminating: boolean;
  readonly graceSeconds?: number;
  readonly ready: boolean;
  readonly address?: string;
  readonly hostNetwork: boolean;
  /** TCP ports of its containers by name. If two have the same name, the first counts. */
  readonly ports: Readonly<Record<string, number>>;
  readonly containers: readonly ContainerView[];
  readonly templateVersion?: number;
  /** What all its containers read. */
  readonly reads: readonly SecretRead[];
}

/** @returns the name and the version of an object */
export function viewOf({ metadata }: KubeObject): View {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { namespace, name, uid, resourceVersion };
}

/** @returns the fields of a pod that matter */
export function podView(pod: Pod): PodView {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  const statuses = [...(status?.containerStatuses ?? []), ...sidecarStatuses(pod)];
  const terminating = metadata.deletionTimestamp !== undefined;
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const stopped = terminating && statuses.length > 0 && statuses.every(({ state }) => state?.terminated !== undefined);
  const version = versionIn(metadata.annotations);
  return {
    ...viewOf(pod),
    labels: metadata.labels ?? {},
    ...(owner && { controller: { kind: owner.kind, name: owner.name } }),
    owner: ownerOf(pod),
    live: spec?.nodeName !== undefined && !over && !stopped,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    terminating,
    ...(terminating && { graceSeconds: metadata.deletionGracePeriodSeconds ?? 30 }),
    ready: status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
    ...defined({ address: status?.podIP }),
    hostNetwork: spec?.hostNetwork === true,
    ports: portsOf(spec),
    containers: containersOf(pod),
    ...defined({ templateVersion: version }),
    reads: readsOf(spec),
  };
}

function portsOf({ containers = [], initContainers = [] }: Partial<PodSpec> = {}): PodView['ports'] {
  const ports = [...containers, ...initContainers.filter(isSidecar)].flatMap((container) => container.ports ?? []);
  const named = ports.flatMap(({ name, containerPort, protocol = 'TCP' }) =>
    name === undefined || protocol !== 'TCP' ? [] : [[name, containerPort] as const],
  );
  return Object.fromEntries(named.toReversed());
}

/** Statuses of sidecars: init containers with `restartPolicy: Always`, which run beside the others. */
function sidecarStatuses({ spec, status }: Pod): readonly ContainerStatus[] {
  const sidecars = new Set((spec?.initContainers ?? []).flatMap((init) => (isSidecar(init) ? init.name : [])));
  return (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
}

/** @see https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

/** Includes init containers: one that has ended may have passed on what it took. */
function containersOf({ spec, status }: Pod): readonly ContainerView[] {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const inits = new Set((spec?.initContainers ?? []).map(({ name }) => name));
  return statuses.map((status) => {
    const { name, restartCount, containerID, state } = status;
    const ended = inits.has(name) ? state?.terminated?.startedAt : undefined;
    const startedAt = Date.parse(state?.running?.startedAt ?? ended ?? '');
    const container = containers.find((candidate) => candidate.name === name);
    const reads = container === undefined ? [] : readsIn(container, spec);
    const ran = hasRun(status) ? { ran: true as const } : {};
    const over = ended === undefined ? {} : { over: true as const };
    const view = { instance: `${name}#${containerID ?? restartCount}`, ...ran, ...over, reads };
    return Number.isNaN(startedAt) ? view : { ...view, startedAt };
  });
}

function hasRun({ state, lastState, restartCount = 0 }: ContainerStatus): boolean {
  const ended = state?.terminated !== undefined || lastState?.terminated !== undefined;
  return state?.running !== undefined || ended || restartCount > 0;
}

/**
 * Labels by which the controllers of Deployments and Rollouts identify their ReplicaSets. The value is part of the name
 * of the ReplicaSet.
 */
const HASHES = { 'pod-template-hash': 'Deployment', 'rollouts-pod-template-hash': 'Rollout' } as const;

function ownerOf({ metadata, kind = 'Pod' }: Pod): PodView['owner'] {
  const { labels = {}, ownerReferences = [], name } = metadata;
  const controller = ownerReferences.find((reference) => reference.controller === true);
  if (controller === undefined) return { kind, name };
  for (const [label, owner] of Object.entries(HASHES)) {
    const suffix = `-${labels[label]}`;
    if (controller.kind !== 'ReplicaSet' || labels[label] === undefined || !controller.name.endsWith(suffix)) continue;
    return { kind: owner, name: controller.name.slice(0, -suffix.length) };
  }
  return { kind: controller.kind, name: controller.name };
}

/** When rekey last applied something to it, milliseconds since the epoch. */
export function bumpedAtOf({ metadata }: KubeObject): number | undefined {
  const applied = metadata.managedFields?.findLast(({ manager }) => manager === FIELD_MANAGER);
  const at = Date.parse(applied?.time ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** The keyset version in the annotations of a pod or a pod template. */
export function versionIn(annotations: Readonly<Record<string, string>> | undefined): number | undefined {
  const text = annotations?.[KEYSET_VERSION];
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => own(labels, key) === value);
  return (
    equal && (selector.matchExpressions ?? []).every((expression) => matches(expression, own(labels, expression.key)))
  );
}

function matches(
  { operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  value: string | undefined,
): boolean {
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const listed = value !== undefined && values.includes(value);
  return operator === 'In' ? listed : !listed;
}

/** A label selector in the form that a list call takes. */
export function selectorText(selector: LabelSelector): string {
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`), ...expressions].join(
    ',',
  );
}
