/**
 * Examines, with a person's own rights, what is around the resource: clocks of nodes, leftovers, and the rights of the
 * operator. It reads no value of a Secret and searches for no key.
 */
import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import {
  CONTROLLER_REVISIONS,
  type Container,
  type Deployment,
  JOBS,
  type KubeObject,
  LEASES,
  type Lease,
  metadataOf,
  REPLICA_SETS,
  type ResourceType,
  SECRETS,
  SUBJECT_ACCESS_REVIEWS,
} from '../../kube/types.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import { keyPlaces, OPTIONAL_KINDS, settingsOf } from '../settings/settings.ts';
import { leaseName } from './leadership.ts';
import { availabilityNow } from './preview.ts';

/** An observation, or why there is none. */
export type Seen<T> = { readonly known: T } | { readonly why: string };

export interface NodeClock {
  readonly node: string;
  /** The node's clock minus that of the API server, milliseconds, accurate to a second. */
  readonly offsetMs: number;
}

export interface LiteralPlace {
  /** Such as `ReplicaSet api-1, container app, env JWT_SECRET_KEY`. */
  readonly place: string;
  /** Name of the ReplicaSet, if it is of a former revision of a Deployment and has no pods. */
  readonly formerReplicaSet?: string;
}

export interface Examination {
  readonly nodeClocks: Seen<readonly NodeClock[]>;
  /**
   * Places in current and former pod templates of targets with a literal value under the name of a key. The value is
   * not read.
   */
  readonly formerLiterals: Seen<readonly LiteralPlace[]>;
  /** How many releases Helm has stored in the namespace. Whether one contains a key is unknown. */
  readonly helmReleases: Seen<number>;
  readonly operatorRights: Seen<OperatorRights>;
  /** Kinds of workloads that the person may not list, so that who uses the Secret is not known of them. */
  readonly hiddenKinds: Seen<readonly string[]>;
}

export interface OperatorRights {
  /** The account whose rights these are, assumed to be the one of rekey's manifests. */
  readonly account: string;
  /**
   * Whether it may write the status, which every operator must. Otherwise the account is absent or not the operator's,
   * and nothing is known.
   */
  readonly isOperator: boolean;
  /** Rights that it has but does not need, for people. */
  readonly tooWide: readonly string[];
  /** Whether it may list all Secrets of the namespace, as deploy/residue allows. */
  readonly listsSecrets: boolean;
}

/** Label on the Secret of each release. Only metadata is read: the release itself may contain keys. */
const HELM_LABEL = 'owner=helm';
const NODE_LEASES = 'kube-node-lease';
const LOOK_MS = 5_000;
/** The API server rounds its times down to seconds. */
const HALF_STEP_MS = 500;

/** @param resource with a valid spec */
export async function examine(client: KubeClient, resource: JwtKeyRotation): Promise<Examination> {
  const { namespace = '' } = resource.metadata;
  const [nodeClocks, formerLiterals, helmReleases, operatorRights, hiddenKinds] = await Promise.all([
    seen(() => nodeClocksIn(client)),
    seen(() => formerLiteralsIn(client, resource)),
    seen(async () => (await listed(client, metadataOf(SECRETS), namespace, HELM_LABEL)).length),
    seen(() => rightsOf(client, resource)),
    seen(() => hiddenKindsIn(client, namespace)),
  ]);
  return { nodeClocks, formerLiterals, helmReleases, operatorRights, hiddenKinds };
}

async function seen<T>(look: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { known: await look() };
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return { why: error.message };
  }
}

/** Lists all objects, page by page. */
async function listed<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  namespace: string,
  labelSelector?: string,
): Promise<readonly T[]> {
  const selection = { namespace, timeoutMs: LOOK_MS };
  const { items } = await client.list(type, { ...selection, ...defined({ labelSelector }) });
  return items;
}

/** A node writes its own time when it renews its Lease, and the API server records when it received that. */
async function nodeClocksIn(client: KubeClient): Promise<readonly NodeClock[]> {
  return (await listed(client, LEASES, NODE_LEASES)).flatMap(({ metadata, spec }: Lease) => {
    const taken = Math.max(...(metadata.managedFields ?? []).map(({ time }) => Date.parse(time ?? '')));
    const offsetMs = Date.parse(spec?.renewTime ?? '') - taken - HALF_STEP_MS;
    return Number.isFinite(offsetMs) ? [{ node: metadata.name, offsetMs }] : [];
  });
}

/** What keeps the former templates of which kinds, and where they are in it. Jobs have theirs as long as they are there. */
const FORMER = [
  { type: REPLICA_SETS, kinds: ['Deployment', 'Rollout'] },
  { type: CONTROLLER_REVISIONS, kinds: ['StatefulSet', 'DaemonSet'] },
  { type: JOBS, kinds: ['CronJob', 'Job'] },
] as const;

async function formerLiteralsIn(client: KubeClient, resource: JwtKeyRotation): Promise<readonly LiteralPlace[]> {
  const { targets } = resource.spec;
  const wanted = FORMER.filter(({ kinds }) => targets.some(({ kind }) => kinds.some((each) => each === kind)));
  const found = await Promise.all(wanted.map(({ type }) => literalsAmong(client, resource, type)));
  return found.flat();
}

async function literalsAmong(
  client: KubeClient,
  { metadata, spec }: JwtKeyRotation,
  type: ResourceType<KubeObject>,
): Promise<readonly LiteralPlace[]> {
  const { dataKeys } = keyPlaces(settingsOf(spec));
  const isTarget = (one: { readonly kind: string; readonly name: string }) =>
    spec.targets.some(({ kind, name }) => kind === one.kind && name === one.name);
  const isOurs = ({ metadata: { name, ownerReferences = [] } }: KubeObject) =>
    ownerReferences.some(isTarget) || isTarget({ kind: type.kind, name });
  const holders = (await listed(client, type, metadata.namespace ?? '')).filter(isOurs);
  return holders.flatMap((holder) => {
    // a ControllerRevision holds a patch of its workload
    const { spec: own, data } = holder as Deployment & { readonly data?: Pick<Deployment, 'spec'> };
    const { containers = [], initContainers = [] } = (own ?? data?.spec)?.template?.spec ?? {};
    return [...containers, ...initContainers].flatMap(({ name, env = [] }: Container) =>
      env
        .filter((variable) => dataKeys.includes(variable.name) && (variable.value ?? '') !== '')
        .map((variable) => ({
          place: `${type.kind} ${holder.metadata.name}, container ${name}, env ${variable.name}`,
          ...(isFormer(holder, holders) && { formerReplicaSet: holder.metadata.name }),
        })),
    );
  });
}

/** Counts the revisions of a Deployment, on its ReplicaSets. */
const REVISION = 'deployment.kubernetes.io/revision';

/** @returns whether it is a ReplicaSet without pods, and another one of its Deployment is newer */
function isFormer(holder: KubeObject, holders: readonly KubeObject[]): boolean {
  const { spec, status } = holder as Deployment & { readonly status?: { readonly replicas?: number } };
  if (spec?.replicas !== 0 || (status?.replicas ?? 0) !== 0) return false;
  const [revision, owners] = [revisionOf(holder), ownersOf(holder)];
  return holders.some((other) => revisionOf(other) > revision && ownersOf(other).some((uid) => owners.includes(uid)));
}

/** @returns NaN, which is neither newer nor older, if there is none */
function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[REVISION] ?? Number.NaN);
}

function ownersOf({ metadata }: KubeObject): readonly string[] {
  return (metadata.ownerReferences ?? []).map(({ uid }) => uid);
}

async function hiddenKindsIn(client: KubeClient, namespace: string): Promise<readonly string[]> {
  const looks = OPTIONAL_KINDS.map(async (kind) => [kind, await availabilityNow(client, kind, namespace)] as const);
  return (await Promise.all(looks)).filter(([, is]) => is === 'Forbidden').map(([kind]) => kind);
}

/** Verbs on Secrets without a name apply to all Secrets. */
async function rightsOf(client: KubeClient, resource: JwtKeyRotation): Promise<OperatorRights> {
  const { namespace = '' } = resource.metadata;
  const [home = ''] = leaseName(resource).split('/');
  const account = `system:serviceaccount:${home}:rekey`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${home}`, 'system:authenticated'];
  interface Where {
    readonly namespace?: string;
    readonly subresource?: string;
  }
  const may = async (verb: string, where: Where, resourceName = 'secrets', group = '') => {
    const resourceAttributes = { ...where, verb, resource: resourceName, group };
    const review = { metadata: { name: '' }, spec: { user: account, groups, resourceAttributes } };
    const { status } = await client.create(SUBJECT_ACCESS_REVIEWS, review, { timeoutMs: LOOK_MS });
    return status?.allowed === true;
  };
  const here = { namespace };
  const [isOperator, all, everywhere, reads, writes, listsSecrets] = await Promise.all([
    may('patch', { ...here, subresource: 'status' }, 'jwtkeyrotations', 'rekey.dev'),
    may('*', {}, '*', '*'),
    may('get', {}),
    may('get', here),
    may('patch', here),
    may('list', here),
  ]);
  const tooWide = [
    ...(all ? ['to do everything in the cluster'] : []),
    ...(everywhere && !all ? ['to read every Secret of the cluster'] : []),
    ...(reads && !everywhere ? [`to read every Secret of namespace ${namespace}`] : []),
    ...(writes && !all ? [`to change every Secret of namespace ${namespace}`] : []),
  ];
  return { account, isOperator, tooWide, listsSecrets };
}
