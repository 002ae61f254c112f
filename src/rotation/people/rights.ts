/**
 * The least that the operator must be allowed for one resource, beside what it watches in any case (deploy/base): its Secret and its
 * targets by name, and the connections to its pods.
 */
import type { KubeObject } from '../../kube/types.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import { ledgerConfigMapName } from '../audit/ledger-config-map.ts';
import { type Settings, settingsOf, type WorkloadKind } from '../settings/settings.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { leaseName } from './leadership.ts';

/** A rule of a Role, and what rekey does by it. */
export interface Right {
  readonly why: string;
  readonly rule: {
    readonly apiGroups: readonly [string];
    readonly resources: readonly [string];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  };
}

/** Kinds whose pods rekey restarts: the others read the new key by themselves when they next run. */
const RESTARTED: readonly WorkloadKind[] = ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'];
/** Kinds that an autoscaler may scale. */
const SCALED: readonly WorkloadKind[] = ['Deployment', 'StatefulSet', 'Rollout'];

function right(
  why: string,
  group: string,
  resource: string,
  verbs: readonly string[],
  names?: readonly string[],
): Right {
  const resourceNames = names && { resourceNames: [...new Set(names)] };
  return { why, rule: { apiGroups: [group], resources: [resource], ...resourceNames, verbs } };
}

/**
 * @param createSecret whether rekey is to create the Secret if it is absent: Kubernetes cannot restrict that to a name
 * @returns the rules in the namespace of the resource; each is needed
 */
export function leastRights({ spec }: JwtKeyRotation, createSecret: boolean): readonly Right[] {
  const settings = settingsOf(spec);
  const { secretName } = settings;
  const receivers = (spec.notifications ?? []).map(({ urlFrom }) => urlFrom.secretKeyRef.name);
  const others = receivers.filter((name) => name !== secretName);
  return [
    right(
      'the keys: read, seen when they change, written',
      '',
      'secrets',
      ['get', 'list', 'watch', 'patch'],
      [secretName],
    ),
    ...(createSecret ? [right('the Secret, if it is absent', '', 'secrets', ['create'])] : []),
    ...(others.length > 0 ? [right('the addresses of spec.notifications', '', 'secrets', ['get'], others)] : []),
    right('the audit log and the ledger', '', 'configmaps', ['get', 'patch'], [ledgerConfigMapName(secretName)]),
    right('the ConfigMap for these, the first time', '', 'configmaps', ['create']),
    ...restarts(settings),
    right('an emergency: pods that may accept a burnt key are deleted at once', '', 'pods', ['delete']),
  ];
}

function restarts({ targets }: Settings): readonly Right[] {
  const namesOf = (kind: WorkloadKind) => targets.filter((target) => target.kind === kind).map(({ name }) => name);
  const kinds = RESTARTED.filter((kind) => namesOf(kind).length > 0);
  const patches = kinds.map((kind) => {
    const { apiVersion, plural } = WORKLOADS[kind].type;
    return right(
      'the restart: it marks the pod template',
      apiVersion.split('/')[0] ?? '',
      plural,
      ['patch'],
      namesOf(kind),
    );
  });
  const isFile = targets.some(({ source }) => source === 'File');
  return [
    ...patches,
    ...(isFile ? [right('a kubelet that looks at mounted files now: it marks the pod', '', 'pods', ['patch'])] : []),
    ...(kinds.length > 0 ? [right('a pod that started with a stale Secret', '', 'pods/eviction', ['create'])] : []),
    ...(kinds.length > 0
      ? [right('seen before a start: would a budget refuse an eviction?', 'policy', 'poddisruptionbudgets', ['list'])]
      : []),
    ...(kinds.some((kind) => SCALED.includes(kind))
      ? [
          right(
            'seen before a start: has a target fewer pods than its load asks for?',
            'autoscaling',
            'horizontalpodautoscalers',
            ['list'],
          ),
        ]
      : []),
  ];
}

/** The account of rekey's manifests, in the namespace of its Lease. */
function homeOf(resource: JwtKeyRotation): string {
  return leaseName(resource).split('/')[0] ?? '';
}

/** @returns a Role of these rules and its RoleBinding, both of this resource alone */
export function roleOf(resource: JwtKeyRotation, rights: readonly Right[]): readonly [object, object] {
  const { name, namespace } = resource.metadata;
  const metadata = { name: `rekey-${name}`, namespace };
  const apiGroup = 'rbac.authorization.k8s.io';
  const apiVersion = `${apiGroup}/v1`;
  const subjects = [{ kind: 'ServiceAccount', name: 'rekey', namespace: homeOf(resource) }];
  return [
    { apiVersion, kind: 'Role', metadata, rules: rights.map(({ rule }) => rule) },
    { apiVersion, kind: 'RoleBinding', metadata, roleRef: { apiGroup, kind: 'Role', name: metadata.name }, subjects },
  ];
}

/** Finds a target's workload. */
export type FindWorkload = (kind: WorkloadKind, name: string) => Promise<KubeObject>;

/**
 * @returns what lets the operator connect to the canary ports of the targets' pods, beside deploy/network; undefined if no target
 * has a canary
 */
export async function networkPolicyOf(resource: JwtKeyRotation, find: FindWorkload): Promise<object | undefined> {
  const { name, namespace = '' } = resource.metadata;
  const asked = settingsOf(resource.spec).targets.flatMap(({ kind, name: target, canary }) =>
    canary === undefined ? [] : [{ kind, target, port: canary.port }],
  );
  if (asked.length === 0) return undefined;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const egress = await Promise.all(
    asked.map(async ({ kind, target, port }) => {
      const { spec } = (await find(kind, target)) as KubeObject & { readonly spec?: { readonly selector?: object } };
      // a Rollout may leave its selector to the Deployment that it refers to: then any pod of the namespace
      const podSelector = spec?.selector ?? {};
      return { to: [{ namespaceSelector, podSelector }], ports: [{ port, protocol: 'TCP' }] };
    }),
  );
  return {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    metadata: {
      name: `rekey-canaries-${namespace}-${name}`.slice(0, 253).replace(/[-.]+$/, ''),
      namespace: homeOf(resource),
    },
    spec: {
      ...{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'rekey' } }, policyTypes: ['Egress'] },
      egress,
    },
  };
}
