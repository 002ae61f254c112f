/**
 * Starts an example service anew with the keys of its .env file, as a process manager would: the old process ends, the new one listens.
 *
 * Usage: node restart.ts NAME PORT ENV_FILE FOLDER PROGRAM SOURCE [NAME=VALUE…]
 */
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [name = '', port = '', file = '', cwd = '', program = '', source = '', ...more] = process.argv.slice(2);
const command = [program, source];
const pidFile = `${name}.pid`;

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

if (existsSync(pidFile)) {
  const pid = Number(readFileSync(pidFile, 'utf8'));
  if (isAlive(pid)) process.kill(pid, 'SIGTERM');
  while (isAlive(pid)) await sleep(20);
}
const settings = { PORT: port, HOST: '127.0.0.1', SERVICE_NAME: name, JWT_LEEWAY_SECONDS: '0', PRESTOP_SECONDS: '0' };
const log = openSync(`${name}.log`, 'a');
// the file is read as sh reads it
const child = spawn(
  'sh',
  ['-c', 'set -a; . "$0"; cd "$1"; shift; exec "$@"', `${process.cwd()}/${file}`, cwd, ...command],
  {
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
      ...Object.fromEntries(more.map((each) => each.split('=') as [string, string])),
    },
    detached: true,
    stdio: ['ignore', log, log],
  },
);
child.unref();
writeFileSync(pidFile, String(child.pid));
for (let tries = 0; ; tries += 1) {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
  if (answer?.ok) break;
  if (tries > 600) throw new Error(`${name} does not listen`);
  await sleep(50);
}
