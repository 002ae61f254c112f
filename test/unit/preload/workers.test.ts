/** The preload for Python in the workers of real servers, of Debian's packages, at two versions each. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { debianLibraries, versionsIn } from '../../support/libraries/debian.ts';
import { PRELOAD } from '../../support/preload/ask.ts';
import { QUESTIONS, SERVICE_ENV } from '../../support/preload/questions.ts';

const services = join(import.meta.dirname, '..', '..', 'support', 'preload', 'python');
const dir = mkdtempSync(join(tmpdir(), 'rekey-workers-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// all of it is pure code
const PACKAGES = [
  ...['python3-jwt', 'python3-uvicorn', 'python3-click', 'python3-h11', 'python3-asgiref', 'python3-typing-extensions'],
  ...['python3-gunicorn', 'python3-pkg-resources', 'python3-packaging'],
];
const [own, later] = await Promise.all([debianLibraries(PACKAGES), debianLibraries(PACKAGES, 'trixie')]);
const rows = [own, later].flatMap((unpacked) =>
  unpacked === undefined
    ? []
    : [{ python: unpacked.python, ...versionsIn(unpacked) } as Readonly<Record<string, string>>],
);
const SERVERS: readonly [string, readonly string[]][] = [
  ['uvicorn', ['-m', 'uvicorn', 'app:asgi', '--workers', '2', '--log-level', 'error', '--uds']],
  ['gunicorn', ['-m', 'gunicorn', 'app:wsgi', '--workers', '2', '--log-level', 'error', '--bind']],
];

it.skipIf(rows.length < 2)('is tried at two versions of each (needs Debian: apt-get download)', () => {
  for (const [name] of SERVERS) expect(new Set(rows.map((row) => row[name])).size).toBe(2);
});

describe.each(rows)('PyJWT $pyjwt, uvicorn $uvicorn, gunicorn $gunicorn', ({ python, pyjwt }) => {
  it.each(SERVERS)('reaches the workers of %s', async (name, args) => {
    const socketPath = join(dir, `${name}-${pyjwt}.sock`);
    const path = name === 'gunicorn' ? `unix:${socketPath}` : socketPath;
    const env = { PATH: process.env.PATH, ...SERVICE_ENV, PYTHONPATH: `${join(PRELOAD, 'python')}:${python}` };
    const server = spawn('/usr/bin/python3', ['-B', ...args, path], { cwd: services, env });
    onTestFinished(() => void server.kill());
    await expect.poll(() => statusOf(socketPath, ''), { interval: 200 }).toBe(401);
    for (const question of QUESTIONS.filter(({ variable }) => variable === 'JWT_SECRET_KEY')) {
      const status = await statusOf(socketPath, question.token);
      expect([question.name, status]).toEqual([question.name, question.with === 'accepted' ? 200 : 401]);
    }
  });
});

/** @returns undefined while nothing listens */
function statusOf(socketPath: string, token: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, connection: 'close' };
    request({ socketPath, path: '/', headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', () => resolve(undefined))
      .end();
  });
}
