/** Kubeconfig files as kubectl reads them, and what is told of one that cannot be used. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { KubeConfigError, loadKubeConfig } from '../../../src/kube/config.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-kubeconfig-'));
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const SECRET = 'k8s-aws-v1.secret-of-the-user';
const server = 'https://api.example:6443';

function file(name: string, text: string): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const list = (kind: string, entries: Readonly<Record<string, object>>) =>
  Object.entries(entries).map(([name, entry]) => ({ name, [kind]: entry }));

/** JSON is YAML. */
function config(name: string, user: object, cluster: object = { server }, more: object = {}): string {
  return file(
    name,
    JSON.stringify({
      clusters: list('cluster', { c: cluster }),
      users: list('user', { u: user }),
      contexts: list('context', { one: { cluster: 'c', user: 'u' }, loose: { cluster: 'gone', user: 'u' } }),
      'current-context': 'one',
      ...more,
    }),
  );
}

/** @returns the message of the error that it ends with, which never holds the secret */
async function refused(kubeconfig: string, context?: string): Promise<string> {
  const error = await Promise.resolve()
    .then(() => loadKubeConfig({ kubeconfig, context }).credentials())
    .then(
      () => expect.unreachable('it was taken'),
      (thrown: unknown) => thrown,
    );
  expect(error).toBeInstanceOf(KubeConfigError);
  const { message } = error as Error;
  expect(message).not.toContain(SECRET);
  expect(message).not.toContain(SECRET.slice(4, 12));
  return message;
}

const listed = (...files: readonly string[]) => vi.stubEnv('KUBECONFIG', files.join(delimiter));

describe('files of KUBECONFIG', () => {
  test('that are not there are passed over', () => {
    listed(join(dir, 'missing'), '', config('real', { token: 't' }));
    expect(loadKubeConfig().server.host).toBe('api.example:6443');
  });

  test('are merged: the first that has a name gives all of it, and the first current context counts', async () => {
    const first = file(
      'first',
      JSON.stringify({
        users: list('user', { u: { token: 'first' } }),
        contexts: list('context', { two: { cluster: 'c', user: 'u', namespace: 'of-two' } }),
        'current-context': 'two',
      }),
    );
    const second = config('second', { token: 'second', as: 'somebody' });
    listed(first, second);
    const access = loadKubeConfig();
    expect(access.namespace).toBe('of-two');
    expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer first' });
  });

  test('have relative paths from their own folders', async () => {
    file('elsewhere/token', 'there');
    const pem = '-----BEGIN CERTIFICATE-----\n';
    file('elsewhere/ca.crt', pem);
    const path = config('elsewhere/config', { tokenFile: './token' }, { server, 'certificate-authority': 'ca.crt' });
    listed(config('near', {}, { server }, { users: [], clusters: [], contexts: [] }), path);
    const { headers, tls } = await loadKubeConfig().credentials();
    expect(headers).toEqual({ Authorization: 'Bearer there' });
    expect(tls.ca?.toString()).toBe(pem);
  });

  test('of which none is there are named', () => {
    listed(join(dir, 'missing'), join(dir, 'missing-too'));
    expect(() => loadKubeConfig()).toThrow(/there is no \S+missing, \S+missing-too\. Set --kubeconfig or KUBECONFIG/);
  });

  test('of which one cannot be read are no use', () => {
    listed(config('good', { token: 't' }), dir);
    expect(() => loadKubeConfig()).toThrow(`kubeconfig ${dir}: it is a folder`);
  });

  test('an empty --kubeconfig and --context are as none, as for kubectl', () => {
    listed(config('by-default', { token: 't' }));
    expect(loadKubeConfig({ kubeconfig: '', context: '' }).server.host).toBe('api.example:6443');
  });
});

describe('a kubeconfig that cannot be used is refused, and nothing of it is quoted:', () => {
  const user = (entry: object) => config('user', entry);
  const cluster = (entry: object) => config('cluster', { token: SECRET }, { server, ...entry });
  test.each<readonly [string, () => string, string | RegExp]>([
    ['no such file', () => join(dir, 'nowhere'), 'there is no such file'],
    ['a folder', () => dir, 'it is a folder'],
    ['no YAML', () => file('no-yaml', `users:\n- {name: u, user: {token: ${SECRET}`), /it is not YAML \(line 2, /],
    ['an alias of YAML', () => file('alias', `token: *${SECRET}`), 'it is not YAML (line 1, column 9)'],
    ['a text', () => file('text', SECRET), 'it is YAML, but not a kubeconfig'],
    ['an empty file', () => file('empty', '# nothing\n'), 'has no current context'],
    ['another kind', () => file('kind', 'kind: Secret\napiVersion: v1'), 'its kind is not Config'],
    ['a list that is none', () => file('list', 'users: {u: {}}'), 'users must be a list'],
    ['an entry without a name', () => file('nameless', 'users: [{user: {}}]'), /users\[0\] of .*: it has no name/],
    [
      'two of a name',
      () => file('twice', 'users: [{name: u, user: {}}, {name: u, user: {}}]'),
      'user "u" of kubeconfig',
    ],
    [
      'no current context',
      () => config('no-current', {}, { server }, { 'current-context': '' }),
      'has no current context: give --context ("loose", "one")',
    ],
    ['a token that is no text', () => user({ token: 12345 }), 'token must be a text: write it in quotes'],
    [
      'a line break in a token',
      () => user({ token: `${SECRET}\n` }),
      /user "u" of .*user: its token has a line break at 30/,
    ],
    [
      'a sign in a token',
      () => user({ token: `${SECRET}–` }),
      'its token has a character at 30 that an HTTP header cannot carry',
    ],
    ['a line break in whom it impersonates', () => user({ as: 'a\nb' }), 'what it impersonates has a line break at 2'],
    ['groups without a user', () => user({ 'as-groups': ['a'] }), 'without as'],
    ['two ways in', () => user({ token: SECRET, username: 'u' }), 'keep only one'],
    ['two ways to ask', () => user({ exec: {}, 'auth-provider': {} }), 'keep only one'],
    ['an unknown way to ask', () => user({ 'auth-provider': { name: 'mine' } }), 'use an exec plugin instead'],
    ['no token file', () => user({ tokenFile: 'gone' }), `tokenFile ${join(dir, 'gone')}: there is no such file`],
    [
      'an empty token file',
      () => user({ tokenFile: file('blank', ' \n') }),
      `tokenFile ${join(dir, 'blank')}: it is empty`,
    ],
    [
      'a line break in a token file',
      () => user({ tokenFile: file('broken', `a\n${SECRET}\n`) }),
      `the token in ${join(dir, 'broken')} has a line break at 2`,
    ],
    [
      'no certificate file',
      () => user({ 'client-certificate': 'gone', 'client-key': 'gone' }),
      'there is no such file',
    ],
    ['a certificate without a key', () => user({ 'client-certificate-data': 'YQ==' }), 'no client-key'],
    [
      'no PEM',
      () => user({ 'client-certificate-data': 'YQ==', 'client-key-data': 'YQ==' }),
      'not a pair of certificate and key (PEM)',
    ],
    ['no base64', () => cluster({ 'certificate-authority-data': '?' }), 'certificate-authority-data is not base64'],
    ['a CA that is none', () => cluster({ 'certificate-authority-data': 'YQ==' }), 'holds no certificate (PEM)'],
    [
      'a CA in two places',
      () => cluster({ 'certificate-authority-data': 'YQ==', 'certificate-authority': 'x' }),
      'it has certificate-authority and certificate-authority-data: keep only one',
    ],
    ['no server', () => cluster({ server: '' }), 'it has no server'],
    [
      'a CA where none is looked at',
      () => cluster({ 'insecure-skip-tls-verify': true, 'certificate-authority': 'x' }),
      'it has insecure-skip-tls-verify and a certificate-authority: keep only one',
    ],
    ['a token in the field of a path', () => user({ tokenFile: SECRET.repeat(4) }), 'the file that tokenFile names: '],
    ['a flag that is none', () => cluster({ 'insecure-skip-tls-verify': 'yes' }), 'must be true or false'],
  ])('%s', async (_, path, said) => {
    const message = await refused(path());
    if (typeof said === 'string') expect(message).toContain(said);
    else expect(message).toMatch(said);
  });

  test('many empty lines and comments take no time', () => {
    listed(file('empty', '# nothing\n\n'.repeat(200)), config('after', { token: 't' }));
    expect(loadKubeConfig().server.host).toBe('api.example:6443');
  });

  test('what comes after the first document does not count', async () => {
    const first = readFileSync(config('documents', { token: 't' }), 'utf8');
    const access = loadKubeConfig({ kubeconfig: file('documents', `${first}\n---\nusers: 1\n---\n`) });
    expect((await access.credentials()).headers.Authorization).toBe('Bearer t');
  });

  test('a context of a cluster that is not there', async () => {
    const message = await refused(config('loose', {}), 'loose');
    expect(message).toBe(
      `context "loose" of kubeconfig ${join(dir, 'loose')}: there is no cluster "gone", which it names`,
    );
  });
});
