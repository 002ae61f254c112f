/** Many resources in a cluster, each with a Secret and a Deployment without pods. */
import { randomUUID } from 'node:crypto';
import type { JwtKeyRotationStatus } from '../src/rotation/api/types.ts';
import type { KubeApi } from '../test/support/cluster/kubeapi.ts';
import type { KubeObject } from '../test/support/cluster/kubeobject.ts';
import { createNamespace, letIn } from '../test/support/scenario/install.ts';
import { emptyDeployment, rotationName, rotationOf, secretName, targetName } from '../test/support/scenario/single.ts';
import { until } from '../test/support/scenario/until.ts';

/** One resource of the fleet. */
export interface Member {
  readonly namespace: string;
  readonly id: string;
}

export interface FleetResource extends KubeObject {
  readonly status?: JwtKeyRotationStatus;
}

/** Connections of the bench, and of a raw loop that a figure is compared with. */
export const CONNECTIONS = 64;
const PATIENCE_MS = 1_800_000;
/** Between two lists of all resources. Longer with many, so that the lists are not what is measured. */
const PAUSE_MS = { least: 250, each: 2 };
/** The shortest drain that the spec allows, so that a rotation ends while one looks. */
const SPEC = { maxTokenTTL: '1s', clockSkew: '1s' };

/** Calls `each` for all, at most {@link CONNECTIONS} at a time. */
export async function inParallel<T>(all: readonly T[], each: (item: T, i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let i = next++; i < all.length; i = next++) await each(all[i] as T, i);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

/** @returns the members, with all that they need in the cluster but the resources themselves */
export async function furnish(api: KubeApi, prefix: string, count: number, namespaces: number): Promise<Member[]> {
  const run = randomUUID().slice(0, 6);
  const names = Array.from({ length: namespaces }, (_, i) => `${prefix}-${run}-${i}`);
  const members = Array.from({ length: count }, (_, i) => ({
    namespace: names[i % namespaces] as string,
    id: `${prefix}-${i}`,
  }));
  await inParallel(names, async (namespace) => {
    await createNamespace(api, namespace);
    const own = members.filter((member) => member.namespace === namespace);
    if (own.length > 0) await letIn(api, namespace, ...own.map(({ id }) => secretName(id)));
  });
  await inParallel(members, async ({ namespace, id }) => {
    const stringData = { JWT_SECRET_KEY: `${randomUUID()}${randomUUID()}`.replaceAll('-', '') };
    await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData } as KubeObject);
    await api.create(emptyDeployment(namespace, targetName(id), id));
  });
  return members;
}

export function declare(api: KubeApi, members: readonly Member[], edit: object = {}): Promise<void> {
  return inParallel(members, ({ namespace, id }) =>
    api.create(rotationOf(namespace, rotationName(id), id, { ...SPEC, ...edit })),
  );
}

export function annotate(api: KubeApi, { namespace, id }: Member, annotations: object): Promise<unknown> {
  return api.patch({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) }, { metadata: { annotations } });
}

/** Waits until the status of all of them fits. */
export async function untilAll(
  api: KubeApi,
  members: readonly Member[],
  what: string,
  fits: (status: JwtKeyRotationStatus) => boolean,
): Promise<void> {
  const wanted = new Set(members.map(({ namespace, id }) => `${namespace}/${rotationName(id)}`));
  let missing = '';
  await until(
    what,
    async () => {
      const { items } = await api.raw<{ readonly items: readonly FleetResource[] }>({
        path: '/apis/rekey.dev/v1alpha1/jwtkeyrotations',
      });
      const own = items.filter(({ metadata: { namespace, name } }) => wanted.has(`${namespace}/${name}`));
      const others = own.filter(({ status }) => status === undefined || !fits(status));
      missing = `${others.length} of ${own.length} are not, the first: ${JSON.stringify(others[0]?.status)}`;
      return own.length === members.length && others.length === 0;
    },
    { timeoutMs: PATIENCE_MS, everyMs: Math.max(PAUSE_MS.least, members.length * PAUSE_MS.each) },
    () => missing,
  );
}

export const isReady = ({ conditions = [] }: JwtKeyRotationStatus) =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

/** Ends the resources and waits until they are gone; Secrets and Deployments go with their namespaces. */
export async function disband(api: KubeApi, members: readonly Member[]): Promise<void> {
  await inParallel(members, ({ namespace, id }) =>
    api.delete({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) }),
  );
}
