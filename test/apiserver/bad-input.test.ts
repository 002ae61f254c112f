/** Bad input that only the controller can judge: a condition with a reason and an Event; nothing is written. The rest: bad-spec.test.ts. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { eventsIn, untilEvent } from '../support/scenario/events.ts';
import { createNamespace, installOperator, letLead, operatorKubeconfig } from '../support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import { conditionOf, type Resource } from '../support/scenario/rotation.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
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
import { cron, layout, windows } from '../support/scenario/spec-parts.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `bad-input-${randomUUID().slice(0, 8)}`;

interface Row {
  readonly reason: string;
  /** Must be in the message: the field or the object that is wrong. */
  readonly names: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Of the one target. */
  readonly target?: Readonly<Record<string, unknown>>;
  readonly secret?: Readonly<Record<string, unknown>>;
  /** Of the Secret. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the Secret. */
  readonly owners?: readonly Readonly<Record<string, unknown>>[];
  readonly deployment?: (id: string) => Readonly<Record<string, unknown>>;
  readonly manager?: string;
  /** What else there is, made before the resource. */
  readonly also?: (id: string) => KubeObject;
}

const ROWS: readonly Row[] = [
  { reason: 'InvalidSchedule', names: 'spec.schedule', spec: cron('0 0 31 2 *') },
  { reason: 'InvalidSchedule', names: 'spec.schedule', spec: cron('99 0 * * *') },
  { reason: 'InvalidTimeZone', names: 'spec.timeZone', spec: { timeZone: 'Mars/Olympus' } },
  { reason: 'InvalidTimeZone', names: 'spec.timeZone: "BST" is an abbreviation', spec: { timeZone: 'BST' } },
  {
    reason: 'InvalidTimeZone',
    names: 'spec.maintenanceWindows[0].timeZone',
    spec: windows({ timeZone: 'Mars/Olympus' }),
  },
  { reason: 'InvalidWindow', names: 'spec.maintenanceWindows[0].schedule', spec: windows({ schedule: '0 25 * * *' }) },
  { reason: 'InvalidWindow', names: 'spec.maintenanceWindows[0].duration', spec: windows({ duration: '10s' }) },
  { reason: 'PeriodTooShort', names: 'spec.rotationPeriod', spec: { rotationPeriod: '1h' } },
  {
    reason: 'KeyNotFound',
    names: 'none of the data keys constructor',
    spec: { secretKeys: { signing: ['constructor'] } },
  },
  { reason: 'NotSupported', names: 'spec.retire.mode', spec: { retire: { mode: 'Clock' } } },
  { reason: 'SecretImmutable', names: 'immutable', secret: { immutable: true } },
  { reason: 'KeyNotFound', names: 'JWT_SECRET_KEY', secret: { stringData: { OTHER: KEY } } },
  {
    reason: 'KeysDiffer',
    names: 'JWT_SECRET',
    secret: { stringData: { JWT_SECRET_KEY: KEY, JWT_SECRET: KEY.toUpperCase() } },
  },
  { reason: 'KeyMalformed', names: 'JWT_SECRET_KEY', secret: { stringData: { JWT_SECRET_KEY: `${KEY}\n` } } },
  {
    reason: 'KeyMalformed',
    names: 'JWT_SECRET_KEY_FALLBACKS is JSON',
    secret: { stringData: { JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: JSON.stringify([KEY]) } },
  },
  {
    reason: 'KeyMalformed',
    names: 'ends with U+2028',
    secret: { stringData: { JWT_SECRET_KEY: `${KEY}\u2028` } },
  },
  {
    reason: 'AlgorithmDiffers',
    names: 'JWT_ALGORITHM is HS512, but spec.key.algorithm is HS256',
    secret: { stringData: { JWT_SECRET_KEY: KEY, JWT_ALGORITHM: 'HS512' } },
  },
  {
    reason: 'KeyCopied',
    names: 'data key SECRET_KEY holds a key too',
    secret: { stringData: { JWT_SECRET_KEY: KEY, SECRET_KEY: KEY } },
  },
  {
    reason: 'KeyIdUnusable',
    names: 'JWT_KEY_ID contains part of a key',
    secret: { stringData: { JWT_SECRET_KEY: KEY, JWT_KEY_ID: KEY.slice(0, 16) } },
  },
  {
    reason: 'ForeignWriter',
    names: 'the controller of JwtSecret x',
    owners: [{ apiVersion: 'acme.example/v1', kind: 'JwtSecret', name: 'x', uid: randomUUID(), controller: true }],
  },
  { reason: 'ForeignWriter', names: 'Helm (annotation', annotations: { 'meta.helm.sh/release-name': 'shop' } },
  { reason: 'ForeignWriter', names: 'Helm (field manager', manager: 'helm' },
  {
    reason: 'ForeignWriter',
    names: 'externalsecrets.external-secrets.io/jwt',
    manager: 'externalsecrets.external-secrets.io/jwt',
  },
  {
    reason: 'ForeignWriter',
    names: 'external-secrets',
    manager: 'external-secrets',
    secret: { stringData: undefined, data: { JWT_SECRET_KEY: Buffer.from(KEY).toString('base64') } },
  },
  {
    reason: 'KeyMalformed',
    names: 'keyset.json is not a JWK set',
    spec: { secretKeys: { keyset: 'keyset.json' } },
    secret: { stringData: { JWT_SECRET_KEY: KEY, 'keyset.json': 'keys' } },
  },
  {
    reason: 'InvalidDataKey',
    names: '"AUTH_SECRET_2" holds a fallback, and Auth.js encrypts with the highest number',
    spec: layout({ names: ['AUTH_SECRET_1', 'AUTH_SECRET_2'], content: 'All' }),
  },
  {
    reason: 'KeyMalformed',
    names: 'data key FALLBACKS is not a JSON array of strings',
    spec: layout({ names: ['FALLBACKS'], format: 'JsonArray' }),
    secret: { stringData: { JWT_SECRET_KEY: KEY, FALLBACKS: KEY } },
  },
  {
    reason: 'KeysDiffer',
    names: 'the first key of data key KEYS is not that of JWT_SECRET_KEY',
    spec: layout({ names: ['KEYS'], format: 'CommaList', content: 'All' }),
    secret: { stringData: { JWT_SECRET_KEY: KEY, KEYS: KEY.toUpperCase() } },
  },
  {
    reason: 'SecretTypeUnsupported',
    names: 'kubernetes.io/basic-auth',
    secret: { type: 'kubernetes.io/basic-auth', stringData: { JWT_SECRET_KEY: KEY, username: 'me' } },
  },
  {
    reason: 'StateUnreadable',
    names: 'annotation rekey.dev/history',
    annotations: { 'rekey.dev/keyset-version': '3', 'rekey.dev/phase': 'Steady', 'rekey.dev/history': '[{' },
  },
  { reason: 'CanaryMissing', names: 'mounted files', target: { source: 'File' } },
  { reason: 'TargetNotFound', names: 'Deployment/nobody', spec: { targets: [{ name: 'nobody' }] } },
  { reason: 'TargetPaused', names: 'spec.targets[0]', deployment: () => ({ paused: true }) },
  { reason: 'TargetNotConsuming', names: 'spec.targets[0]', deployment: () => ({ template: podTemplate({}) }) },
  {
    reason: 'LiteralInManifest',
    names: 'spec.targets[0]: container app of Deployment/app-',
    deployment: (id) => ({
      template: podTemplate({ envFrom: envFromSecret(id), env: [{ name: 'JWT_SECRET', value: KEY }] }),
    }),
  },
  {
    reason: 'ShadowedBy',
    names: 'takes the variable JWT_SECRET_KEY from Secret/admin-env',
    deployment: (id) => ({
      template: podTemplate({
        envFrom: envFromSecret(id),
        env: [fromSecret('JWT_SECRET_KEY', 'admin-env', 'JWT_SECRET_KEY')],
      }),
    }),
  },
  {
    reason: 'NotConsumed',
    names: 'JWT_SECRET_KEY_FALLBACKS',
    deployment: (id) => ({
      template: podTemplate({ env: [fromSecret('TOKEN_KEY', secretName(id), 'JWT_SECRET_KEY')] }),
    }),
  },
  {
    reason: 'NotConsumed',
    names: 'JWT_SECRET_KEY or JWT_SECRET',
    spec: { strategy: 'Cutover', allowCutover: true },
    deployment: (id) => ({
      template: podTemplate({ env: [fromSecret('JWT_SECRET_KEY', secretName(id), 'JWT_SECRET_KEY_FALLBACKS')] }),
    }),
  },
  {
    reason: 'UnlistedConsumer',
    names: 'Deployment/stranger',
    also: (id) => emptyDeployment(namespace, `stranger-${id}`, id),
  },
  { reason: 'SecretConflict', names: 'spec.secretName', also: (id) => rotationOf(namespace, `older-${id}`, id) },
];

function fromSecret(variable: string, name: string, key: string) {
  return { name: variable, valueFrom: { secretKeyRef: { name, key } } };
}

async function make(
  {
    spec = {},
    target = {},
    secret = {},
    annotations = {},
    owners = [],
    deployment = () => ({}),
    manager = 'kubectl-create',
    also,
  }: Row,
  id: string,
): Promise<void> {
  const data = { stringData: { JWT_SECRET_KEY: KEY } };
  const object = {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { namespace, name: secretName(id), annotations, ownerReferences: owners },
    ...data,
    ...secret,
  };
  await api.patch({ kind: 'Secret', namespace, name: secretName(id) }, object, 'apply', manager);
  await api.create(emptyDeployment(namespace, targetName(id), id, deployment(id)));
  if (also !== undefined) await api.create(also(id));
  // the age of a resource has whole seconds, and the older one of two is right
  if (also?.(id).kind === 'JwtKeyRotation') await new Promise((resolve) => setTimeout(resolve, 1_100));
  await api.create(
    rotationOf(namespace, rotationName(id), id, { targets: [{ name: targetName(id), ...target }], ...spec }),
  );
}

const operatorLog = join(cluster.dir, namespace, 'operator.log');
let operator: OperatorProcess;

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  await letLead(api, namespace);
  mkdirSync(join(cluster.dir, namespace));
  operator = await startOperator({
    program: cluster.programs?.operator,
    kubeconfig: cluster.kubeconfig,
    namespaces: [namespace],
    leaseNamespace: namespace,
    logFile: operatorLog,
  });
});
afterAll(async () => {
  await operator.stop();
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

describe.concurrent('a resource that the controller must judge', () => {
  it.each(ROWS.map((row, i) => ({ ...row, id: String(i) })))('is told of $reason ($names)', async (row) => {
    await make(row, row.id);
    const before = await api.get({ kind: 'Secret', namespace, name: secretName(row.id) });
    const name = rotationName(row.id);
    const ready = await until(`${row.reason} is told`, async () => {
      const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name });
      const condition = conditionOf(resource, 'Ready');
      return condition?.reason === row.reason ? condition : undefined;
    });
    expect(ready).toMatchObject({ status: 'False', message: expect.stringContaining(row.names) });
    expect(ready.message).not.toContain(KEY);
    await untilEvent({ api, namespace, name }, row.reason);
    // told once, and not again and again
    const rest = async () => (await api.get({ kind: 'JwtKeyRotation', namespace, name })).metadata.resourceVersion;
    const told = await rest();
    await sleep(1_500);
    expect(await rest()).toBe(told);
    const after = await api.get({ kind: 'Secret', namespace, name: secretName(row.id) });
    if (row.reason !== 'SecretConflict') expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('is told when its key is that of another environment', async () => {
    for (const id of ['twin-a', 'twin-b']) await make({ reason: '', names: '' }, id);
    await until('KeyReuse is told', async () => {
      const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name: 'rotation-twin-b' });
      return conditionOf(resource, 'KeyReuse')?.message.includes('rotation-twin-a');
    });
  });

  it('is told that a scheduled start was missed, once for each, until a rotation is completed', async () => {
    const id = 'missed';
    const times = { maxTokenTTL: '1s', clockSkew: '1s', retire: { slack: '0s' }, startingDeadlineSeconds: 60 };
    await make({ reason: '', names: '', spec: { ...times, ...cron('0 0 1 1 *') } }, id);
    const name = rotationName(id);
    const target = { kind: 'JwtKeyRotation', namespace, name };
    const app = { kind: 'Deployment', namespace, name: targetName(id) };
    // it is looked at when something changes, or every ten minutes
    const touched = async () => {
      await api.patch(target, { metadata: { annotations: { 'example.com/touched': randomUUID() } } });
      await sleep(1_000);
      return api.get<Resource>(target);
    };
    await until('the Secret is taken over', async () => (await touched()).status?.currentKeyId !== undefined);
    // a restart would be asked for in vain, so none starts
    await api.patch(app, { spec: { paused: true } });
    await until('that is told', async () => conditionOf(await touched(), 'Ready')?.reason === 'TargetPaused');
    await api.patch(target, { spec: { schedule: '* * * * *' } });
    const missed = await until('a start was missed', async () => {
      const { status } = await touched();
      return status?.missedRun;
    });
    const told = async () =>
      (await eventsIn(api, namespace, name))
        .filter(({ reason }) => reason === 'RotationMissed')
        .map(({ note }) => note);
    await until('an Event tells it', async () => (await told()).some((note) => note.includes(missed.slice(0, 16))));
    const next = await until('another was missed', async () => {
      const resource = await touched();
      const { missedRun } = resource.status ?? {};
      return missedRun === missed ? undefined : conditionOf(resource, 'OnSchedule');
    });
    expect(next).toMatchObject({ status: 'False', reason: 'RotationMissed' });
    const notes = await told();
    expect(new Set(notes).size).toBe(notes.length);
    await api.patch(app, { spec: { paused: false } });
    await until('a rotation is completed', async () => {
      const resource = await touched();
      return resource.status?.missedRun === undefined && conditionOf(resource, 'OnSchedule')?.status === 'True';
    });
  });

  it('leaves nothing of a key that was pasted into a reason', async () => {
    const id = 'pasted';
    const pasted = randomUUID().replaceAll('-', '').repeat(2);
    const times = { maxTokenTTL: '1s', clockSkew: '1s', retire: { slack: '0s' } };
    await make({ reason: '', names: '', spec: times }, id);
    const target = { kind: 'JwtKeyRotation', namespace, name: rotationName(id) };
    const annotate = (name: string, value: string | null) =>
      api.patch(target, { metadata: { annotations: { [`rekey.dev/${name}`]: value } } });
    const status = async () => (await api.get<Resource>(target)).status;
    await until('the Secret is taken over', async () => (await status())?.phase === 'Steady');
    await annotate('rotate-requested-at', pasted);
    await until('the request is served', async () => (await status())?.lastHandledRotateAt?.startsWith('[redacted]…'));
    await annotate('abort-requested-at', `not ${pasted}`);
    await until('the way back is served', async () =>
      (await status())?.lastHandledAbortAt?.startsWith('not [redacted]…'),
    );
    await annotate('paused', pasted);
    await until('the pause is told', async () => {
      const ready = conditionOf(await api.get<Resource>(target), 'Ready');
      return ready?.reason === 'PauseUnreadable';
    });
    await annotate('emergency', `${pasted}: ${pasted} has leaked`);
    await until('the emergency is over', async () => (await status())?.emergency?.keyGoneAt !== undefined);
    expect((await status())?.emergency?.reason).toBe('[redacted] has leaked');
    await annotate('paused', null);
    await api.patch(target, { spec: { forceRotation: { reason: `ticket 7 ${pasted}` } } });
    await until('the reason is served', async () =>
      (await status())?.observedForceReason?.startsWith('ticket 7 [redacted]…'),
    );
    await until('the rotation is over', async () => (await status())?.phase === 'Steady');
    const secret = await api.get({ kind: 'Secret', namespace, name: secretName(id) });
    const configMap = await api.get({ kind: 'ConfigMap', namespace, name: ledgerConfigMapName(secretName(id)) });
    const searched = [
      operatorLog,
      { name: 'status', text: JSON.stringify(await status()) },
      { name: 'Events', text: JSON.stringify(await eventsIn(api, namespace, rotationName(id))) },
      { name: 'annotations of the Secret', text: JSON.stringify(secret.metadata) },
      { name: 'audit and ledger', text: JSON.stringify(configMap) },
    ];
    expect(scanForKeys(searched, [pasted])).toEqual([]);
  });

  it('is told when rekey has no rights in its namespace', async () => {
    const closed = `${namespace}-closed`;
    await createNamespace(api, closed);
    await letLead(api, closed);
    await api.create({
      kind: 'Secret',
      metadata: { namespace: closed, name: 'secret-0' },
      stringData: { JWT_SECRET_KEY: KEY },
    });
    await api.create(emptyDeployment(closed, 'app-0', '0'));
    const kubeconfig = await operatorKubeconfig(api, join(cluster.dir, namespace, 'closed.kubeconfig'));
    const logFile = join(cluster.dir, namespace, 'closed.log');
    const barred = await startOperator({
      ...{ program: cluster.programs?.operator, kubeconfig, logFile },
      ...{ namespaces: [closed], leaseNamespace: closed },
    });
    await api.create(rotationOf(closed, 'r', '0'));
    await until('it is Forbidden', async () => {
      const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace: closed, name: 'r' });
      return conditionOf(resource, 'Ready')?.reason === 'Forbidden';
    });
    await barred.stop();
    await api.delete({ kind: 'Namespace', name: closed });
  });
});
