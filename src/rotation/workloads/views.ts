/**
 * What is kept of the objects of a cluster: the few fields that decide, so that a large cluster fits in a small process.
 */
import type { KubeObject, LabelSelector, Pod, PodSpec } from '../../kube/types.ts';
import { FIELD_MANAGER, KEYSET_VERSION } from '../names.ts';

export interface View {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface ContainerView {
  /** Differs for each start of the container. */
  readonly instance: string;
  /** Milliseconds since the epoch; undefined while it does not run. */
  readonly startedAt?: number;
}

export interface PodView extends View {
  readonly labels: Readonly<Record<string, string>>;
  /** What controls it: a ReplicaSet, a StatefulSet, … */
  readonly controller?: { readonly kind: string; readonly name: string };
  readonly live: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly terminating: boolean;
  readonly graceSeconds?: number;
  readonly ready: boolean;
  readonly address?: string;
  readonly hostNetwork: boolean;
  readonly containers: readonly ContainerView[];
  readonly templateVersion?: number;
  readonly secrets: readonly string[];
}

export function viewOf({ metadata }: KubeObject): View {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { namespace, name, uid, resourceVersion };
}

export function podView(pod: Pod): PodView {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  const statuses = status?.containerStatuses ?? [];
  const terminating = metadata.deletionTimestamp !== undefined;
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const stopped = terminating && statuses.length > 0 && statuses.every(({ state }) => state?.terminated !== undefined);
  const version = versionIn(metadata.annotations);
  return {
    ...viewOf(pod),
    labels: metadata.labels ?? {},
    ...(owner && { controller: { kind: owner.kind, name: owner.name } }),
    live: spec?.nodeName !== undefined && !over && !stopped,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    terminating,
    ...(terminating && { graceSeconds: metadata.deletionGracePeriodSeconds ?? 30 }),
    ready: status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
    ...(status?.podIP !== undefined && { address: status.podIP }),
    hostNetwork: spec?.hostNetwork === true,
    containers: statuses.map(({ name, restartCount, containerID, state }) => {
      const startedAt = Date.parse(state?.running?.startedAt ?? '');
      const instance = `${name}#${containerID ?? restartCount}`;
      return Number.isNaN(startedAt) ? { instance } : { instance, startedAt };
    }),
    ...(version !== undefined && { templateVersion: version }),
    secrets: secretsOf(spec),
  };
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

/** Names of the Secrets that a pod reads, by env, envFrom or volume. */
export function secretsOf(spec: PodSpec | undefined): readonly string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const names = [
    ...containers.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name)),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => secretRef?.name)),
    ...(spec?.volumes ?? []).flatMap(({ secret, projected }) => [
      secret?.secretName,
      ...(projected?.sources ?? []).map((source) => source.secret?.name),
    ]),
  ];
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return equal && (selector.matchExpressions ?? []).every((expression) => matches(expression, labels[expression.key]));
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
