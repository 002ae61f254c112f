/** The preload for Node at the functions that it stands in front of: what it may answer, each of its rules, its bad input. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changedPreload, type Env, NODE_SERVICES, PRELOAD, runToEnd } from '../../support/preload/ask.ts';
import { KEY_TEXTS, SERVICE_ENV } from '../../support/preload/questions.ts';

const file = join(PRELOAD, 'node', 'rekey.cjs');

const GOOD = [
  ...['digest', 'digest, turned round', 'digest and a Uint8Array', 'digest and a DataView', 'key as a Uint8Array'],
  ...[
    'key as a KeyObject',
    'text in base64url',
    'text in hex',
    'text, read again',
    'two updates',
    'an update in base64',
  ],
  ...['HS512 as it says', 'interleaved', 'subtle'],
];
const ERRORS: Readonly<Record<string, string>> = {
  'two lengths': 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
  'no bytes': 'ERR_INVALID_ARG_TYPE',
};

async function core(preload: string | undefined): Promise<Readonly<Record<string, boolean | string>>> {
  const options = preload === undefined ? [] : ['--require', preload];
  const command = [process.execPath, ...options, join(NODE_SERVICES, 'core.mjs')] as const;
  const { stdout, stderr } = await runToEnd([...command], SERVICE_ENV);
  expect(stderr).toBe('');
  const { answers, broken } = JSON.parse(stdout);
  expect(broken).toEqual([]);
  return answers;
}

const wanted = (name: string) => ERRORS[name] ?? GOOD.includes(name);

describe("Node's own functions", () => {
  it('say yes more often where all rules hold, and nowhere else', async () => {
    const [before, after] = await Promise.all([core(undefined), core(file)]);
    expect(Object.keys(before).filter((name) => before[name] !== (ERRORS[name] ?? false))).toEqual([]);
    expect(Object.keys(after).filter((name) => after[name] !== wanted(name))).toEqual([]);
    expect(GOOD.filter((name) => !(name in after))).toEqual([]);
  });

  // each rule is there for something: without it an attack comes through
  it.each([
    ['the key of the service', '&& isCurrent(key)', ''],
    [
      'the key of the service, in WebCrypto',
      "if (!(await verify.call(subtle, 'HMAC', key, probe, PROBE))) return false;",
      '',
    ],
    ['the length of the key', 'if (length !== current.length * 8) return false;', ''],
    ['the shape of the message', 'if (!isInputOf(message, computed.variant)) return false;', ''],
    ['the shape of the message, in WebCrypto', '|| !isInputOf(message, variant)', ''],
    ['the variant', 'header.alg === variant', "header.alg.startsWith('HS')"],
    ['the message that was computed', 'same(mine, left) ? right : same(mine, right) ? left : undefined', 'right'],
    ['the record of its own digest', 'Mark.of(a) ?? Mark.of(b) ?? last', 'last'],
  ])('break without %s', async (_, rule, without) => {
    const broken = changedPreload('node/rekey.cjs', rule, without);
    onTestFinished(() => rmSync(dirname(broken), { recursive: true }));
    const after = await core(broken);
    expect(Object.keys(after).filter((name) => after[name] !== wanted(name))).not.toEqual([]);
  });

  it('do so in worker threads and in the processes of a cluster', async () => {
    const env = { ...SERVICE_ENV, NODE_OPTIONS: `--require ${file}` };
    const { stdout, stderr } = await runToEnd([process.execPath, join(NODE_SERVICES, 'threads.mjs')], env);
    expect({ stdout, stderr }).toEqual({
      stdout: 'main true false\nworker true false\ncluster true false\n',
      stderr: '',
    });
  });
});

describe('the preload', () => {
  const [current = '', first = ''] = KEY_TEXTS;
  const start = (env: Env) =>
    runToEnd([process.execPath, '--require', file, '-p', 'require("crypto").createHmac.name'], env);

  it.each<[string, string, RegExp | '']>([
    ['no fallbacks', '', ''],
    ['the current key alone', current, ''],
    [
      'an empty entry',
      `${first},`,
      /^rekey preload: JWT_SECRET_KEY_FALLBACKS has an empty entry; no fallback is accepted\n$/,
    ],
    ['white space', `${first}, ${current}`, /^rekey preload: .*white space.*\n$/],
    ['a line break', `${first}\n`, /^rekey preload: .*white space.*\n$/],
    ['JSON', JSON.stringify([first]), /^rekey preload: .*JSON.*\n$/],
    ['too many entries', `${'a,'.repeat(40)}a`, /^rekey preload: .*more than 32.*\n$/],
  ])('does nothing with %s, and names no key', async (_, list, said) => {
    const { stdout, stderr, code } = await start({ JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: list });
    expect({ stdout, code }).toEqual({ stdout: 'createHmac\n', code: 0 });
    if (said === '') expect(stderr).toBe('');
    else expect(stderr).toMatch(said);
    expect(KEY_TEXTS.filter((text) => stderr.includes(text))).toEqual([]);
  });

  it('does nothing without the key, and says so', async () => {
    const { stdout, stderr } = await start({ JWT_SECRET_KEY_FALLBACKS: first });
    expect(stdout).toBe('createHmac\n');
    expect(stderr).toBe(
      'rekey preload: JWT_SECRET_KEY_FALLBACKS is set, but JWT_SECRET_KEY is not; no fallback is accepted\n',
    );
  });

  it('takes its place once', async () => {
    const { stdout } = await start({ ...SERVICE_ENV, NODE_OPTIONS: `--require ${file} --require ${file}` });
    expect(stdout).toBe('rekeyCreateHmac\n');
  });
});
