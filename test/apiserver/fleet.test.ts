/**
 * One operator with many resources, each of which has a Secret that is watched for itself: nothing waits for the watches.
 *
 * With REKEY_FLEET=1000 there are so many.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { eventsIn } from '../support/scenario/events.ts';
import { createNamespace, installOperator, letIn, letLead, operatorKubeconfig } from '../support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import { conditionOf, type Resource, requestRotation } from '../support/scenario/rotation.ts';
import { emptyDeployment, rotationName, rotationOf, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

/** More than twice as many as there are connections for calls. */
const RESOURCES = Number(process.env.REKEY_FLEET ?? 130);
const TOGETHER = 20;
const PATIENCE = { timeoutMs: Math.max(400_000, 1_500 * RESOURCES), everyMs: 1_000 };

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `fleet-${randomUUID().slice(0, 8)}`;
const ids = Array.from({ length: RESOURCES }, (_, i) => String(i));

let operator: OperatorProcess;

interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  await letIn(api, namespace, ...ids.map(secretName));
  await letLead(api, namespace);
  await inBatches(ids, furnish);
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir);
  const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
  const program = cluster.programs?.operator;
  const where = { namespaces: [namespace], leaseNamespace: namespace };
  operator = await startOperator({ program, kubeconfig, ...where, logFile: join(dir, 'operator.log') });
});

afterAll(async () => {
  await operator?.stop();
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

async function inBatches<T>(all: readonly T[], each: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < all.length; i += TOGETHER) await Promise.all(all.slice(i, i + TOGETHER).map(each));
}

/** Every second Secret is there, the others are to be created. */
async function furnish(id: string): Promise<void> {
  const stringData = { JWT_SECRET_KEY: `${randomUUID()}${randomUUID()}`.replaceAll('-', '') };
  const secret = { kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData } as KubeObject;
  if (Number(id) % 2 === 0) await api.create(secret);
  await api.create(emptyDeployment(namespace, targetName(id), id));
  await api.create(rotationOf(namespace, rotationName(id), id));
}

const lease = () => api.find<Lease>({ kind: 'Lease', namespace, name: 'rekey' });

async function untilAll(what: string, fits: (resource: Resource) => boolean): Promise<void> {
  const path = `/apis/rekey.dev/v1alpha1/namespaces/${namespace}/jwtkeyrotations`;
  let missing = '';
  const look = async () => {
    if (await Promise.race([operator.exited, undefined])) throw new Error(`the operator ended before ${what}`);
    const { items } = await api.raw<{ readonly items: readonly Resource[] }>({ path });
    const others = items.filter((resource) => !fits(resource));
    missing = `${others.length} are not, the first: ${JSON.stringify(others[0]?.status)}`;
    return items.length === RESOURCES && others.length === 0;
  };
  await until(what, look, PATIENCE, () => missing);
}

async function everyoneIsTold(reason: string): Promise<boolean> {
  const told = (await eventsIn(api, namespace)).filter((event) => event.reason === reason);
  return new Set(told.map(({ regarding }) => regarding.name)).size === RESOURCES;
}

it('every resource is served and told of, the lease is kept, and no Event is dropped', {
  timeout: 4 * PATIENCE.timeoutMs,
}, async () => {
  const first = await until('somebody leads', lease, PATIENCE);
  await untilAll('all are Ready', (resource) => conditionOf(resource, 'Ready')?.status === 'True');
  await operator.waitUntilReady(PATIENCE);
  await inBatches(ids, (id) => requestRotation(api, namespace, rotationName(id), 'together'));
  await untilAll('all have begun to rotate', ({ status }) => status?.lastHandledRotateAt === 'together');
  await until('all are told', () => everyoneIsTold('KeyStaged'), PATIENCE);

  const last = await lease();
  expect(last?.spec).toMatchObject({ holderIdentity: first.spec.holderIdentity, leaseTransitions: 0 });
  expect(await operator.metrics()).not.toMatch(/^rekey_events_dropped_total\{/m);
});
