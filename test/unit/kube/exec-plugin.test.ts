/** Credentials from a program that the kubeconfig names. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadKubeConfig } from '../../../src/kube/config.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-exec-'));
afterAll(() => rmSync(dir, { recursive: true }));

const SECRET = 'opaque-secret-1';
const VERSION = 'client.authentication.k8s.io/v1';
const credential = (status: object | undefined, more: object = {}) =>
  JSON.stringify({ kind: 'ExecCredential', apiVersion: VERSION, ...(status && { status }), ...more });

let count = 0;
/** @returns access by a plugin that is this shell script */
function plugged(script: string, exec: object = {}, { user = {}, cluster = {}, now = Date.now } = {}) {
  count += 1;
  const command = join(dir, `plugin-${count}`);
  writeFileSync(command, `#!/bin/sh\n${script}\n`);
  chmodSync(command, 0o755);
  const plugin = { apiVersion: VERSION, command: `./plugin-${count}`, interactiveMode: 'Never', ...exec };
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
    users: [{ name: 'u', user: { exec: plugin, ...user } }],
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'one',
  };
  const kubeconfig = join(dir, `config-${count}`);
  writeFileSync(kubeconfig, JSON.stringify(config));
  return loadKubeConfig({ kubeconfig, now });
}

const answering = (output: string) => `cat <<'EOF'\n${output}\nEOF`;

describe('an exec plugin', () => {
  test('is told of the cluster where it asks for that, and finds its variables', async () => {
    const pem = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
    const extension = { name: VERSION.replace('/v1', '/exec'), extension: { audience: 'x' } };
    const cluster = {
      'certificate-authority-data': pem,
      'tls-server-name': 'other.example',
      'proxy-url': 'http://proxy.example',
      extensions: [extension],
    };
    const told = join(dir, 'told');
    const script = `printf '%s' "$KUBERNETES_EXEC_INFO" > ${told}\n${answering(credential({ token: SECRET }))}`;
    const run = async (exec: object) => {
      const access = plugged(`[ "$MINE" = 'a b' ] || exit 9\n[ "$1" = arg ] || exit 8\n${script}`, exec, { cluster });
      expect((await access.credentials()).headers).toEqual({ Authorization: `Bearer ${SECRET}` });
      return JSON.parse(readFileSync(told, 'utf8'));
    };
    const exec = { env: [{ name: 'MINE', value: 'a b' }], args: ['arg'] };
    expect(await run({ ...exec, provideClusterInfo: true })).toEqual({
      kind: 'ExecCredential',
      apiVersion: VERSION,
      spec: {
        interactive: false,
        cluster: {
          server: 'https://api.example:6443',
          'tls-server-name': 'other.example',
          'certificate-authority-data': pem,
          'proxy-url': 'http://proxy.example',
          config: { audience: 'x' },
        },
      },
    });
    expect(await run(exec)).toEqual({ kind: 'ExecCredential', apiVersion: VERSION, spec: { interactive: false } });
  });

  test('runs again when what it gave has expired, or was refused', async () => {
    const runs = join(dir, 'runs');
    const status = { token: SECRET, expirationTimestamp: '2026-01-01T00:00:00Z' };
    let now = Date.parse('2025-12-31T23:59:59Z');
    const access = plugged(`echo x >> ${runs}\n${answering(credential(status))}`, {}, { now: () => now });
    const times = async () => {
      await access.credentials();
      return readFileSync(runs, 'utf8').length / 2;
    };
    expect([await times(), await times()]).toEqual([1, 1]);
    access.refresh();
    expect([await times(), await times()]).toEqual([2, 2]);
    now += 2_000;
    expect([await times(), await times()]).toEqual([3, 4]);
  });

  test('does not run where the user has a token', async () => {
    const access = plugged('exit 1', {}, { user: { token: 'mine' } });
    expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer mine' });
  });

  test.each([
    [
      'does not exist',
      '',
      { command: 'rekey-no-such-plugin' },
      /rekey-no-such-plugin gave .*: there is no such program/,
    ],
    [
      'does not exist, with a hint',
      '',
      { command: './gone', installHint: 'brew install it\n' },
      /PATH\. brew install it$/,
    ],
    ['fails', 'echo "expired: log in" >&2; exit 7', {}, /it exited with status 7: expired: log in$/],
    ['is killed', 'kill -9 $$', {}, /it was ended by SIGKILL$/],
    ['tells the secret', `echo '{"token": "${SECRET}"} token=${SECRET}' >&2; exit 1`, {}, /status 1: .*\[hidden\]/],
    ['prints no JSON', `echo ${SECRET}`, {}, /it did not print an ExecCredential in JSON$/],
    ['prints another kind', answering('{"kind":"Status"}'), {}, /it did not print an ExecCredential in JSON$/],
    [
      'answers in another version',
      answering(credential({ token: SECRET }, { apiVersion: 'v2' })),
      {},
      /did not answer in/,
    ],
    ['has no status', answering(credential(undefined)), {}, /has no status$/],
    ['has nothing', answering(credential({})), {}, /no token and no certificate$/],
    ['has half a pair', answering(credential({ clientKeyData: SECRET })), {}, /only one of certificate and key$/],
    [
      'has a line break',
      answering(credential({ token: `${SECRET}\n` })),
      {},
      /the token of \S+ has a line break at 16 /,
    ],
    ['has no time', answering(credential({ token: SECRET, expirationTimestamp: 'soon' })), {}, /is not a time$/],
    ['wants a terminal', '', { interactiveMode: 'Always' }, /standard input is not a terminal$/],
    ['has no command', '', { command: '' }, /command is missing$/],
    ['is of an old version', '', { apiVersion: VERSION.replace('v1', 'v1alpha1') }, /apiVersion must be/],
    ['has an unknown mode', '', { interactiveMode: 'Sometimes' }, /interactiveMode must be one of/],
  ])('that %s is told with the user and the file, never with the secret', async (_, script, exec, said) => {
    const failure = await Promise.resolve()
      .then(() => plugged(script, exec).credentials())
      .then(
        () => '',
        (error: Error) => error.message,
      );
    expect(failure).toMatch(said);
    expect(failure).toContain('user "u" of kubeconfig ');
    expect(failure).not.toContain(SECRET);
  });
});
