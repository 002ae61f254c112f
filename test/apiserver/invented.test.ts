/** What people or tools write beside rekey, by mistake or on purpose, neither stops an emergency nor passes for one that was served. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { LEDGER_KEY, ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { declareEmergency } from '../support/scenario/emergency.ts';
import { eventsIn } from '../support/scenario/events.ts';
import { createNamespace, installOperator, letLead } from '../support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import {
  conditionOf,
  type Resource,
  readState,
  requestRotation,
  waitFor,
  waitUntilReady,
} from '../support/scenario/rotation.ts';
import { emptyDeployment, KEY, rotationName, rotationOf, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `invented-${randomUUID().slice(0, 8)}`;
const LONG = 'x'.repeat(140_000);
let operator: OperatorProcess | undefined;

async function start(): Promise<void> {
  const { kubeconfig } = cluster;
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir, { recursive: true });
  const options = { kubeconfig, namespaces: [namespace], leaseNamespace: namespace };
  operator = await startOperator({ ...options, logFile: join(dir, 'operator.log') });
}

async function make(id: string): Promise<void> {
  await api.create({
    kind: 'Secret',
    metadata: { namespace, name: secretName(id) },
    stringData: { JWT_SECRET_KEY: KEY },
  });
  await api.create(emptyDeployment(namespace, targetName(id), id));
  await api.create(rotationOf(namespace, rotationName(id), id));
  await waitUntilReady(api, namespace, rotationName(id));
}

const place = (id: string) => ({ api, namespace, name: rotationName(id) });
const isGone = (id: string, nonce: string) =>
  waitFor(api, namespace, rotationName(id), 'the key is gone', ({ keyset, resource }) => {
    return keyset?.emergency?.goneAt !== undefined && resource.status?.emergency?.nonce.startsWith(nonce) === true;
  });
const isTold = (id: string, reason: string, note: string) =>
  until(`an Event tells ${reason}`, async () => {
    const events = await eventsIn(api, namespace, rotationName(id));
    return events.some((event) => event.reason === reason && event.note.includes(note));
  });
type LedgerConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };
const ledgerConfigMapOf = (id: string) => ({ kind: 'ConfigMap', namespace, name: ledgerConfigMapName(secretName(id)) });

/** As a hand would that writes into the ledger. */
async function editLedger(id: string, edit: (ledger: Record<string, unknown>) => object): Promise<void> {
  const { data } = await until('there is a ledger', async () => {
    const configMap = await api.find<LedgerConfigMap>(ledgerConfigMapOf(id));
    return configMap?.data?.[LEDGER_KEY] !== undefined && configMap;
  });
  const ledger = JSON.parse(data?.[LEDGER_KEY] ?? '') as Record<string, unknown>;
  await api.patch(ledgerConfigMapOf(id), { data: { [LEDGER_KEY]: JSON.stringify(edit(ledger)) } });
}

const IDS = ['huge', 'claimed', 'status'];
beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  await letLead(api, namespace);
  await start();
  for (const id of IDS) await make(id);
  await editLedger('huge', (ledger) => ({ ...ledger, version: 2 ** 53 - 1 }));
  await editLedger('claimed', (ledger) => ({ ...ledger, emergencies: ['n1'] }));
  // the ledger is read once
  await operator?.stop();
  await start();
});
afterAll(async () => {
  await operator?.stop();
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

describe.concurrent('an emergency', () => {
  it('is served whatever version somebody has written into the ledger, and that is told', async () => {
    const { resource } = await waitFor(api, namespace, rotationName('huge'), 'LedgerUnreadable', (state) => {
      return conditionOf(state.resource, 'Degraded')?.reason === 'LedgerUnreadable';
    });
    expect(conditionOf(resource, 'Degraded')?.message).toContain('lacks a version');
    await declareEmergency(place('huge'), 'n1: leaked');
    const { keyset } = await isGone('huge', 'n1');
    expect(keyset?.version).toBeLessThan(10);
    await isTold('huge', 'LedgerUnreadable', 'lacks a version');
  });

  it('is served although somebody has put its nonce among the served ones of the ledger, and that is told', async () => {
    await declareEmergency(place('claimed'), 'n1: leaked');
    const { keyset } = await isGone('claimed', 'n1');
    expect(keyset?.burnt.length).toBeGreaterThan(0);
    await isTold('claimed', 'EmergencyContradicted', 'the ledger says that emergency n1 was served');
  });

  it('is served although somebody has written its nonce into the status, with a spec that is wrong', async () => {
    const id = 'status';
    const target = { kind: 'JwtKeyRotation', namespace, name: rotationName(id) };
    await api.patch({ ...target, subresource: 'status' }, { status: { lastHandledEmergency: 'n1' } });
    await api.patch(target, {
      metadata: { annotations: { 'rekey.dev/emergency': 'n1: leaked' } },
      spec: { timeZone: 'Nowhere/At-all' },
    });
    await isGone(id, 'n1');
    await waitFor(api, namespace, rotationName(id), 'the spec is told as wrong', ({ resource }) => {
      return conditionOf(resource, 'Ready')?.reason === 'InvalidTimeZone';
    });
  });

  it('is served, and a rotation is done, with a nonce, a reason and a value of 140 KB', async () => {
    const id = 'long';
    await make(id);
    const requestedAt = await requestRotation(api, namespace, rotationName(id), LONG);
    expect(requestedAt).toBe(LONG);
    const rotated = await waitFor(api, namespace, rotationName(id), 'the rotation began', ({ resource }) => {
      return resource.status?.lastHandledRotateAt !== undefined;
    });
    expect(rotated.resource.status?.lastHandledRotateAt).toMatch(/^x{200,}…[0-9a-f]{16}$/);
    // only one such annotation has room on the resource
    await api.patch(
      { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
      { metadata: { annotations: { 'rekey.dev/rotate-requested-at': null } } },
    );
    await declareEmergency(place(id), `${LONG.slice(0, 100_000)}1: ${LONG.slice(0, 100_000)}`);
    const first = await isGone(id, 'x');
    const { nonce = '', reason = '' } = first.keyset?.emergency ?? {};
    expect([nonce.length, reason.length]).toEqual([253, 1_024]);
    await declareEmergency(place(id), `${LONG.slice(0, 100_000)}2: another`);
    const second = await waitFor(api, namespace, rotationName(id), 'the other one is over', ({ keyset }) => {
      return keyset?.emergency?.reason === 'another' && keyset.emergency.goneAt !== undefined;
    });
    expect(second.keyset?.emergency?.nonce).not.toBe(nonce);
  });

  it('asked of the younger of two resources on one Secret is not served there, and it says where', async () => {
    const id = 'shared';
    await make(id);
    const { secret: before } = await readState(api, namespace, rotationName(id));
    // creation times have whole seconds
    await until('a second has passed', async () => {
      const { metadata } = await api.get({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) });
      return Date.now() - Date.parse(metadata.creationTimestamp ?? '') > 2_000;
    });
    const annotations = { 'rekey.dev/emergency': 'n1: leaked' };
    const younger = rotationOf(namespace, 'younger', id);
    await api.create({ ...younger, metadata: { ...younger.metadata, annotations } });
    const { resource } = await waitFor(api, namespace, 'younger', 'SecretConflict', ({ resource: now }) => {
      return conditionOf(now, 'Ready')?.reason === 'SecretConflict';
    });
    const message = conditionOf(resource, 'Ready')?.message ?? '';
    expect(message).toMatch(/^EMERGENCY NOT SERVED/);
    expect(message).toContain(`kubectl rekey emergency ${rotationName(id)} -n ${namespace} --reason`);
    expect(resource.status?.emergency).toBeUndefined();
    const { secret: after } = await readState(api, namespace, rotationName(id));
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
    await declareEmergency(place(id), 'n1: leaked');
    await isGone(id, 'n1');
    // that the older one is gone is noticed at once, not at the next look in ten minutes
    await api.delete({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) });
    const taken = ({ resource: now }: { readonly resource: Resource }) =>
      conditionOf(now, 'Ready')?.reason !== 'SecretConflict';
    await waitFor(api, namespace, 'younger', 'the Secret is its own', taken);
  });
});
