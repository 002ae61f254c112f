/** `validate-app` against real services: real libraries as they should be used, and with one line that is missing or wrong. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addLocalCommands } from '../../../src/cli/local-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { parseEnv } from '../../../src/env/dotenv/parse.ts';
import { debianLibraries } from '../../support/libraries/debian.ts';
import { type ServiceCommand, startService } from '../../support/traffic/service-process.ts';
import { BUILD_TIMEOUT_MS, buildCommands, type Commands, LANGUAGES } from '../examples/languages.ts';

const folder = mkdtempSync(join(tmpdir(), 'rekey-validate-'));
const file = join(folder, 'test.env');
const support = resolve(import.meta.dirname, '../../support/validate');
const libraries = await debianLibraries(['python3-jwt']);

let commands: Commands;
beforeAll(async () => {
  commands = await buildCommands();
  const made = await rekey('--made-keys', '--to', file);
  expect(made).toMatchObject({ exit: 0, told: '' });
}, BUILD_TIMEOUT_MS);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await commands?.[Symbol.asyncDispose]();
});

/** As `rekey validate-app`, in this process. */
async function rekey(...args: readonly string[]) {
  const written = { result: '', told: '' };
  const terminal: Terminal = {
    print: (text) => {
      written.result += text;
    },
    printErr: (text) => {
      written.told += text;
    },
    ...{ question: async () => '', clear: () => undefined, closed: () => false, interactive: false, now: Date.now },
  };
  const exit = await runProgram('rekey', ['validate-app', ...args], terminal, (...given) => addLocalCommands(...given));
  const shown = `${written.result}${written.told}`;
  for (const key of existsSync(file) ? keysIn(file) : []) expect(shown).not.toContain(key);
  expect(shown).not.toMatch(/eyJ[\w-]+\./);
  return { exit, ...written };
}

/** What a service of this file has in its environment. */
function environmentIn(path: string): Readonly<Record<string, string>> {
  const { assignments } = parseEnv(readFileSync(path), path);
  return Object.fromEntries(assignments.map(({ name, value }) => [name, value?.toString() ?? '']));
}

function keysIn(path: string): readonly string[] {
  const { JWT_SECRET_KEY = '', JWT_SECRET_KEY_FALLBACKS = '' } = environmentIn(path);
  return [JWT_SECRET_KEY, ...JWT_SECRET_KEY_FALLBACKS.split(',')].filter((key) => key !== '');
}

interface Row {
  readonly case: string;
  readonly which?: string;
  readonly verdict: string;
  readonly said: string;
  readonly required: boolean;
}

/** Starts a service with the keys of the file, and asks it. */
async function asked(service: ServiceCommand, env: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  await using running = await startService(service, { ...environmentIn(file), ...env });
  const { exit, result, told } = await rekey(`${running.url}/auth/verify`, '--keys-file', file, '-o', 'json', ...flags);
  expect(told).toBe('');
  const { rows, ...rest } = JSON.parse(result) as { rows: readonly Row[]; acceptsEverything: boolean; result: string };
  const named = (verdict: string) => rows.filter((row) => row.verdict === verdict);
  const names = (verdict: string) => [...new Set(named(verdict).map((row) => row.case))];
  return { exit, rows, ...rest, fails: names('Fail'), advice: names('Advice'), unknown: names('Unknown') };
}

const lax = (kind: string, env: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) => {
  return asked({ command: [process.execPath, 'lax.mjs'], cwd: support }, { LAX: kind, ...env }, ...flags);
};
const laxPython = (kind: string) => {
  const service: ServiceCommand = { command: ['/usr/bin/python3', 'lax.py'], cwd: support };
  return asked(service, { LAX: kind, PYTHONPATH: libraries?.python ?? '', PYTHONDONTWRITEBYTECODE: '1' });
};

const UNSIGNED = ['none', 'none-without-part', 'none-with-signature'];

describe('the examples', () => {
  it.each(LANGUAGES)('are fit in all points: %s', async (language) => {
    const { exit, result, fails, advice, unknown, rows } = await asked(commands.of[language], {});
    expect({ exit, result, fails, advice, unknown }).toEqual({
      ...{ exit: 0, result: 'Fit', fails: [], unknown: [] },
      // which RFC 7519 does not ask for
      advice: advice.filter((name) => name === 'issued-in-future'),
    });
    expect(rows.filter((row) => row.case === 'fallback').map(({ which }) => which)).toEqual(['1 of 2', '2 of 2']);
  });

  it('are unfit with one key, and with claims that they do not know', async () => {
    const single = await asked(commands.of.node, { KEY_MODE: 'single' });
    expect(single).toMatchObject({ exit: 1, fails: ['fallback'], unknown: [] });
    const other = await asked(commands.of.node, { JWT_ISSUER: 'shop' });
    expect(other).toMatchObject({ exit: 1, fails: ['signing-key'] });
    expect(other.rows.filter(({ verdict }) => verdict === 'Pass')).toEqual([]);
    const { exit } = await asked(commands.of.node, { JWT_ISSUER: 'shop' }, '--issuer', 'shop');
    expect(exit).toBe(0);
  });
});

describe('a service with a fault', () => {
  it('accepts everything', async () => {
    const { exit, acceptsEverything, fails, unknown } = await lax('everything');
    expect([exit, acceptsEverything]).toEqual([1, true]);
    expect(fails).toEqual(expect.arrayContaining(['made-up-key', 'empty-key', 'garbage', 'expired', ...UNSIGNED]));
    // that it takes the right key as well proves nothing
    expect(unknown).toEqual(['signing-key', 'fallback', 'unknown-key-id', 'no-key-id', 'signing-key-again']);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ['none', UNSIGNED, ['no-expiry']],
    ['none-any-case', ['none-upper-case', 'none-capital', 'none-mixed-case'], ['no-expiry']],
    ['unpinned', [], ['other-algorithm', 'no-expiry']],
    ['hs512', [], ['other-algorithm', 'no-expiry']],
    ['ignores-exp', ['expired'], ['no-expiry']],
    ['optional-exp', [], ['no-expiry']],
    ['anonymous', [], ['no-expiry', 'no-token']],
    ['one-key', ['fallback'], []],
    ['fast-jwt', [], []],
  ])('is told what it does: %s', async (kind, fails, advice) => {
    const found = await lax(kind);
    expect(found.fails).toEqual(fails);
    expect(found.advice.filter((name) => name !== 'issued-in-future')).toEqual(advice);
    expect(found).toMatchObject({ unknown: [], exit: fails.length > 0 ? 1 : 0, acceptsEverything: false });
  });

  it('decodes, and verifies nothing', async () => {
    const { exit, fails } = await lax('decodes');
    expect(exit).toBe(1);
    expect(fails).toEqual(expect.arrayContaining(['made-up-key', 'made-up-key-known-id', 'expired', 'none']));
  });

  it('is unfit for its advice too, if one is strict', async () => {
    expect((await lax('optional-exp', {}, '--strict')).exit).toBe(1);
  });

  it('says nothing by an answer that is none: nothing is concluded', async () => {
    const broken = await lax('broken');
    expect(broken).toMatchObject({ exit: 3, result: 'Unknown', fails: [] });
    expect(broken.unknown).toEqual(['garbage', 'none-without-part', 'no-token']);
    const elsewhere = await lax('optional-exp', { REFUSES: '404' });
    expect(elsewhere).toMatchObject({ exit: 3, fails: [] });
    expect(elsewhere.unknown).toContain('made-up-key');
    expect((await lax('optional-exp', { REFUSES: '404' }, '--refuse-status', '404')).exit).toBe(0);
    expect((await lax('optional-exp', { REFUSES: '403' })).exit).toBe(0);
  });

  it('gets tired of being asked: what it refused meanwhile proves nothing', async () => {
    const { exit, fails, rows } = await lax('tires');
    expect([exit, fails]).toEqual([1, ['signing-key-again']]);
    expect(rows.find((row) => row.case === 'expired')?.verdict).toBe('Unknown');
  });

  it('is silent: it is not asked for long', async () => {
    const { exit, result } = await rekey('http://127.0.0.1:9/', '--keys-file', file, '-o', 'json');
    const { rows } = JSON.parse(result) as { rows: readonly Row[] };
    expect(exit).toBe(3);
    expect(rows.every(({ verdict }) => verdict === 'Unknown')).toBe(true);
    expect(rows.filter(({ said }) => said.includes('ECONNREFUSED')).length).toBe(3);
    expect(await rekey('http://127.0.0.1:9/', '--keys-file', file)).toEqual({
      ...{ exit: 3, told: '' },
      result: 'nothing answers at http://127.0.0.1:9/ (connection refused): is the service running?\n',
    });
  });
});

describe('a service that is asked in its own way', () => {
  it('takes a cookie, and redirects whoever has no good one', async () => {
    const cookie = ['--token-cookie', 'session'];
    expect(await lax('fast-jwt', { TAKES: 'cookie' }, ...cookie, '--refuse-status', '302')).toMatchObject({
      ...{ exit: 0, fails: [], unknown: [] },
    });
    const { exit, rows } = await lax('fast-jwt', { TAKES: 'cookie' }, ...cookie);
    expect(exit).toBe(3);
    expect(rows.find((row) => row.case === 'garbage')?.said).toBe('it answered 302, to /login');
  });

  it('answers 200 to everything, and says in the body what it means', async () => {
    const body = JSON.stringify({ query: '{ viewer { id } }', variables: { token: '$(TOKEN)' } });
    const post = ['--method', 'POST', '--token-in-body', '--body', body, '--accepted-at', '/data/viewer'];
    const refused = ['--refused-at', '/errors/0/extensions/code=UNAUTHENTICATED'];
    expect(await lax('fast-jwt', { TAKES: 'body' }, ...post, ...refused)).toMatchObject({ exit: 0, fails: [] });
    expect(await lax('everything', { TAKES: 'body' }, ...post, ...refused)).toMatchObject({
      ...{ exit: 1, acceptsEverything: true },
    });
    // without a word for it, nothing is a refusal
    expect((await lax('fast-jwt', { TAKES: 'body' }, ...post)).exit).toBe(3);
  });

  it('wants claims', async () => {
    const claims = ['--issuer', 'i', '--audience', 'a'];
    const env = { JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
    expect((await asked(commands.of.go, env, ...claims, '--claim', 'roles=["x"]', '--subject', 'me')).exit).toBe(0);
    expect((await asked(commands.of.python, env, ...claims)).exit).toBe(0);
  });
});

describe.skipIf(libraries === undefined)('a service with PyJWT', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['pinned', [], []],
    ['optional-exp', [], ['no-expiry']],
    ['ignores-exp', ['expired'], ['no-expiry']],
    ['empty-entry', ['empty-key'], []],
  ])('is told what it does: %s', async (kind, fails, advice) => {
    const found = await laxPython(kind);
    expect(found.fails).toEqual(fails);
    expect(found.advice.filter((name) => name !== 'issued-in-future')).toEqual(advice);
    expect(found).toMatchObject({ unknown: [], exit: fails.length > 0 ? 1 : 0 });
  });

  it('verifies no signature', async () => {
    const { exit, fails } = await laxPython('unverified');
    expect(exit).toBe(1);
    expect(fails).toEqual(expect.arrayContaining(['made-up-key', 'none']));
  });
});

describe('what people read', () => {
  it('is a table, and the line to change', async () => {
    const service = { command: [process.execPath, 'lax.mjs'], cwd: support } as const;
    await using running = await startService(service, { ...environmentIn(file), LAX: 'hs512' });
    const { result } = await rekey(`${running.url}/auth/verify`, '--keys-file', file);
    expect(result).toMatch(/GET http:\S+\/auth\/verify\n/);
    expect(result).toContain('authorization: Bearer <token>');
    expect(result).toMatch(/pass +a good token, signed with the signing key +accepted +accepted: it answered 200/);
    expect(result).toMatch(/advice +signed with the signing key, by another algorithm \(HS512\) +refused +accepted/);
    expect(result).toContain("jwt.verify(token, key, { algorithms: ['HS256'] })");
    expect(result).toMatch(/FIT: all \d+ answers that a rotation needs are right; advice on 3 more\n$/);
  });
});

describe('what people read of a service that asks for claims', () => {
  it('names the flags for them, and how many answers are not known', async () => {
    await using running = await startService(commands.of.node, { ...environmentIn(file), JWT_ISSUER: 'shop' });
    const { exit, result } = await rekey(`${running.url}/auth/verify`, '--keys-file', file);
    expect(exit).toBe(1);
    expect(result).toMatch(/Change: .* --issuer, --audience, --subject and --claim/);
    expect(result).toMatch(/\nNOT FIT: 1 of the \d+ answers that a rotation needs is wrong, \d+ are not known\n$/);
  });
});

describe('keys', () => {
  it('are made in a new file that nobody else may read, and never printed', async () => {
    const other = join(folder, 'other.env');
    const { exit, result } = await rekey('--made-keys', '--to', other, '--signing-name', 'AUTH_KEY');
    expect(exit).toBe(0);
    expect(statSync(other).mode & 0o777).toBe(0o600);
    const { AUTH_KEY = '', JWT_SECRET_KEY_FALLBACKS = '', ...rest } = environmentIn(other);
    expect(Object.keys(rest)).toEqual(['JWT_KEY_ID']);
    const keys = [AUTH_KEY, ...JWT_SECRET_KEY_FALLBACKS.split(',')];
    expect(new Set(keys).size).toBe(3);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{128}$/);
    for (const key of keys) expect(result).not.toContain(key);
    const again = await rekey('--made-keys', '--to', other);
    expect(again).toMatchObject({ exit: 1, result: '', told: expect.stringContaining('it is there already') });
    expect(environmentIn(other).AUTH_KEY).toBe(AUTH_KEY);
  });

  it('are of one key only: the fallbacks are not known', async () => {
    const one = join(folder, 'one.env');
    writeFileSync(one, `JWT_SECRET_KEY=${keysIn(file)[0]}\n`);
    await using running = await startService(commands.of.node, environmentIn(one));
    const { exit, result } = await rekey(`${running.url}/auth/verify`, '--keys-file', one);
    expect(exit).toBe(3);
    expect(result).toMatch(/unknown +the same, signed with a fallback +accepted +unknown: nothing was sent/);
  });

  it('that would stand in the header of a token are not sent', async () => {
    const leaky = join(folder, 'leaky.env');
    const [key = ''] = keysIn(file);
    let asked = 0;
    await using server = createServer((_, response) => {
      asked += 1;
      response.writeHead(401).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    for (const id of [key, key.slice(0, 20), `my ${key}`]) {
      writeFileSync(leaky, `JWT_SECRET_KEY=${key}\nJWT_KEY_ID='${id}'\n`);
      const refused = await rekey(at, '--keys-file', leaky);
      expect(refused).toMatchObject({ exit: 2, result: '', told: expect.stringContaining('JWT_KEY_ID') });
    }
    const named = await rekey(at, '--keys-file', file, '--key-id-name', 'JWT_SECRET_KEY');
    expect(named).toMatchObject({ exit: 2, told: expect.stringContaining('contains part of a key') });
    expect(asked).toBe(0);
  });

  it('that are typed where something else belongs are not repeated', async () => {
    const key = createHash('sha256').update('typed').digest('hex');
    const wrong = [
      ['--keys-file', key],
      ['--keys-file', file, '--header', key],
      ['--keys-file', file, '--clock-skew', key],
      ['--keys-file', file, '--signing-name', key],
      ['--keys-file', file, key],
    ];
    for (const args of wrong) {
      const { exit, result, told } = await rekey('http://127.0.0.1:9/', ...args);
      expect(exit).toBeGreaterThan(0);
      expect(`${result}${told}`).not.toContain(key.slice(0, 32));
    }
  });

  it('are read from a file that tells Node nothing', async () => {
    const evil = join(folder, 'evil.cjs');
    const trap = join(folder, 'trap.env');
    writeFileSync(evil, 'process.stdout.write("this ran");');
    writeFileSync(trap, `JWT_SECRET_KEY=${keysIn(file)[0]}\nNODE_OPTIONS=--require ${evil}\n`);
    const program = resolve(import.meta.dirname, '../../../src/rekey.ts');
    const run = spawnSync(process.execPath, [program, 'validate-app', 'http://127.0.0.1:9/', '--keys-file', trap]);
    expect(run.status).toBe(3);
    expect(String(run.stdout)).not.toContain('this ran');
  });

  const url = 'http://127.0.0.1:9/';
  it.each<[string, readonly string[], number, string]>([
    ['nothing', [], 2, 'name a URL'],
    ['no keys', [url], 2, '--keys-file FILE'],
    ['two sorts of keys', [url, '--keys-file', file, '--secret', 'a'], 2, 'say which keys'],
    ['a Secret without a cluster', [url, '--secret', 'a'], 2, 'kubectl rekey validate-app'],
    ['a name without a cluster', ['my-jwt'], 2, 'kubectl rekey validate-app'],
    ['a name with a flag of a URL', ['my-jwt', '--issuer', 'a'], 2, '--issuer: it goes with a URL'],
    ['a URL with a password', ['http://a:b@c/', '--keys-file', file], 2, 'a user or a password'],
    ['a URL with a fragment', [`${url}#a`, '--keys-file', file], 2, 'fragment'],
    ['a target with a URL', [url, '--keys-file', file, '--target', 'Deployment/a'], 2, '--target'],
    ['no file', [url, '--keys-file', join(folder, 'absent')], 2, 'there is no such file'],
    ['a header without a value', [url, '--keys-file', file, '--header', 'a'], 2, '--header a: write a name'],
    ['a header that is taken', [url, '--keys-file', file, '--header', 'Cookie: a=b'], 2, '--header: Cookie'],
    ['a body without POST', [url, '--keys-file', file, '--body', 'x'], 2, '--body: a body needs'],
    ['a claim that rekey sets', [url, '--keys-file', file, '--claim', 'exp=1'], 2, '--claim: rekey sets'],
    ['a skew that makes tokens live long', [url, '--keys-file', file, '--clock-skew', '2h'], 2, '1h at most'],
    ['a file without a name', [url, '--keys-file', ''], 2, 'say which keys'],
    ['a claim twice', [url, '--keys-file', file, '--claim', 'sub=a', '--subject', 'b'], 2, '--claim sub'],
    ['a status that is none', [url, '--keys-file', file, '--refuse-status', '99'], 2, 'Write an HTTP status'],
    ['two places of the token', [url, '--keys-file', file, '--token-cookie', 'a', '--token-in-body'], 2, 'give one'],
    ['a certificate of http', [url, '--keys-file', file, '--insecure-skip-tls-verify'], 2, 'https'],
    ['a pointer', [url, '--keys-file', file, '--accepted-at', 'a'], 2, '--accepted-at: not a JSON pointer'],
    ['made keys without a file', ['--made-keys'], 2, '--to'],
    ['made keys and a URL', [url, '--made-keys', '--to', join(folder, 'x')], 2, 'start the service'],
    ['a file without made keys', [url, '--to', file], 2, '--to: it goes with'],
    ['a name of no variable', ['--made-keys', '--to', join(folder, 'x'), '--signing-name', 'a b'], 2, 'not a name'],
  ])('refuses %s, and says what is wrong', async (_, args, exit, words) => {
    const refused = await rekey(...args);
    expect(refused).toMatchObject({ exit, result: '' });
    expect(refused.told).toContain(words);
  });
});
