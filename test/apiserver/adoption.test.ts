/** What people have made is taken over as it is, or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { EMPTY_LEDGER, encodeLedger, type LedgerKey } from '../../src/rotation/keyset/ledger.ts';
import { fingerprintOf, KeyMaterial } from '../../src/rotation/secret/keys.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { Secret } from '../support/node/types.ts';
import { untilEvent } from '../support/scenario/events.ts';
import { createNamespace, installOperator, letLead } from '../support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import { conditionOf, type Resource, readState, waitFor, waitUntilTold } from '../support/scenario/rotation.ts';
import {
  emptyDeployment,
  envFromSecret,
  KEY,
  podTemplate,
  rotationName,
  rotationOf,
  secretName,
  targetName,
} from '../support/scenario/single.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `adoption-${randomUUID().slice(0, 8)}`;
let operator: OperatorProcess;

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  await letLead(api, namespace);
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir);
  operator = await startOperator({
    ...{ kubeconfig: cluster.kubeconfig, namespaces: [namespace], leaseNamespace: namespace },
    logFile: join(dir, 'operator.log'),
  });
});
afterAll(async () => {
  await operator.stop();
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

const named = (id: string) => ({ kind: 'Secret', namespace, name: secretName(id) });
const text = ({ data }: Secret, name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString();
const keysetOf = (id: string) =>
  waitFor(api, namespace, rotationName(id), 'it is adopted', ({ keyset }) => keyset !== undefined);
const told = (id: string, reason: string, words: string) =>
  untilEvent({ api, namespace, name: rotationName(id) }, reason, words);

async function secret(id: string, stringData: Readonly<Record<string, string>>, edit: object = {}): Promise<void> {
  await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id), ...edit }, stringData } as never);
}

/** What rekey knew before, of a Secret that has gone since. */
async function ledger(id: string, state: LedgerKey['state'], key = KEY): Promise<string> {
  const fingerprint = fingerprintOf(new KeyMaterial(Buffer.from(key)));
  const keys = [{ kid: 'k-old', fingerprint, state, at: Date.UTC(2026, 0, 1) }];
  const metadata = {
    ...{ namespace, name: ledgerConfigMapName(secretName(id)) },
    labels: { 'app.kubernetes.io/managed-by': 'rekey' },
  };
  const data = { 'ledger.json': encodeLedger({ ...EMPTY_LEDGER, version: 7, keys }) };
  await api.create({ kind: 'ConfigMap', metadata, data } as never);
  return fingerprint;
}

describe.concurrent('a Secret that people have made', () => {
  it('keeps its key id and its names, and gets none that might hide another variable', async () => {
    await secret('names', { JWT_SECRET_KEY: KEY, JWT_KEY_ID: 'prod-2024' });
    const envFrom = [
      { secretRef: { name: 'refresh' } },
      { configMapRef: { name: 'settings' } },
      ...envFromSecret('names'),
    ];
    await api.create(emptyDeployment(namespace, targetName('names'), 'names', { template: podTemplate({ envFrom }) }));
    await api.create(rotationOf(namespace, rotationName('names'), 'names'));
    const { secret: found, keyset } = await keysetOf('names');
    expect(Object.keys(found?.data ?? {}).sort()).toEqual(['JWT_KEY_ID', 'JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS']);
    expect(text(found as Secret, 'JWT_KEY_ID')).toBe('prod-2024');
    expect(keyset?.history.at(-1)?.sign).toBe('prod-2024');
    expect(text(found as Secret, 'JWT_SECRET_KEY') === KEY).toBe(true);
    await told(
      'names',
      'NamesAdded',
      `container app of Deployment/${targetName('names')} (after Secret/refresh, ConfigMap/settings)`,
    );
    const { resource } = await readState(api, namespace, rotationName('names'));
    expect(resource.status?.currentKeyId ?? 'prod-2024').toBe('prod-2024');
  });

  it('is taken over when the tool that managed it has let go, and who wrote it is forgotten', async () => {
    const metadata = { namespace, name: secretName('helm'), annotations: { 'meta.helm.sh/release-name': 'shop' } };
    const data = { JWT_SECRET_KEY: Buffer.from(KEY).toString('base64') };
    await api.patch(named('helm'), { apiVersion: 'v1', kind: 'Secret', metadata, data }, 'apply', 'helm');
    await api.create(emptyDeployment(namespace, targetName('helm'), 'helm'));
    await api.create(rotationOf(namespace, rotationName('helm'), 'helm'));
    const { resource } = await waitUntilTold(api, namespace, rotationName('helm'), 'ForeignWriter');
    expect(conditionOf(resource, 'Ready')?.message).toContain('Helm (annotation meta.helm.sh/release-name)');
    await api.patch(named('helm'), { metadata: { annotations: { 'meta.helm.sh/release-name': null } } });
    await waitFor(
      api,
      namespace,
      rotationName('helm'),
      'the manager is named',
      ({ resource: now }) => conditionOf(now, 'Ready')?.message.includes('Helm (field manager helm)') === true,
    );
    // as the runbook says
    await api.patch(named('helm'), { metadata: { managedFields: [{}] } });
    await keysetOf('helm');
  });

  it('is known to hold a public key before it is taken over, and after', async () => {
    await secret('public', { JWT_SECRET_KEY: 'your-super-secret-jwt-key-change-in-production' });
    await api.create(rotationOf(namespace, rotationName('public'), 'public'));
    const isTold = ({ resource }: { readonly resource: Resource }) =>
      conditionOf(resource, 'WeakKey')?.reason === 'PubliclyKnown';
    const before = await waitFor(api, namespace, rotationName('public'), 'it is told before', isTold);
    expect(conditionOf(before.resource, 'Ready')?.reason).toBe('TargetNotFound');
    expect(conditionOf(before.resource, 'WeakKey')?.message).toContain('publicly known');
    await api.create(emptyDeployment(namespace, targetName('public'), 'public'));
    await waitFor(
      api,
      namespace,
      rotationName('public'),
      'it is told after',
      ({ resource, keyset }) => keyset !== undefined && isTold({ resource }),
    );
    await told('public', 'WeakKey', 'publicly known');
  });

  it('is not rotated, nor burnt, by what a copied resource brings along; what is set by itself is served', async () => {
    await secret('copy', { JWT_SECRET_KEY: KEY });
    await api.create(emptyDeployment(namespace, targetName('copy'), 'copy'));
    const resource = rotationOf(namespace, rotationName('copy'), 'copy');
    const annotations = { 'rekey.dev/emergency': 'old: a leak elsewhere', 'rekey.dev/rotate-requested-at': 'then' };
    await api.create({ ...resource, metadata: { ...resource.metadata, annotations } });
    await told('copy', 'RequestsNoted', 'rekey.dev/emergency is old, rekey.dev/rotate-requested-at is then');
    const { secret: found, keyset } = await keysetOf('copy');
    expect(text(found as Secret, 'JWT_SECRET_KEY') === KEY).toBe(true);
    expect(keyset).toMatchObject({ phase: 'Steady', burnt: [], handled: { emergencies: ['old'], rotateAt: 'then' } });
    const target = { kind: 'JwtKeyRotation', namespace, name: rotationName('copy') };
    await api.patch(target, { metadata: { annotations: { 'rekey.dev/emergency': 'new: a leak here' } } });
    await waitFor(
      api,
      namespace,
      rotationName('copy'),
      'the new one is served',
      ({ keyset: now }) => now?.emergency?.nonce === 'new',
    );
  });

  it('is refused with a retired key, until a person accepts that', async () => {
    const fingerprint = await ledger('back', 'retired');
    await secret('back', { JWT_SECRET_KEY: KEY });
    await api.create(emptyDeployment(namespace, targetName('back'), 'back'));
    await api.create(rotationOf(namespace, rotationName('back'), 'back'));
    const { resource } = await waitUntilTold(api, namespace, rotationName('back'), 'KeyResurrected');
    expect(conditionOf(resource, 'Ready')?.message).toContain(`rekey.dev/accept-retired-key: ${fingerprint}`);
    await api.patch(named('back'), { metadata: { annotations: { 'rekey.dev/accept-retired-key': fingerprint } } });
    const { secret: found } = await waitFor(
      api,
      namespace,
      rotationName('back'),
      'it is ready',
      ({ resource: now }) => conditionOf(now, 'Ready')?.status === 'True',
    );
    expect(found?.metadata.annotations).not.toHaveProperty(['rekey.dev/accept-retired-key']);
  });
});

describe('a Secret that is gone, with a key that the ledger knows to be live', () => {
  it('is not made anew while a target wants pods, whether one is there or not', async () => {
    await ledger('gone', 'live');
    await api.create(emptyDeployment(namespace, targetName('gone'), 'gone', { replicas: 1, paused: true }));
    await api.create(rotationOf(namespace, rotationName('gone'), 'gone'));
    const target = { kind: 'Deployment', namespace, name: targetName('gone') };
    // paused, it makes no pod: none is there this instant
    await waitUntilTold(api, namespace, rotationName('gone'), 'TargetPaused');
    await api.patch(target, { spec: { paused: null } });
    await waitUntilTold(api, namespace, rotationName('gone'), 'SecretDeleted');
    expect(await api.find(named('gone'))).toBeUndefined();
    await api.patch(target, { spec: { replicas: 0 } });
    await keysetOf('gone');
  });
});
