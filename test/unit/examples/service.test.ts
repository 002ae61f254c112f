import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonExample } from '../../support/libraries/python-example.ts';
import { accepts } from '../../support/traffic/client.ts';
import { ServiceStartError, startService } from '../../support/traffic/service-process.ts';
import { readToken, signToken } from '../../support/traffic/tokens.ts';
import { BUILD_TIMEOUT_MS, buildCommands, type Commands, LANGUAGES } from './languages.ts';
import { issue, issuedToken, send, verify } from './requests.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];
const KEYS = { JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: B, JWT_KEY_ID: 'k-a' };

let commands: Commands;
beforeAll(async () => {
  commands = await buildCommands();
}, BUILD_TIMEOUT_MS);
afterAll(() => commands?.[Symbol.asyncDispose]());

it('The python service uses the keyring library where PyJWT is there, and says so', async () => {
  const said = async (language: 'python' | 'python without PyJWT') => {
    await using service = await startService(commands.of[language], KEYS);
    return /"tokens": "([^"]+)"/.exec(service.output())?.[1];
  };
  expect(await said('python without PyJWT')).toBe('standard library');
  expect(await said('python')).toBe((await pythonExample()) ? 'keyring' : 'standard library');
});

describe.each(LANGUAGES)('The %s service', (language) => {
  const start = (env: Readonly<Record<string, string>>) => startService(commands.of[language], env);

  it.each([
    { title: 'no key', env: {}, says: /JWT_SECRET_KEY is missing/ },
    { title: 'an empty key', env: { JWT_SECRET_KEY: '' }, says: /JWT_SECRET_KEY is missing/ },
    { title: 'a key of 31 bytes', env: { JWT_SECRET_KEY: 'q'.repeat(31) }, says: /JWT_SECRET_KEY has 31 bytes/ },
    {
      title: 'a short fallback',
      env: { JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: `${B},qqq` },
      says: /entry 2 of JWT_SECRET_KEY_FALLBACKS has 3 bytes/,
    },
    { title: 'a setting that is no number', env: { ...KEYS, PRESTOP_SECONDS: 'x' }, says: /PRESTOP_SECONDS/ },
    { title: 'an unknown role', env: { ...KEYS, ROLE: 'king' }, says: /ROLE/ },
  ])('does not start with $title, says why in one line and shows no key', async ({ env, says }) => {
    const failure = await start(env).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ServiceStartError);
    const { exitCode, output } = failure as ServiceStartError;
    expect({ exitCode, lines: output.trim().split('\n').length }).toEqual({ exitCode: 1, lines: 1 });
    expect(output).toMatch(says);
    expect(output).not.toMatch(/qqq|aaaa|bbbb/);
  });

  it('signs with the signing key and says which, for as long as asked but never longer than allowed', async () => {
    await using service = await start({ ...KEYS, TOKEN_TTL_SECONDS: '100', JWT_ISSUER: 'i', JWT_AUDIENCE: 'u' });
    const life = async (query: string): Promise<number> => {
      const { iat, exp, kid } = readToken(await issuedToken(service.url, query));
      expect(kid).toBe('k-a');
      return exp - iat;
    };
    expect([await life(''), await life('?ttl=5'), await life('?ttl=1e9')]).toEqual([100, 5, 100]);
    expect((await verify(service.url, await issuedToken(service.url, '?sub=ada'))).body).toMatchObject({ sub: 'ada' });
    for (const ttl of ['x', '0', '-5', 'NaN']) expect((await issue(service.url, `?ttl=${ttl}`)).status).toBe(400);
  });

  it('does only what its role says', async () => {
    await using signer = await start({ ...KEYS, ROLE: 'signer' });
    await using verifier = await start({ ...KEYS, ROLE: 'verifier' });
    const token = await issuedToken(signer.url);
    expect((await verify(verifier.url, token)).status).toBe(200);
    expect((await verify(signer.url, token)).status).toBe(404);
    expect((await issue(verifier.url)).status).toBe(404);
  });

  it('accepts tokens of every other language', async () => {
    await using service = await start({ ...KEYS, JWT_ISSUER: 'i', JWT_AUDIENCE: 'u' });
    for (const other of LANGUAGES) {
      const env = { JWT_SECRET_KEY: B, JWT_KEY_ID: 'k-b', JWT_ISSUER: 'i', JWT_AUDIENCE: 'u' };
      await using signer = await startService(commands.of[other], env);
      expect(await accepts(service.url, await issuedToken(signer.url))).toBe('accepted');
    }
  });

  it('knows the signing key only in single mode', async () => {
    await using service = await start({ ...KEYS, KEY_MODE: 'single' });
    expect(await accepts(service.url, await signToken({ key: A }))).toBe('accepted');
    expect(await accepts(service.url, await signToken({ key: B }))).toBe('refused');
  });

  it('follows the files of a mounted Secret, and keeps the last good keyset', async () => {
    const mount = await mkdtemp(join(tmpdir(), 'rekey-mount-'));
    try {
      await swap(mount, 'v1', { JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: '', JWT_KEY_ID: 'k-a' });
      await using service = await start({ KEYSET_DIR: mount });
      expect(await accepts(service.url, await signToken({ key: B }))).toBe('refused');

      await swap(mount, 'v2', { JWT_SECRET_KEY: B, JWT_SECRET_KEY_FALLBACKS: A, JWT_KEY_ID: 'k-b' });
      const tokenB = await signToken({ key: B });
      await until(async () => (await accepts(service.url, tokenB)) === 'accepted');
      expect(await accepts(service.url, await signToken({ key: A }))).toBe('accepted');
      expect(readToken(await issuedToken(service.url)).kid).toBe('k-b');

      await swap(mount, 'v3', { JWT_SECRET_KEY: 'short' });
      await until(async () => {
        expect(await accepts(service.url, tokenB)).toBe('accepted');
        return service.output().includes('keyset not reloaded');
      });
      expect(service.output()).not.toMatch(/aaaa|bbbb|short"/);
    } finally {
      await rm(mount, { recursive: true });
    }
  });

  it('fails its health check first, serves on, and exits with 0 while connections are open', async () => {
    await using service = await start({ ...KEYS, PRESTOP_SECONDS: '0.6' });
    const token = await signToken({ key: A });
    expect((await send(`${service.url}/healthz`)).status).toBe(200); // leaves a keep-alive connection behind
    const exit = service.stop();
    await until(async () => (await send(`${service.url}/healthz`)).status === 503);
    const { status, headers } = await verify(service.url, token);
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 200, connection: 'close' });
    expect(await exit).toBe(0);
    expect(await accepts(service.url, token)).toBe('unknown');
  });
});

/** Publishes a version as the kubelet does: a fresh directory, then an atomic swap of the link `..data`. */
async function swap(mount: string, version: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(mount, `..${version}`));
  for (const [name, text] of Object.entries(files)) await writeFile(join(mount, `..${version}`, name), text);
  await symlink(`..${version}`, join(mount, '..data_tmp'));
  await rename(join(mount, '..data_tmp'), join(mount, '..data'));
}

/** Polls; the test's own time-out is the limit. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
