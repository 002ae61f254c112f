/** Ways to a real API server that a kubeconfig may hold: kubectl and `kubectl rekey` go each of them to the same end. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { JWT_KEY_ROTATIONS } from '../../src/rotation/api/names.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import { rekey, type Said } from '../support/scenario/command.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { rotationName, rotationOf } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const program = cluster.programs?.command;
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `kubeconfig-${randomUUID().slice(0, 8)}`;
const dir = join(cluster.dir, namespace);
const name = rotationName('a');
const user = `system:serviceaccount:${namespace}:looker`;
let token = '';

const SIGNS = '\u001b[31m\u009b2J\u202e';

const file = (path: string, content: string | object) => {
  const full = join(dir, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
  return full;
};
const clusters = (more: object = {}) => {
  const authority = Buffer.from(api.credentials.ca).toString('base64');
  const entry = { server: cluster.url, 'certificate-authority-data': authority, ...more };
  return { clusters: [{ name: 'real', cluster: entry }] };
};
const users = (entry: object) => ({ users: [{ name: 'looker', user: entry }] });
const contexts = {
  contexts: [{ name: 'here', context: { cluster: 'real', user: 'looker', namespace } }],
  'current-context': 'here',
};

/** By an own kubeconfig, or by the variable. */
async function both(way: { readonly kubeconfig?: string; readonly variable?: string }) {
  const variables = { KUBECONFIG: way.variable ?? '/nowhere' };
  const flags = ['--kubeconfig', way.kubeconfig ?? ''];
  const command = ['env', `KUBECONFIG=${variables.KUBECONFIG}`, ...cluster.kubectl] as const;
  const [kubectl, ours] = await Promise.all([
    runKubectl(command, ['get', 'jwtkeyrotations.rekey.dev', name, ...flags]),
    rekey(['status', name, '-o', 'json', ...flags], program, variables),
  ]);
  return { kubectl, ours };
}

/** The operator does not run, so none is Ready. */
const isThere = ({ code, result }: Said) => code === 3 && JSON.parse(result).metadata.name === name;

async function expectBothReach(way: { readonly kubeconfig?: string; readonly variable?: string }): Promise<void> {
  const { kubectl, ours } = await both(way);
  expect(kubectl).toMatchObject({ code: 0, stderr: '' });
  expect(ours.told).toBe('');
  expect(isThere(ours)).toBe(true);
}

beforeAll(async () => {
  mkdirSync(dir, { recursive: true });
  await installOperator(api);
  await createNamespace(api, namespace);
  await api.create(rotationOf(namespace, name, 'a'));
  await api.create({ kind: 'ServiceAccount', metadata: { namespace, name: 'looker' } });
  const rules = [{ apiGroups: ['rekey.dev'], resources: ['jwtkeyrotations'], verbs: ['get', 'list', 'watch'] }];
  await api.create({ kind: 'Role', metadata: { namespace, name: 'looker' }, rules });
  await api.create({
    kind: 'RoleBinding',
    metadata: { namespace, name: 'looker' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'looker' },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'looker' }],
  });
  token = (await api.serviceAccountKubeconfig(namespace, 'looker', join(dir, 'unplaced'))).token ?? '';
  const kubeconfig = file('plain', { ...clusters(), ...users({ token }), ...contexts });
  await until('the rights are there', async () => isThere((await both({ kubeconfig })).ours), { timeoutMs: 60_000 });
});
afterAll(() => api.close());

describe('a kubeconfig', () => {
  it('with a token file is followed, and the file is read again when it changes', async () => {
    file('turning/token', `${token}\n`);
    const kubeconfig = file('turning/config', {
      ...clusters(),
      ...users({ tokenFile: 'token', token: 'long-expired' }),
      ...contexts,
    });
    await expectBothReach({ kubeconfig });

    const client = new KubeClient({ access: loadKubeConfig({ kubeconfig }), clock: systemClock });
    const get = () => client.get(JWT_KEY_ROTATIONS, { namespace, name });
    await get();
    file('turning/token', 'of-nobody');
    // what was read a moment ago is good for a second
    await vi.waitFor(() => expect(get()).rejects.toMatchObject({ code: 'Unauthorized', status: 401 }), 10_000);
    file('turning/token', token);
    await get();
    await client.close();
  });

  it('may be several files of KUBECONFIG, of which some are not there', async () => {
    file('people/token', token);
    const list = [
      '/nowhere/config',
      file('own/config', { ...contexts }),
      join(dir, 'gone'),
      file('places/config', { ...clusters(), ...users({ token: 'the-first-user-counts-but-has-another-name' }) }),
      file('people/config', { ...users({ tokenFile: 'token' }), 'current-context': 'elsewhere' }),
    ];
    // the user of the first file that has one counts, and that one is nobody
    const wrong = await both({ variable: list.join(':') });
    expect(wrong.kubectl.code).toBe(1);
    expect(wrong.ours).toMatchObject({ code: 1, result: '', told: expect.stringContaining('Unauthorized') });
    file('places/config', clusters());
    await expectBothReach({ variable: list.join(':') });
  });

  it('with an exec plugin tells it the cluster, by which it can reach the cluster itself', async () => {
    file('plugin/token', token);
    const script = `#!${process.execPath}
import { get } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
const { apiVersion, kind, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
const ca = Buffer.from(spec.cluster['certificate-authority-data'], 'base64');
const folder = spec.cluster.config.folder;
get(spec.cluster.server + '/version', { ca }, (response) => {
  if (response.statusCode !== 200 || spec.interactive) throw new Error('not ' + response.statusCode);
  response.resume();
  const expirationTimestamp = new Date(Date.now() + 60_000).toISOString();
  const status = { token: readFileSync(join(folder, 'token'), 'utf8'), expirationTimestamp };
  console.log(JSON.stringify({ apiVersion, kind, status }));
});
`;
    chmodSync(file('plugin/log-in.mjs', script), 0o755);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './log-in.mjs',
      interactiveMode: 'IfAvailable',
      provideClusterInfo: true,
    };
    const extension = { folder: join(dir, 'plugin') };
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension }];
    const kubeconfig = file('plugin/config', { ...clusters({ extensions }), ...users({ exec }), ...contexts });
    await expectBothReach({ kubeconfig });

    // it fails: its own words are told, with what to look at
    rmSync(join(dir, 'plugin/token'));
    const { kubectl, ours } = await both({ kubeconfig });
    expect(kubectl.code).toBe(1);
    expect(ours).toMatchObject({ code: 1, result: '' });
    expect(ours.told).toMatch(/^exec of user "looker" of kubeconfig \S+: \S+log-in\.mjs gave no credentials: .*ENOENT/);
    expect(ours.told.trimEnd()).not.toContain('\n');
  });

  it('may impersonate, also groups', async () => {
    const { cert = '', key = '' } = api.credentials;
    const pem = (text: string) => Buffer.from(text).toString('base64');
    const admin = { 'client-certificate-data': pem(cert), 'client-key-data': pem(key) };
    const as = (entry: object) => {
      return file('as', { ...clusters(), ...users({ ...admin, ...entry }), ...contexts });
    };
    await expectBothReach({ kubeconfig: as({ as: user }) });
    await expectBothReach({ kubeconfig: as({ as: 'nobody', 'as-groups': ['first', 'system:masters'] }) });
    const { kubectl, ours } = await both({ kubeconfig: as({ as: 'nobody' }) });
    expect(kubectl.code).toBe(1);
    expect(ours).toMatchObject({ code: 1, told: expect.stringContaining('User "nobody" cannot get') });
  });

  it('with a line break in its token is refused, and says which user of which file', async () => {
    const kubeconfig = file('broken', { ...clusters(), ...users({ token: `${token}\n` }), ...contexts });
    const { kubectl, ours } = await both({ kubeconfig });
    expect(kubectl.code).toBe(1);
    expect(ours).toMatchObject({ code: 1, result: '' });
    expect(ours.told).toMatch(/^user "looker" of kubeconfig \S+broken: its token has a line break at \d+ that an HTTP/);
    expect(ours.told).not.toContain(token.slice(0, 20));
  });
});

describe('a resource with what steers a terminal in it', () => {
  it('is shown with that written out, and is the same JSON', async () => {
    const target = {
      kind: 'Deployment',
      name: `app${SIGNS}`,
      level: 'Canary',
      pods: 1,
      ready: 1,
      acked: 1,
      version: 1,
    };
    const emergency = { nonce: `n${SIGNS}`, reason: `r${SIGNS}`, writtenAt: '2026-01-01T00:00:00Z' };
    await api.raw({
      method: 'PATCH',
      path: `/apis/rekey.dev/v1alpha1/namespaces/${namespace}/jwtkeyrotations/${name}/status`,
      contentType: 'application/merge-patch+json',
      body: { status: { targets: [target], emergency } },
    });
    const kubeconfig = join(dir, 'plain');
    const run = (...args: readonly string[]) => rekey([...args, '--kubeconfig', kubeconfig, '-n', namespace], program);
    const [text, json, contained] = await Promise.all([
      run('status', name),
      run('status', name, '-o', 'json'),
      run('contained', name),
    ]);
    expect(contained).toMatchObject({ code: 3, told: expect.stringContaining('emergency n [31m 2J is not over') });
    for (const { result, told } of [text, json, contained]) {
      for (const sign of ['\u001b', '\u009b', '\u202e']) expect(`${result}${told}`).not.toContain(sign);
    }
    expect(json.result).toContain('"nonce": "n\\u001b[31m\\u009b2J\\u202e"');
    // -1: no operator has seen it
    expect(JSON.parse(json.result).status).toEqual({ observedGeneration: -1, targets: [target], emergency });
  });
});
