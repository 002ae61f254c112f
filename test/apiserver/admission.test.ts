/**
 * The confused deputy: somebody who may write JwtKeyRotations, but neither the Secret nor the workloads, gains nothing.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeApiError, KubeObject } from '../support/cluster/kubeobject.ts';
import { createUser, readCredentials } from '../support/cluster/pki.ts';
import { createNamespace, installOperator, operatorKubeconfig } from '../support/scenario/install.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const admin = KubeApi.fromKubeconfig(cluster.kubeconfig);
const id = randomUUID().slice(0, 8);
const namespace = `admission-${id}`;
const repoRoot = join(import.meta.dirname, '..', '..');
const clients: KubeApi[] = [admin];

const rule = (apiGroup: string, resource: string, verbs: readonly string[], resourceNames: readonly string[]) => ({
  ...{ apiGroups: [apiGroup], resources: [resource], verbs },
  ...(resourceNames.length > 0 && { resourceNames }),
});
type Rule = ReturnType<typeof rule>;
const ROTATIONS = rule('rekey.dev', 'jwtkeyrotations', ['get', 'create', 'update', 'patch', 'delete'], []);
const secrets = (verb: string, ...names: string[]) => rule('', 'secrets', [verb], names);
const workloads = (resource: string, ...names: string[]) =>
  rule(GROUPS[resource] ?? 'apps', resource, ['patch'], names);
const GROUPS: Readonly<Record<string, string>> = { rollouts: 'argoproj.io', cronjobs: 'batch', jobs: 'batch' };

/** A user who may write JwtKeyRotations here, and do these things besides. */
async function userWith(name: string, ...rules: Rule[]): Promise<KubeApi> {
  const user = `${name}-${id}`;
  await admin.create({ kind: 'Role', metadata: { namespace, name: user }, rules: [ROTATIONS, ...rules] });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }];
  await admin.create({ kind: 'RoleBinding', metadata: { namespace, name: user }, roleRef, subjects });
  const pki = join(cluster.dir, 'pki');
  await createUser(cluster.pki, pki, user, []);
  const api = new KubeApi(readCredentials(pki, user, cluster.url));
  clients.push(api);
  await until(`${user} has its rights`, () => may(api, rules.at(-1) ?? ROTATIONS));
  return api;
}

async function may(api: KubeApi, { apiGroups, resources, verbs, resourceNames = [] }: Rule): Promise<boolean> {
  const [group, resource, verb, name] = [apiGroups[0], resources[0], verbs[0], resourceNames[0]];
  const resourceAttributes = { namespace, group, resource, verb, name };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
  return (await api.raw<{ status: { allowed: boolean } }>({ method: 'POST', path, body })).status.allowed;
}

type Spec = Readonly<Record<string, unknown>>;
const BASE = { secretName: 'jwt', environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h' };
const target = (name: string, kind = 'Deployment') => ({ kind, name });
const resource = (name: string, spec: Spec = {}): KubeObject => ({
  kind: 'JwtKeyRotation',
  metadata: { namespace, name },
  spec: { ...BASE, targets: [target('main')], ...spec },
});
const named = (name: string, subresource?: string) => ({ kind: 'JwtKeyRotation', namespace, name, subresource });
const annotate = (key: string, value: string | null) => ({ metadata: { annotations: { [key]: value } } });

/** @returns why a policy refused, which must have been what refused */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(() => new Error('it was let through')).catch((failure: KubeApiError) => failure);
  expect(error).toMatchObject({ status: 403, message: expect.stringContaining('ValidatingAdmissionPolicy') });
  return error.message;
}

/** As `create`, but only tried: admission is asked, nothing is kept. */
function tryCreate(api: KubeApi, spec: Spec): Promise<KubeObject> {
  const path = `/apis/rekey.dev/v1alpha1/namespaces/${namespace}/jwtkeyrotations`;
  const body = { apiVersion: 'rekey.dev/v1alpha1', ...resource('tried', spec) };
  return api.raw({ method: 'POST', path, query: { dryRun: 'All' }, body });
}

const MOST = 64; // targets that the CRD allows
const names = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const many = (foreign?: number) => ({
  targets: names(MOST, 'app').map((name, i) => target(i === foreign ? 'foreign' : name)),
});
const receiver = (name: string) => ({ urlFrom: { secretKeyRef: { name, key: 'url' } } });

let owner: KubeApi;
let deputy: KubeApi;
let big: KubeApi;

beforeAll(async () => {
  await installOperator(admin);
  await createNamespace(admin, namespace);
  const applied = await runKubectl(cluster.kubectl, ['apply', '-k', join(repoRoot, 'deploy', 'policies')]);
  expect(applied).toMatchObject({ code: 0 });
  deputy = await userWith('deputy');
  owner = await userWith('owner', secrets('update', 'jwt'), workloads('deployments', 'main', 'admin'));
  const hooks = secrets('get', ...names(16, 'hook'));
  big = await userWith('big', secrets('update', 'jwt'), hooks, workloads('deployments', ...names(MOST, 'app')));
  const refuses = async (api: KubeApi, spec: Spec) =>
    (await tryCreate(api, spec).catch(({ status }: KubeApiError) => status === 403)) === true;
  // each of the policies becomes active by itself, some time after it was applied
  await until('the Secret is guarded', () => refuses(owner, { secretName: 'other' }));
  const asAlice = resource('tried');
  const annotations = { 'rekey.dev/requested-by': 'x by alice' };
  const invents = async () =>
    (await owner
      .create({ ...asAlice, metadata: { namespace, name: `tried-${randomUUID()}`, annotations } })
      .catch(({ status }: KubeApiError) => status === 403)) === true;
  await until('names are guarded', invents);
  for (const first of [0, 22, 43]) await until(`target ${first} is guarded`, () => refuses(big, many(first)));
  await admin.create(resource('standing'));
});
afterAll(async () => {
  await admin.delete({ kind: 'Namespace', name: namespace });
  await Promise.all(clients.map((client) => client.close()));
});

describe('the policies', () => {
  const folder = join(repoRoot, 'deploy', 'policies');
  const files = readdirSync(folder).filter((file) => !['kustomization.yaml', 'requested-by.yaml'].includes(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));

  it('check every target that the CRD allows, once, and have one idea of when to check', () => {
    const checked = texts.flatMap((text) => [...text.matchAll(/\.name\(object\.spec\.targets\[(\d+)\]\.name\)/g)]);
    expect(checked.map((match) => Number(match[1])).sort((a, b) => a - b)).toEqual([...Array(MOST).keys()]);
    const crd = readFileSync(join(repoRoot, 'crds', 'jwtkeyrotations.rekey.dev.yaml'), 'utf8');
    expect(crd.match(/ targets:\n.*\n.*\n.*\n +maxItems: (\d+)/)?.[1]).toBe(String(MOST));
    const specs = texts.map((text) => (loadAll(text) as KubeObject[])[0]?.spec as Spec);
    const when = specs.map(({ failurePolicy, matchConditions, matchConstraints }) =>
      JSON.stringify({ failurePolicy, matchConditions, matchConstraints }),
    );
    expect(when).toHaveLength(4);
    expect(new Set(when).size).toBe(1);
  });

  it('are in the base, as kubectl applies it', async () => {
    const apply = ['apply', '--dry-run=server', '-k', join(repoRoot, 'deploy', 'base')];
    const { stdout, code } = await runKubectl(cluster.kubectl, apply);
    expect(code).toBe(0);
    expect(stdout.match(/validatingadmissionpolicy(binding)?\.admissionregistration/g)).toHaveLength(10);
  });
});

describe('an author', () => {
  it('who may update the Secret and patch the workloads by name is let through', async () => {
    await owner.create(resource('owned'));
    await owner.patch(named('owned'), { spec: { targets: [target('main'), target('admin')] } });
    await owner.patch(named('owned'), annotate('rekey.dev/rotate-requested-at', 'now'));
    await owner.delete(named('owned'));
  });

  it('who may do neither is refused; who may not update the Secret is told of it', async () => {
    // which of the policies that refuse is quoted, the API server leaves to chance
    const why = new RegExp(`deputy-${id} may not (update Secret/jwt|patch Deployment/)`);
    expect(await refusal(deputy.create(resource('stolen')))).toMatch(why);
    expect(await refusal(tryCreate(owner, { secretName: 'other' }))).toContain('update Secret/other');
  });

  it('who may patch one of two Deployments is told which one is missing', async () => {
    const message = await refusal(tryCreate(owner, { targets: [target('main'), target('database')] }));
    expect(message).toContain(`[1]: owner-${id} may not patch Deployment/database in namespace ${namespace}`);
    expect(message).not.toContain('main');
  });

  const KINDS = {
    Deployment: 'deployments',
    StatefulSet: 'statefulsets',
    DaemonSet: 'daemonsets',
    Rollout: 'rollouts',
    CronJob: 'cronjobs',
    Job: 'jobs',
  };
  it.each(Object.entries(KINDS))('needs the right to patch a %s as such', async (kind, plural) => {
    const spec = { targets: [target('app', kind)] };
    const others = Object.values(KINDS).filter((other) => other !== plural);
    const [able, unable] = await Promise.all([
      userWith(`may-${plural}`, secrets('update', 'jwt'), workloads(plural, 'app')),
      userWith(`not-${plural}`, secrets('update', 'jwt'), ...others.map((other) => workloads(other, 'app'))),
    ]);
    await tryCreate(able, spec);
    expect(await refusal(tryCreate(unable, spec))).toContain(`patch ${kind}/app`);
  });

  it('of as many targets and receivers as there may be is judged within the budget, down to the last', async () => {
    const notifications = names(16, 'hook').map(receiver);
    await tryCreate(big, { ...many(), notifications });
    for (const i of [0, 21, 22, 42, 43, 63]) {
      expect(await refusal(tryCreate(big, many(i)))).toContain(`spec.targets[${i}]: big-${id} may not patch`);
    }
    notifications[15] = receiver('private');
    expect(await refusal(tryCreate(big, { ...many(), notifications }))).toContain(
      `[15]: big-${id} may not get Secret/private`,
    );
  });

  it.each([
    ...['b/jwt', '../b', 'b%2fjwt', 'jwt#', 'jwt?'].map((secretName) => ({ secretName })),
    ...['b/main', '../main', 'b%2fmain'].map((name) => ({ targets: [target(name)] })),
  ])('cannot name what is elsewhere: %j', async (spec) => {
    await expect(tryCreate(admin, spec)).rejects.toMatchObject({ status: 422 });
  });
  it('has no field for a namespace', async () => {
    const spec = { secretNamespace: 'kube-system', targets: [{ ...target('main'), namespace: 'kube-system' }] };
    expect(JSON.stringify((await tryCreate(admin, spec)).spec)).not.toContain('kube-system');
  });
});

describe('a resource of somebody else', () => {
  const requests = [
    'rotate-requested-at',
    'abort-requested-at',
    'withdraw-requested-at',
    'paused',
    'emergency',
    'compromise-contained',
    'canary-check-requested-at',
  ];
  it.each(requests.map((request) => `rekey.dev/${request}`))('takes no annotation %s', async (key) => {
    await refusal(deputy.patch(named('standing'), annotate(key, 'a')));
    await admin.patch(named('standing'), annotate(key, 'a'));
    await refusal(deputy.patch(named('standing'), annotate(key, 'b')));
    await refusal(deputy.patch(named('standing'), annotate(key, null)));
    await refusal(deputy.patch(named('standing'), { metadata: { annotations: null } }));
    await admin.patch(named('standing'), annotate(key, null));
  });

  it('takes no edit of its spec, by whatever verb', async () => {
    const edit = { spec: { targets: [target('main'), target('database')] } };
    await refusal(deputy.patch(named('standing'), edit));
    expect(await refusal(owner.patch(named('standing'), edit))).toContain('Deployment/database');
    await refusal(deputy.patch(named('standing'), { spec: { suspend: true } }));
    await refusal(deputy.replace({ ...(await deputy.get(named('standing'))), spec: resource('', edit.spec).spec }));
    await refusal(deputy.apply(JSON.stringify(resource('standing', edit.spec))));
  });

  it('may have its labels and other annotations edited, and may be deleted', async () => {
    await admin.create(resource('loose'));
    await deputy.patch(named('loose'), {
      metadata: { labels: { team: 'a' }, annotations: { 'example.com/note': 'x' } },
    });
    await deputy.replace(await deputy.get(named('loose')));
    await deputy.delete(named('loose'));
  });

  it('has its status patched by the operator, which may write nothing else of it', async () => {
    const kubeconfig = await operatorKubeconfig(admin, join(cluster.dir, `${namespace}.kubeconfig`));
    const operator = KubeApi.fromKubeconfig(kubeconfig);
    clients.push(operator);
    await operator.patch(named('standing', 'status'), { status: { phase: 'Steady' } });
    expect((await admin.get(named('standing'))).status).toMatchObject({ phase: 'Steady' });
    await expect(operator.patch(named('standing'), { spec: { suspend: true } })).rejects.toMatchObject({ status: 403 });
  });
});

describe('the name of whoever asks', () => {
  const BY = 'rekey.dev/requested-by';
  const asks = (what: string, who: string) => annotate(BY, `${what} by ${who}`);

  it('is his own', async () => {
    await admin.create(resource('named'));
    const self = `owner-${id}`;
    await owner.patch(named('named'), asks('rotate-requested-at=1', self));
    await owner.patch(named('named'), asks('rotate-requested-at=2', self));
    for (const who of ['alice', `deputy-${id}`, `${self} by alice`, `alice by ${self}`, `${self} `, '']) {
      const why = await refusal(owner.patch(named('named'), asks('rotate-requested-at=3', who)));
      expect(why).toContain(`${self} may only write his own user name`);
    }
    // beside his line those of others stay, and none is added
    await owner.patch(
      named('named'),
      annotate(BY, `rotate-requested-at=2 by ${self}\nabort-requested-at=4 by ${self}`),
    );
    await admin.patch(named('named'), annotate(BY, `abort-requested-at=4 by ${self}`));
    await owner.patch(
      named('named'),
      annotate(BY, `abort-requested-at=4 by ${self}\nrotate-requested-at=2 by ${self}`),
    );
    const two = (line: string) => annotate(BY, `rotate-requested-at=2 by ${self}\n${line}`);
    for (const line of ['paused=true by alice', '', 'alice']) {
      expect(await refusal(owner.patch(named('named'), two(line)))).toContain('his own');
    }
    const many = Array.from({ length: 17 }, (_, i) => `rotate-requested-at=${i} by ${self}`).join('\n');
    expect(await refusal(owner.patch(named('named'), annotate(BY, many)))).toContain('16 lines');
    await owner.patch(named('named'), asks('rotate-requested-at=2', self));
    await refusal(owner.patch(named('named'), annotate(BY, 'alice')));
    await refusal(owner.patch(named('named'), annotate(BY, self)));
    // an administrator, too, asks in his own name
    expect(await refusal(admin.patch(named('named'), asks('rotate-requested-at=3', 'alice')))).toContain('his own');
    expect((await admin.get(named('named'))).metadata.annotations?.[BY]).toBe(`rotate-requested-at=2 by ${self}`);
    await admin.delete(named('named'));
  });

  it('does not stand behind what somebody else asks for with the same value', async () => {
    const self = `owner-${id}`;
    const asked = (edit: object) => ({ metadata: { annotations: edit } });
    await admin.create(resource('again'));
    await owner.patch(
      named('again'),
      asked({ 'rekey.dev/rotate-requested-at': '1', [BY]: `rotate-requested-at=1 by ${self}` }),
    );
    await admin.patch(named('again'), asked({ 'rekey.dev/rotate-requested-at': '2' }));
    const why = await refusal(admin.patch(named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' })));
    expect(why).toContain('a line names this very request as that of somebody else');
    await owner.patch(named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' }));
    await admin.patch(named('again'), asked({ 'rekey.dev/rotate-requested-at': '2', [BY]: null }));
    await admin.patch(named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' }));
    // of an emergency the nonce is named
    const leak = { 'rekey.dev/emergency': '7: leak', [BY]: `emergency=7 by ${self}` };
    await owner.patch(named('again'), asked(leak));
    expect(await refusal(admin.patch(named('again'), asked({ 'rekey.dev/emergency': '7: other' })))).toContain(
      'this very request',
    );
    await admin.delete(named('again'));
  });

  it('stays or goes with an edit of somebody else, and is not invented with a new resource', async () => {
    await admin.create(resource('kept'));
    await owner.patch(named('kept'), asks('rotate-requested-at=1', `owner-${id}`));
    // GitOps applies what others wrote
    await admin.patch(named('kept'), { spec: { suspend: true } });
    await admin.apply(JSON.stringify(resource('kept', { suspend: false })));
    const { annotations } = (await admin.get(named('kept'))).metadata;
    expect(annotations?.[BY]).toBe(`rotate-requested-at=1 by owner-${id}`);
    await admin.patch(named('kept'), annotate(BY, null));

    const made = {
      ...resource('invented'),
      metadata: { namespace, name: 'invented', annotations: { [BY]: 'x by alice' } },
    };
    expect(await refusal(owner.create(made))).toContain('his own user name');
    // a backup is restored by somebody who may be anybody
    await admin.create(made);
    for (const name of ['kept', 'invented']) await admin.delete(named(name));
  });
});

describe('rights that are withdrawn', () => {
  it('leave what was admitted as it is, and end at the next edit', async () => {
    const leaver = await userWith('leaver', secrets('update', 'jwt'), workloads('deployments', 'main'));
    await leaver.create(resource('left'));
    const role = await admin.get({ kind: 'Role', namespace, name: `leaver-${id}` });
    await admin.replace({ ...role, kind: 'Role', rules: [ROTATIONS] });
    await until('the right is gone', async () => !(await may(leaver, secrets('update', 'jwt'))));
    expect(await admin.find(named('left'))).toBeDefined();
    await refusal(leaver.patch(named('left'), { spec: { suspend: true } }));
    await leaver.delete(named('left'));
  });
});
