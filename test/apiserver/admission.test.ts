/**
 * The confused deputy: somebody who may write JwtKeyRotations, but neither the Secret nor the workloads, gains nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import {
  Authors,
  annotate,
  ROTATIONS,
  refusal,
  type Spec,
  secrets,
  target,
  untilRefused,
  workloads,
} from '../support/scenario/authors.ts';
import { operatorKubeconfig } from '../support/scenario/install.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const authors = new Authors(cluster);
const { admin, id, namespace } = authors;
const repoRoot = join(import.meta.dirname, '..', '..');

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
  await authors.install();
  deputy = await authors.userWith('deputy');
  owner = await authors.userWith('owner', secrets('update', 'jwt'), workloads('deployments', 'main', 'admin'));
  const hooks = secrets('get', ...names(16, 'hook'));
  big = await authors.userWith('big', secrets('update', 'jwt'), hooks, workloads('deployments', ...names(MOST, 'app')));
  await untilRefused('the Secret is guarded', () => authors.tryCreate(owner, { secretName: 'other' }));
  for (const first of [0, 22, 43]) {
    await untilRefused(`target ${first} is guarded`, () => authors.tryCreate(big, many(first)));
  }
  await admin.create(authors.resource('standing'));
});
afterAll(() => authors.close());

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
    await owner.create(authors.resource('owned'));
    await owner.patch(authors.named('owned'), { spec: { targets: [target('main'), target('admin')] } });
    await owner.patch(authors.named('owned'), annotate('rekey.dev/rotate-requested-at', 'now'));
    await owner.delete(authors.named('owned'));
  });

  it('who may do neither is refused; who may not update the Secret is told of it', async () => {
    // which of the policies that refuse is quoted, the API server leaves to chance
    const why = new RegExp(`deputy-${id} may not (update Secret/jwt|patch Deployment/)`);
    expect(await refusal(deputy.create(authors.resource('stolen')))).toMatch(why);
    expect(await refusal(authors.tryCreate(owner, { secretName: 'other' }))).toContain('update Secret/other');
  });

  it('who may patch one of two Deployments is told which one is missing', async () => {
    const message = await refusal(authors.tryCreate(owner, { targets: [target('main'), target('database')] }));
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
      authors.userWith(`may-${plural}`, secrets('update', 'jwt'), workloads(plural, 'app')),
      authors.userWith(`not-${plural}`, secrets('update', 'jwt'), ...others.map((other) => workloads(other, 'app'))),
    ]);
    await authors.tryCreate(able, spec);
    expect(await refusal(authors.tryCreate(unable, spec))).toContain(`patch ${kind}/app`);
  });

  it('of as many targets and receivers as there may be is judged within the budget, down to the last', async () => {
    const notifications = names(16, 'hook').map(receiver);
    await authors.tryCreate(big, { ...many(), notifications });
    for (const i of [0, 21, 22, 42, 43, 63]) {
      expect(await refusal(authors.tryCreate(big, many(i)))).toContain(`spec.targets[${i}]: big-${id} may not patch`);
    }
    notifications[15] = receiver('private');
    expect(await refusal(authors.tryCreate(big, { ...many(), notifications }))).toContain(
      `[15]: big-${id} may not get Secret/private`,
    );
  });

  it.each([
    ...['b/jwt', '../b', 'b%2fjwt', 'jwt#', 'jwt?'].map((secretName) => ({ secretName })),
    ...['b/main', '../main', 'b%2fmain'].map((name) => ({ targets: [target(name)] })),
  ])('cannot name what is elsewhere: %j', async (spec) => {
    await expect(authors.tryCreate(admin, spec)).rejects.toMatchObject({ status: 422 });
  });
  it('has no field for a namespace', async () => {
    const spec = { secretNamespace: 'kube-system', targets: [{ ...target('main'), namespace: 'kube-system' }] };
    expect(JSON.stringify((await authors.tryCreate(admin, spec)).spec)).not.toContain('kube-system');
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
    await refusal(deputy.patch(authors.named('standing'), annotate(key, 'a')));
    await admin.patch(authors.named('standing'), annotate(key, 'a'));
    await refusal(deputy.patch(authors.named('standing'), annotate(key, 'b')));
    await refusal(deputy.patch(authors.named('standing'), annotate(key, null)));
    await refusal(deputy.patch(authors.named('standing'), { metadata: { annotations: null } }));
    await admin.patch(authors.named('standing'), annotate(key, null));
  });

  it('takes no edit of its spec, by whatever verb', async () => {
    const edit = { spec: { targets: [target('main'), target('database')] } };
    await refusal(deputy.patch(authors.named('standing'), edit));
    expect(await refusal(owner.patch(authors.named('standing'), edit))).toContain('Deployment/database');
    await refusal(deputy.patch(authors.named('standing'), { spec: { suspend: true } }));
    await refusal(
      deputy.replace({ ...(await deputy.get(authors.named('standing'))), spec: authors.resource('', edit.spec).spec }),
    );
    await refusal(deputy.apply(JSON.stringify(authors.resource('standing', edit.spec))));
  });

  it('may have its labels and other annotations edited, and may be deleted', async () => {
    await admin.create(authors.resource('loose'));
    await deputy.patch(authors.named('loose'), {
      metadata: { labels: { team: 'a' }, annotations: { 'example.com/note': 'x' } },
    });
    await deputy.replace(await deputy.get(authors.named('loose')));
    await deputy.delete(authors.named('loose'));
  });

  it('has its status patched by the operator, which may write nothing else of it', async () => {
    const kubeconfig = await operatorKubeconfig(admin, join(cluster.dir, `${namespace}.kubeconfig`));
    const operator = KubeApi.fromKubeconfig(kubeconfig);
    authors.keep(operator);
    await operator.patch(authors.named('standing', 'status'), { status: { phase: 'Steady' } });
    expect((await admin.get(authors.named('standing'))).status).toMatchObject({ phase: 'Steady' });
    await expect(operator.patch(authors.named('standing'), { spec: { suspend: true } })).rejects.toMatchObject({
      status: 403,
    });
  });
});

describe('rights that are withdrawn', () => {
  it('leave what was admitted as it is, and end at the next edit', async () => {
    const leaver = await authors.userWith('leaver', secrets('update', 'jwt'), workloads('deployments', 'main'));
    await leaver.create(authors.resource('left'));
    const role = await admin.get({ kind: 'Role', namespace, name: `leaver-${id}` });
    await admin.replace({ ...role, kind: 'Role', rules: [ROTATIONS] });
    await until('the right is gone', async () => !(await authors.may(leaver, secrets('update', 'jwt'))));
    expect(await admin.find(authors.named('left'))).toBeDefined();
    await refusal(leaver.patch(authors.named('left'), { spec: { suspend: true } }));
    await leaver.delete(authors.named('left'));
  });
});
