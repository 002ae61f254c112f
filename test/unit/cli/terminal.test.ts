/** What reaches a terminal, whoever has written it. */
import fc from 'fast-check';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import { machineText } from '../../../src/cli/output.ts';
import { attempt, CommandError, guarded, type Terminal, withoutKeys } from '../../../src/cli/terminal.ts';
import { KubeConfigError } from '../../../src/kube/config.ts';
import { visible } from '../../../src/kube/printable.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';

/** Nothing but new lines and tabs moves a cursor, and nothing turns or hides what stands beside it. */
const STEERING = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const HOSTILE = '\u001b[31mred\u009b2J\u007f\u202egnp\u2066\u200b\u2028\ufeff\u{e0041}\r\b';

function recorder() {
  const said = { result: '', told: '', asked: '' };
  const into = (where: keyof typeof said) => (text: string) => {
    said[where] += text;
  };
  const terminal: Terminal = {
    print: into('result'),
    printErr: into('told'),
    question: async (text) => {
      into('asked')(text);
      return 'jwt';
    },
    ...{ closed: () => false, interactive: true, now: () => 0 },
  };
  return { said, terminal };
}

/** A resource of which somebody has written each text that the schema leaves open. */
const RESOURCE = {
  apiVersion: 'rekey.dev/v1alpha1',
  kind: 'JwtKeyRotation',
  metadata: { name: 'jwt', namespace: 'shop', generation: 1, annotations: { note: HOSTILE } },
  spec: { secretName: `s${HOSTILE}`, environment: `e${HOSTILE}`, emergency: { mode: 'FailClosed' }, retire: {} },
  status: {
    phase: `p${HOSTILE}`,
    observedGeneration: 1,
    currentKeyId: `k${HOSTILE}`,
    targets: [
      { kind: 'Deployment', name: `t${HOSTILE}\nforged`, pods: 1, ready: 1, acked: 1, version: 1, level: HOSTILE },
    ],
    conditions: ['Ready', 'WeakKey', 'Rotating'].map((type) => ({
      ...{ type, status: 'True', reason: `r${HOSTILE}`, message: `m${HOSTILE}\nforged` },
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })),
    emergency: { nonce: `n${HOSTILE}\nforged`, reason: HOSTILE, writtenAt: HOSTILE, keyGoneAt: HOSTILE, seconds: 1 },
    history: [{ outcome: HOSTILE, from: HOSTILE, to: HOSTILE, trigger: HOSTILE, actor: HOSTILE, reason: HOSTILE }],
  },
};

describe('what a command says', () => {
  it.each([
    [['status', 'jwt']],
    [['status']],
    [['status', '-o', 'wide']],
    [['status', 'jwt', '-o', 'json']],
    [['status', '-o', 'yaml']],
    [['status', 'jwt', '--watch']],
    [['history', 'jwt']],
    [['history', 'jwt', '-o', 'json']],
    [['contained', 'jwt']],
    [['abort', 'jwt']],
    [['emergency', 'jwt', '--reason', 'a log', '--no-wait']],
    [['no-such-command', HOSTILE]],
    [['status', `--${HOSTILE}`]],
    [['verify-audit', HOSTILE]],
  ])('steers no terminal and forges no line: %j', async (args) => {
    const { said, terminal } = recorder();
    const follow = async (_: string, look: (resource: unknown) => unknown) => look(RESOURCE);
    const operations = {
      ...{
        namespace: 'shop',
        get: async () => RESOURCE,
        list: async () => [RESOURCE],
        leadership: async () => ({ kind: 'Led', holder: HOSTILE }),
        later: () => ({ cancel: () => undefined }),
        ask: async () => RESOURCE,
        follow,
      },
    } as unknown as Operations;
    await runCommand(args, { terminal, connect: () => operations });
    const all = `${said.result}${said.told}${said.asked}`;
    expect(all).not.toBe('');
    expect(all).not.toMatch(STEERING);
    expect(all.split('\n').filter((line) => line.startsWith('forged'))).toEqual([]);
  });

  it('is the same JSON and the same YAML, whatever stands in it', () => {
    const { said, terminal } = recorder();
    const texts = fc.string({ unit: 'binary', maxLength: 8 });
    const values = fc.dictionary(texts, fc.oneof(texts, fc.constantFrom(HOSTILE, '\u202e', "'\u200b: #")), {
      maxKeys: 4,
    });
    const check = (value: unknown) => {
      for (const [format, read] of [['json', JSON.parse] as const, ['yaml', load] as const]) {
        said.result = '';
        guarded(terminal).print(machineText({ ...(value as object) }, format) ?? '');
        expect(said.result).not.toMatch(STEERING);
        expect(read(said.result)).toEqual({ ...(value as object) });
      }
    };
    check({ a: HOSTILE });
    fc.assert(
      fc.property(
        values.filter((value) => !('__proto__' in value) && !('<<' in value)),
        check,
      ),
    );
  });

  it('of an error is one line where it is ours, and shows no token', async () => {
    const { said, terminal } = recorder();
    const token = `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiJ4In0'.repeat(2)}.c2lnbmF0dXJl`;
    const failing = (error: Error) => attempt(guarded(terminal), () => Promise.reject(error));
    await failing(new CommandError('a\nforged \u001b[2J', 1));
    await failing(new KubeConfigError(`the plugin said ${token}\nfirst install it`));
    const path = '/tmp/rekey-tests-aB3dE5/kubeconfig-1234567890abcdef/places/config';
    await failing(new KubeConfigError(`user "u" of kubeconfig ${path}: no`));
    const told = `a forged [2J\nthe plugin said [redacted]\nfirst install it\nuser "u" of kubeconfig ${path}: no\n`;
    expect(said.told).toBe(told);
  });

  it.each([
    ['aB3/dEfGh1jKlMnOpQrStUvWxYz0123456789AbCdEf=', '[redacted]'],
    ['"aB3/dEfGh1jKlMnOpQrStUvWxYz0123456789AbCdEf="', '"[redacted]"'],
    ['apps/main/production/settings/environment/file1', 'apps/main/production/settings/environment/file1'],
    ['/srv/App-2/main/.env.production', '/srv/App-2/main/.env.production'],
  ])('shows no key with a slash, and each path: %s', (word, shown) => {
    expect(withoutKeys(`no ${word} here`)).toBe(`no ${shown} here`);
  });

  it('is guarded in each of its ways', async () => {
    const { said, terminal } = recorder();
    const safe = guarded(terminal);
    safe.print('a\u001b');
    safe.printErr('b\u001b');
    await safe.question('c\u001b');
    expect(said).toEqual({ result: 'a\\u001b', told: 'b\\u001b', asked: 'c\\u001b' });
  });

  it('has what cannot be seen written out', () => {
    expect(visible('a\tb\n\u001b\u009b\u007f\u202e\r')).toBe('a\tb\n\\u001b\\u009b\\u007f\\u202e\\u000d');
    expect(visible('\u{e0041}')).toBe('\\udb40\\udc41');
    // two of them hold letters and emoji together
    for (const text of ['Grüße, 日本語 😀', '👩\u200d🚀', 'می\u200cخواهم']) expect(visible(text)).toBe(text);
  });
});
