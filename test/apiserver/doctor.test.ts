/** `kubectl rekey doctor` on a cluster with each fault made: the question that it answers, what it rests on, and what to do. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Check } from '../../src/cli/doctor/check.ts';
import { rekey } from '../support/scenario/command.ts';
import { CANARY, openPlace, type Place } from '../support/scenario/place.ts';
import { conditionOf, waitFor, waitUntilTold } from '../support/scenario/rotation.ts';
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
import { until } from '../support/scenario/until.ts';
import { signToken } from '../support/traffic/tokens.ts';

const cluster = inject('cluster');

type Answers = Readonly<Record<string, Check>>;

describe('the doctor', () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(cluster, 'doctor');
    // the operator leads here, so this is the account that it should have
    const { api, namespace } = place;
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'rekey-watch' };
    const subjects = [{ kind: 'ServiceAccount', name: 'rekey', namespace }];
    await api.create({ kind: 'RoleBinding', metadata: { namespace, name: 'rekey-watch' }, roleRef, subjects });
    await place.operator();
  });
  afterAll(() => place.close());

  /** Runs the command, and keeps to what it must never do. */
  async function doctor(id: string, ...flags: readonly string[]) {
    const kubeconfig = flags.includes('--kubeconfig') ? [] : ['--kubeconfig', cluster.kubeconfig];
    const at = ['-n', place.namespace, ...kubeconfig];
    const said = await rekey(['doctor', rotationName(id), ...at, ...flags], cluster.programs?.command);
    expect(scanForKeys([{ name: 'doctor', text: JSON.stringify(said) }], [KEY])).toEqual([]);
    return said;
  }
  async function examined(id: string, ...flags: readonly string[]) {
    const { code, result, told } = await doctor(id, '-o', 'json', ...flags);
    expect(told).toBe('');
    const { checks } = JSON.parse(result) as { readonly checks: readonly Check[] };
    const answers: Answers = Object.fromEntries(checks.map((check) => [check.id, check]));
    const problems = checks.filter(({ verdict }) => verdict === 'Problem').map((check) => check.id);
    return { code, answers, problems };
  }

  /** A Secret, a Deployment without pods, and a resource. */
  async function make(
    id: string,
    container: Readonly<Record<string, unknown>>,
    data: Readonly<Record<string, string>> = {},
  ) {
    const { api, namespace } = place;
    const stringData = { JWT_SECRET_KEY: KEY, ...data };
    await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData });
    await api.create(emptyDeployment(namespace, targetName(id), id, { template: podTemplate(container) }));
    const targets = [{ kind: 'Deployment', name: targetName(id), canary: CANARY }];
    await api.create(rotationOf(namespace, rotationName(id), id, { targets }));
  }
  const literal = { env: [{ name: 'JWT_SECRET_KEY', value: 'written-in-the-manifest' }] };

  it('finds nothing on a service that is well, and says what nobody knows', async () => {
    await place.make('well', { image: 'rekey.dev/test-jwt' });
    const { code, answers, problems } = await examined('well', '--canary');
    // that it accepts fallbacks is not known before a rotation; Secrets of Helm and clocks may be looked at
    expect({ code, problems }).toEqual({ code: 3, problems: [] });
    const verdicts = Object.fromEntries(Object.values(answers).map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toEqual({
      ...{ operator: 'Ok', keys: 'Ok', fallbacks: 'Unknown', algorithm: 'Ok', variables: 'Ok', defaults: 'Ok' },
      ...{ consumers: 'Ok', strength: 'Ok', answers: 'Ok', others: 'Ok', 'token-lifetime': 'NotChecked' },
      ...{ clocks: 'Ok', fitness: 'NotChecked', residue: 'Ok', rights: 'Ok', readers: 'NotChecked' },
      'at-rest': 'NotChecked',
    });
    expect(answers.clocks?.evidence).toContain('weak evidence');
    const { result } = await doctor('well');
    expect(result).toMatch(/ok +Does an operator look after it\? +\S+ leads/);
    expect(result).toMatch(/not checked +Are Secrets encrypted where they are stored\? +ask who runs/);
  });

  it('measures tokens that are given, and keeps nothing of them', async () => {
    const file = join(cluster.dir, place.namespace, 'tokens.txt');
    const short = await signToken({ key: KEY });
    const give = (...tokens: readonly string[]) => writeFileSync(file, `${tokens.join('\n')}\n`);
    const life = async () => (await examined('well', '--tokens', file)).answers['token-lifetime'];
    const forged = (claims: object) => {
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${encode({ alg: 'HS256' })}.${encode(claims)}.x`;
    };
    give(forged({ iat: 0, exp: 4 }), forged({ iat: 0, exp: 5 }));
    expect(await life()).toMatchObject({ verdict: 'Ok', evidence: expect.stringContaining('the longest for 5s') });
    give(forged({ iat: 0, exp: 86_400 }), forged({ iat: 0, exp: 5 }));
    expect(await life()).toMatchObject({ verdict: 'Problem', evidence: expect.stringContaining('1 lives longer') });
    give(forged({ iat: 0 }));
    expect(await life()).toMatchObject({ verdict: 'Problem', evidence: expect.stringContaining('never expires') });
    give(short);
    const said = await doctor('well', '--tokens', file);
    for (const part of short.split('.')) expect(`${said.result}${said.told}`).not.toContain(part);
    give('nothing');
    expect(await doctor('well', '--tokens', file)).toMatchObject({ code: 2, result: '' });
    expect(await doctor('well', '--tokens', `${file}.absent`)).toMatchObject({
      ...{ code: 2, result: '' },
      told: expect.stringContaining('there is no such file'),
    });
  });

  it('names what hides a variable, a target that takes no key, who else reads it, and a weak key', async () => {
    const { api, namespace } = place;
    await make('literal', { ...literal, envFrom: envFromSecret('literal') });
    await make('nothing', {});
    await make('stranger', { envFrom: envFromSecret('stranger') });
    await api.create(emptyDeployment(namespace, 'a-stranger', 'stranger'));
    await make('weak', { envFrom: envFromSecret('weak') }, { JWT_SECRET_KEY: 'changeme-changeme-changeme-changeme' });
    await make('differ', { envFrom: envFromSecret('differ') }, { JWT_SECRET: KEY.toUpperCase() });
    await make('algorithm', { envFrom: envFromSecret('algorithm') }, { JWT_ALGORITHM: 'HS512' });
    const told = (id: string, reason: string) => waitUntilTold(api, namespace, rotationName(id), reason);
    await Promise.all([told('literal', 'LiteralInManifest'), told('nothing', 'TargetNotConsuming')]);
    await Promise.all([told('stranger', 'UnlistedConsumer'), told('differ', 'KeysDiffer')]);
    await told('algorithm', 'AlgorithmDiffers');
    await waitFor(api, namespace, rotationName('weak'), 'it is called weak', ({ resource }) => {
      return conditionOf(resource, 'WeakKey')?.status === 'True';
    });
    const found = async (id: string) => (await examined(id)).problems;
    expect(await found('literal')).toContain('variables');
    expect(await found('nothing')).toContain('defaults');
    expect(await found('stranger')).toContain('consumers');
    expect(await found('weak')).toContain('strength');
    expect(await found('differ')).toContain('keys');
    expect(await found('algorithm')).toContain('algorithm');
    const { code, answers } = await examined('literal');
    expect(code).toBe(1);
    expect(answers.variables?.evidence).toContain('LiteralInManifest');
    expect(answers.variables?.remedy).toContain('pod template');
  });

  it('sees a pod that has another key than the Secret', async () => {
    const { api, namespace } = place;
    await place.make('other', { image: 'rekey.dev/test-jwt', env: { VERIFY: 'kid' } }, {}, { JWT_KEY_ID: 'k-0' });
    await waitUntilTold(api, namespace, rotationName('other'), 'CanaryVoid');
    const { problems, answers } = await examined('other');
    expect(problems).toContain('keys');
    expect(answers.keys?.evidence).toContain('made-up key');
  });

  it('finds what is left behind, and rights that are too wide', async () => {
    const { api, namespace } = place;
    await make('left', literal);
    const isLeft = (name: string) => name.startsWith(`${targetName('left')}-`);
    await until('the ReplicaSet is there', async () => {
      const { items } = await api.list({ kind: 'ReplicaSet', namespace });
      return items.some(({ metadata }) => isLeft(metadata.name));
    });
    const left = await examined('left');
    expect(left.problems).toContain('residue');
    expect(left.answers.residue?.evidence).toMatch(/ReplicaSet app-left-\S+, container app, env JWT_SECRET_KEY/);
    expect(JSON.stringify(left)).not.toContain('written-in-the-manifest');
    // what is in use is not to be deleted
    expect(left.answers.residue?.remedy).not.toContain('kubectl delete');
    const app = { kind: 'Deployment', namespace, name: targetName('left') };
    await api.patch(app, { spec: { template: podTemplate({ envFrom: envFromSecret('left'), env: null }) } });
    const residue = await until('its ReplicaSet is a former one', async () => {
      const { answers } = await examined('left');
      return answers.residue?.remedy?.includes('kubectl delete') ? answers.residue : undefined;
    });
    const [, former = ''] = /ReplicaSet (app-left-\S+), container/.exec(residue.evidence) ?? [];
    const deletes = new RegExp(`kubectl delete replicaset -n ${namespace}( --kubeconfig \\S+)? ${former}$`);
    expect(residue.remedy).toMatch(deletes);

    const set = emptyDeployment(namespace, targetName('set'), 'set', { template: podTemplate(literal) });
    const stateful = { ...set, kind: 'StatefulSet', spec: { ...(set.spec as object), serviceName: 'none' } };
    await api.create(stateful);
    await api.create({
      ...{ kind: 'Secret', metadata: { namespace, name: secretName('set') } },
      stringData: { JWT_SECRET_KEY: KEY },
    });
    const targets = [{ kind: 'StatefulSet', name: targetName('set'), canary: CANARY }];
    await api.create(rotationOf(namespace, rotationName('set'), 'set', { targets }));
    const revision = await until('its revision is there', async () => {
      const { residue } = (await examined('set')).answers;
      return residue?.evidence.includes('ControllerRevision') ? residue : undefined;
    });
    expect(revision).toMatchObject({
      verdict: 'Problem',
      evidence: expect.stringMatching(/ControllerRevision app-set-\S+, container app, env JWT_SECRET_KEY/),
    });

    const labels = { owner: 'helm' };
    await api.create({ kind: 'Secret', metadata: { namespace, name: 'sh.helm.release.v1.a.v1', labels } });
    const helm = await examined('well');
    expect(helm.answers.residue).toMatchObject({
      verdict: 'Unknown',
      evidence: expect.stringContaining('Helm keeps 1 release here'),
    });

    const name = `doctor-${namespace}`;
    const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
    const subjects = [{ kind: 'ServiceAccount', name: 'rekey', namespace }];
    await api.create({ kind: 'ClusterRoleBinding', metadata: { name }, roleRef: role, subjects });
    const wide = await until('the binding counts', async () => {
      const { answers } = await examined('well');
      return answers.rights?.verdict === 'Problem' ? answers.rights : undefined;
    });
    await api.delete({ kind: 'ClusterRoleBinding', name });
    expect(wide?.evidence).toContain('to do everything in the cluster');

    // an account that is not there has no right either, and that proves nothing
    await api.delete({ kind: 'RoleBinding', namespace, name: 'rekey-watch' });
    await until('the account is not the operator any more', async () => {
      const { answers } = await examined('well');
      return answers.rights?.verdict === 'NotChecked' ? answers : undefined;
    });
  });

  it('says nothing of workloads that nobody has looked at, since the spec is wrong', async () => {
    await make('wrong', literal);
    const { api, namespace } = place;
    const spec = { timeZone: 'Mars/Phobos' };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name: rotationName('wrong') }, { spec });
    await waitUntilTold(api, namespace, rotationName('wrong'), 'InvalidTimeZone');
    const { answers } = await examined('wrong');
    expect(answers.others?.verdict).toBe('Problem');
    expect([answers.variables?.verdict, answers.consumers?.verdict]).toEqual(['Unknown', 'Unknown']);
  });

  it('tells who may look at nothing else what the operator has found, and what is not known', async () => {
    const { api, namespace } = place;
    const user = `looker-${namespace}`;
    const rules = [{ apiGroups: ['rekey.dev'], resources: ['jwtkeyrotations'], verbs: ['get', 'list', 'watch'] }];
    await api.create({ kind: 'Role', metadata: { namespace, name: 'looker' }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'looker' };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }];
    await api.create({ kind: 'RoleBinding', metadata: { namespace, name: 'looker' }, roleRef, subjects });
    const admin = load(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { name: string; user: object }[] };
    const users = admin.users.map((entry) => ({ ...entry, user: { ...entry.user, as: user } }));
    const kubeconfig = join(cluster.dir, namespace, 'looker');
    writeFileSync(kubeconfig, dump({ ...admin, users }));
    const { answers, problems } = await until('the binding counts', async () => {
      const said = await doctor('literal', '--kubeconfig', kubeconfig, '-o', 'json');
      return said.result === '' ? undefined : examined('literal', '--kubeconfig', kubeconfig);
    });
    expect(problems).toEqual(['variables']);
    expect(answers.consumers).toMatchObject({
      verdict: 'Unknown',
      evidence: expect.stringContaining('you may not look'),
    });
    expect(answers.clocks?.verdict).toBe('NotChecked');
    expect(answers.residue?.verdict).toBe('Unknown');
    expect(answers.rights?.verdict).toBe('NotChecked');
  });
});
