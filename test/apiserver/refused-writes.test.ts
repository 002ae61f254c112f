/** What the API server refuses for good: told once with its reason, tried again in growing pauses, and done when it may be. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeApiError, KubeObject } from '../support/cluster/kubeobject.ts';
import type { Pod, Secret } from '../support/node/types.ts';
import { type CallFilter, countCalls, sumOf } from '../support/scenario/audit.ts';
import { declareEmergency } from '../support/scenario/emergency.ts';
import { eventsIn } from '../support/scenario/events.ts';
import {
  createNamespace,
  installOperator,
  letIn,
  letLead,
  OPERATOR_NAMESPACE,
  OPERATOR_USER,
  operatorKubeconfig,
} from '../support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import {
  conditionOf,
  type RotationState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilReady,
} from '../support/scenario/rotation.ts';
import {
  emptyDeployment,
  rotationName,
  rotationOf,
  runningDeployment,
  secretName,
  targetName,
} from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const prefix = `refused-${randomUUID().slice(0, 8)}`;
/** Rows that share no namespace: what they refuse cannot be told by the name of an object. */
const ALONE = ['quota', 'delete', 'no-create', 'no-patch'];
const SHARED = `${prefix}-shared`;
const placeOf = (id: string) => (ALONE.includes(id) ? `${prefix}-${id}` : SHARED);
/** Each row has a key of its own: else each rotation in the shared namespace would change what the others report (KeyReuse). */
const keyOf = (id: string) => createHash('sha256').update(`${prefix}-${id}`).digest('hex');
const namesOf = (id: string) => [secretName(id), targetName(id), ledgerConfigMapName(secretName(id))];
const TIMES = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };
const CANARY = { canary: { path: '/auth/verify', port: 8000 } };
const CLAIMS = { canary: { issuer: 'remotehive', audience: 'remotehive' } };
const ADMISSION = 'admissionregistration.k8s.io/v1';

interface Denied {
  readonly resource: string;
  readonly group?: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly reason: 'Forbidden' | 'Invalid' | 'RequestEntityTooLarge';
}

interface Row {
  readonly id: string;
  readonly reason: 'WriteRefused' | 'Forbidden';
  /** Must be in the message. */
  readonly names: string;
  /** What is refused, as the audit log has it. */
  readonly calls: { readonly verb: string; readonly resource: string };
  readonly ready: 'True' | 'False';
  readonly secret?: 'absent' | 'large';
  readonly pod?: true;
  /** Before rekey sees the resource, or after the Secret is taken over. */
  readonly spoil: (id: string) => Promise<unknown>;
  readonly late?: true;
  readonly ask?: 'rotation' | 'emergency';
  readonly mend: (id: string) => Promise<unknown>;
  readonly after: (id: string) => Promise<unknown>;
}

const policyOf = (id: string) => ({ kind: 'ValidatingAdmissionPolicy', name: `${prefix}-${id}` });
const bindingOf = (id: string) => ({ kind: 'ValidatingAdmissionPolicyBinding', name: `${prefix}-${id}` });

/** A policy that denies rekey one thing in the namespace; it is in force when this returns. */
const deny = (denied: Denied, probe: (id: string) => Promise<unknown>) => async (id: string) => {
  const { resource, group = '', operation, reason } = denied;
  const rule = { apiGroups: [group], apiVersions: ['*'], operations: [operation], resources: [resource] };
  const mine = namesOf(id).map((name) => `request.name == '${name}'`);
  const expression = `!(${ALONE.includes(id) ? 'true' : mine.join(' || ')})`;
  const validations = [{ expression, message: 'not on a Friday', reason }];
  const spec = { failurePolicy: 'Fail', matchConstraints: { resourceRules: [rule] }, validations };
  await api.create({ apiVersion: ADMISSION, kind: policyOf(id).kind, metadata: { name: policyOf(id).name }, spec });
  const matchResources = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': placeOf(id) } } };
  await api.create({
    ...{ apiVersion: ADMISSION, kind: bindingOf(id).kind, metadata: { name: policyOf(id).name } },
    spec: { policyName: policyOf(id).name, validationActions: ['Deny'], matchResources },
  });
  await until('the policy is in force', async () => {
    const error = await probe(id).then(
      () => undefined,
      (failure: KubeApiError) => failure,
    );
    return error?.message.includes('denied request') === true;
  });
};
const allow = (probe: (id: string) => Promise<unknown>) => async (id: string) => {
  await api.delete(bindingOf(id));
  await until('the policy is no longer in force', () =>
    probe(id).then(
      () => true,
      (failure: KubeApiError) => !failure.message.includes('denied request'),
    ),
  );
};

const dryPatch = (kind: string, nameOf: (id: string) => string) => (id: string) =>
  api.raw({
    ...{ method: 'PATCH', contentType: 'application/merge-patch+json', query: { dryRun: 'All' } },
    path: `${kind === 'Secret' ? '/api/v1' : '/apis/apps/v1'}/namespaces/${placeOf(id)}/${kind.toLowerCase()}s/${nameOf(id)}`,
    body: { metadata: { annotations: { tried: randomUUID() } } },
  });
const dryDelete = async (id: string) => {
  const { items } = await api.list<Pod>({ kind: 'Pod', namespace: placeOf(id) });
  const path = `/api/v1/namespaces/${placeOf(id)}/pods/${items[0]?.metadata.name}`;
  return api.raw({ method: 'DELETE', path, query: { dryRun: 'All' } });
};
const dryCreate = (id: string) =>
  api.raw({
    ...{ method: 'POST', path: `/api/v1/namespaces/${placeOf(id)}/configmaps`, query: { dryRun: 'All' } },
    body: { metadata: { name: ledgerConfigMapName(secretName(id)) } },
  });

const noSecrets = async (id: string) => {
  const metadata = { namespace: placeOf(id), name: 'none' };
  await api.create({ kind: 'ResourceQuota', metadata, spec: { hard: { 'count/secrets': '0' } } });
  await until('the quota is in force', async () => {
    const { status } = await api.get<KubeObject & { status?: { hard?: object } }>({
      ...{ kind: 'ResourceQuota', namespace: placeOf(id), name: 'none' },
    });
    return status?.hard !== undefined;
  });
};

interface Role extends KubeObject {
  readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}
/** deploy/namespace, less one right. */
const without = (resource: string, verb: string) => async (id: string) => {
  const role = { kind: 'Role', namespace: placeOf(id), name: 'rekey' };
  const { rules } = await api.get<Role>(role);
  const left = rules.map((rule) => {
    return rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((each) => each !== verb) } : rule;
  });
  await api.patch(role, { rules: left.filter(({ verbs }) => verbs.length > 0) });
};
const letInAgain = (id: string) => letIn(api, placeOf(id), secretName(id));

const state = (id: string, what: string, holds: (state: RotationState) => boolean) =>
  waitFor(api, placeOf(id), rotationName(id), what, holds);
const isReady = (id: string) => waitUntilReady(api, placeOf(id), rotationName(id));
const isDone = (id: string) => waitUntilDone(api, placeOf(id), rotationName(id));
const isGone = (id: string) => state(id, 'the key is gone', ({ keyset }) => keyset?.emergency?.goneAt !== undefined);

const ROWS: readonly Row[] = [
  {
    ...{ id: 'quota', reason: 'WriteRefused', names: 'ResourceQuota none is used up', ready: 'False' },
    ...{ calls: { verb: 'create', resource: 'secrets' }, secret: 'absent', spoil: noSecrets },
    mend: (id) => api.delete({ kind: 'ResourceQuota', namespace: placeOf(id), name: 'none' }),
    after: isReady,
  },
  {
    ...{ id: 'large', reason: 'WriteRefused', names: 'refused as too large', ready: 'False' },
    ...{ calls: { verb: 'patch', resource: 'secrets' }, secret: 'large', spoil: async () => undefined },
    mend: (id) =>
      api.patch({ kind: 'Secret', namespace: placeOf(id), name: secretName(id) }, { data: { LARGE: null } }),
    after: isReady,
  },
  {
    ...{ id: 'stage', reason: 'WriteRefused', names: `admission refuses "write stage"`, ready: 'False' },
    ...{ calls: { verb: 'patch', resource: 'secrets' }, late: true, ask: 'rotation' },
    spoil: deny({ resource: 'secrets', operation: 'UPDATE', reason: 'Invalid' }, dryPatch('Secret', secretName)),
    ...{ mend: allow(dryPatch('Secret', secretName)), after: isDone },
  },
  {
    ...{ id: 'restart', reason: 'WriteRefused', names: 'not on a Friday', ready: 'False', pod: true },
    ...{ calls: { verb: 'patch', resource: 'deployments' }, late: true, ask: 'rotation' },
    spoil: deny(
      { resource: 'deployments', group: 'apps', operation: 'UPDATE', reason: 'Forbidden' },
      dryPatch('Deployment', targetName),
    ),
    ...{ mend: allow(dryPatch('Deployment', targetName)), after: isDone },
  },
  {
    ...{ id: 'burn', reason: 'WriteRefused', names: 'EMERGENCY NOT SERVED', ready: 'False', pod: true },
    ...{ calls: { verb: 'patch', resource: 'secrets' }, late: true, ask: 'emergency' },
    spoil: deny({ resource: 'secrets', operation: 'UPDATE', reason: 'Forbidden' }, dryPatch('Secret', secretName)),
    ...{ mend: allow(dryPatch('Secret', secretName)), after: isGone },
  },
  {
    ...{ id: 'delete', reason: 'WriteRefused', names: 'EMERGENCY NOT FINISHED', ready: 'False', pod: true },
    ...{ calls: { verb: 'delete', resource: 'pods' }, late: true, ask: 'emergency' },
    spoil: deny({ resource: 'pods', operation: 'DELETE', reason: 'Invalid' }, dryDelete),
    ...{ mend: allow(dryDelete), after: isGone },
  },
  {
    ...{ id: 'configmap', reason: 'WriteRefused', names: 'cannot write ConfigMap', ready: 'True' },
    calls: { verb: 'create', resource: 'configmaps' },
    spoil: deny({ resource: 'configmaps', operation: 'CREATE', reason: 'RequestEntityTooLarge' }, dryCreate),
    mend: allow(dryCreate),
    after: (id) =>
      state(id, 'nothing is amiss', ({ resource }) => conditionOf(resource, 'Degraded')?.status === 'False'),
  },
  {
    ...{ id: 'no-create', reason: 'Forbidden', names: 'create secrets in ns', ready: 'False' },
    ...{ calls: { verb: 'create', resource: 'secrets' }, secret: 'absent', spoil: without('secrets', 'create') },
    ...{ mend: letInAgain, after: isReady },
  },
  {
    ...{ id: 'no-patch', reason: 'Forbidden', names: 'cannot patch resource', ready: 'False', pod: true },
    ...{ calls: { verb: 'patch', resource: 'deployments' }, ask: 'rotation', spoil: without('deployments', 'patch') },
    ...{ mend: letInAgain, after: isDone },
  },
];

const operators = new Map<string, OperatorProcess>();
const namespaces = [...new Set(ROWS.map(({ id }) => placeOf(id)))];

/** All rights in the shared namespace, where rekey takes care of several Secrets. */
async function letDoAll(namespace: string): Promise<void> {
  const metadata = { namespace, name: 'all' };
  await api.create({ kind: 'Role', metadata, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' };
  const subjects = [{ kind: 'ServiceAccount', namespace: OPERATOR_NAMESPACE, name: 'rekey' }];
  await api.create({ kind: 'RoleBinding', metadata, roleRef, subjects });
}

beforeAll(async () => {
  await installOperator(api);
  const dir = join(cluster.dir, prefix);
  mkdirSync(dir, { recursive: true });
  const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
  for (const namespace of namespaces) await createNamespace(api, namespace);
  for (const id of ALONE) await letIn(api, placeOf(id), secretName(id));
  await letDoAll(SHARED);
  for (const namespace of namespaces) {
    await letLead(api, namespace);
    const options = { kubeconfig, namespaces: [namespace], leaseNamespace: namespace };
    operators.set(namespace, await startOperator({ ...options, logFile: join(dir, `${namespace}.log`) }));
  }
});
afterAll(async () => {
  await Promise.all([...operators.values()].map((operator) => operator.stop()));
  for (const namespace of namespaces) await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

async function make({ secret, pod, ...row }: Row, id: string): Promise<void> {
  const namespace = placeOf(id);
  if (row.late === undefined) await row.spoil(id);
  const others = secret === 'large' ? { LARGE: 'x'.repeat(1024 * 1024 - keyOf(id).length - 20) } : {};
  const stringData = { JWT_SECRET_KEY: keyOf(id), ...others };
  if (secret !== 'absent') {
    await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData });
  }
  const empty = emptyDeployment(namespace, targetName(id), id);
  await api.create(pod ? runningDeployment(namespace, id) : empty);
  const targets = [{ name: targetName(id), ...(pod && CANARY) }];
  await api.create(rotationOf(namespace, rotationName(id), id, { ...TIMES, ...CLAIMS, targets }));
}

describe.concurrent('a write that is refused', () => {
  it.each(ROWS)('is told once and tried in growing pauses: $id', async (row) => {
    const { id, reason, names, calls, ready } = row;
    const namespace = placeOf(id);
    const name = rotationName(id);
    await make(row, id);
    if (row.pod) {
      await until('the pod runs', async () => {
        const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: `app=${targetName(id)}` });
        return items.some(({ status }) => status?.phase === 'Running');
      });
    }
    if (row.ask !== undefined || row.late) {
      await state(id, 'the Secret is taken over', ({ keyset }) => keyset !== undefined);
    }
    if (row.late) await row.spoil(id);
    const since = Date.now();
    if (row.ask === 'rotation') await requestRotation(api, namespace, name);
    if (row.ask === 'emergency') await declareEmergency({ api, namespace, name }, '1: leaked');
    const { resource } = await state(id, `${reason} is told`, ({ resource: now }) => {
      return conditionOf(now, 'Degraded')?.reason === reason;
    });
    expect(conditionOf(resource, 'Degraded')).toMatchObject({
      status: 'True',
      message: expect.stringContaining(names),
    });
    expect(conditionOf(resource, 'Ready')?.status).toBe(ready);
    expect(JSON.stringify(resource.status)).not.toContain(keyOf(id));
    // some more tries, whatever wakes the resource meanwhile
    const countOf = (more: CallFilter) =>
      countCalls(cluster.auditLogPath, { user: OPERATOR_USER, namespace, writes: true, since, ...more });
    const tries = () => {
      const found = ALONE.includes(id) ? [countOf({})] : namesOf(id).map((object) => countOf({ name: object }));
      return sumOf(
        found.flat().filter(({ verb }) => verb === calls.verb),
        calls.resource,
      );
    };
    await until('it was tried again', async () => tries() >= (id === 'configmap' ? 1 : 4));
    // what is tried without a pause is tried often meanwhile
    await sleep(5_000);
    for (let i = 0; i < 20; i += 1) {
      await api.patch({ kind: 'Deployment', namespace, name: targetName(id) }, wake(i)).catch(() => undefined);
    }
    const refused = tries();
    const seconds = (Date.now() - since) / 1000;
    // pauses double from a second on
    expect(refused).toBeLessThanOrEqual(4 + Math.log2(seconds + 1) + seconds / 15);
    expect(sumOf(countOf({ name }), 'jwtkeyrotations/status')).toBeLessThanOrEqual(10);
    const told = (await eventsIn(api, namespace, name)).filter((event) => event.reason === reason);
    if (id !== 'configmap') expect(told.map(({ note }) => note)).toEqual([expect.stringContaining(names)]);
    const lines = operators.get(namespace)?.lines() ?? [];
    const own = lines.filter((line) => line.namespace === namespace && line.name === name);
    expect(own.filter((line) => line.reason === reason).length, JSON.stringify(own)).toBeLessThanOrEqual(1);
    expect(own.filter(({ level }) => level === 'error')).toEqual([]);
    expect(JSON.stringify(lines)).not.toContain(keyOf(id));
    await row.mend(id);
    // whatever a person changes of the resource, it is tried at once
    const touched = { metadata: { annotations: { 'rekey.dev/note': 'mended' } } };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, touched);
    await row.after(id);
    const secret = await api.find<Secret>({ kind: 'Secret', namespace, name: secretName(id) });
    expect(secret?.data?.JWT_SECRET_KEY).toBeDefined();
  });
});

/** A change that wakes every resource of the namespace. */
const wake = (i: number) => ({ metadata: { labels: { woken: String(i) } } });
