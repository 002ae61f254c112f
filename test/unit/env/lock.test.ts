/** One run at a time, with real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileError } from '../../../src/env/files/errors.ts';
import { withLock } from '../../../src/env/files/lock.ts';
import { readStates } from '../../../src/env/state-keys.ts';
import { bundled } from '../../support/env/bundled.ts';

const program = await bundled('lock-process');
let root: string;
let state: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rekey-lock-'));
  state = join(root, '.rekey');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

/** @returns the process, and the lines that it says */
function start() {
  const child = spawn(process.execPath, [program, state], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string };
}

const done = async () => 'done';

it('lets a second run end at once, with the process of the first and since when', async () => {
  const { child, next } = start();
  expect(await next()).toBe('held');
  const error = await withLock(state, done).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FileError);
  expect((error as Error).message).toMatch(
    new RegExp(`another run of rekey is at work here \\(process ${child.pid}, since \\d{4}-\\d\\d-\\d\\dT`),
  );
  child.stdin?.end();
  expect(await next()).toBe('over');
  await expect(withLock(state, done)).resolves.toBe('done');
  expect(readdirSync(state).sort()).toEqual(['.gitignore', 'lock']);
});

it('is free at once when its process is killed', async () => {
  const { child, next } = start();
  expect(await next()).toBe('held');
  child.kill('SIGKILL');
  await once(child, 'exit');
  // what it said of itself is still there, and nobody asks it
  expect(readdirSync(state)).toContain('lock.holder');
  await expect(withLock(state, done)).resolves.toBe('done');
});

it('does not name a process that is dead, or one that has its number by chance', async () => {
  const { child, next } = start();
  expect(await next()).toBe('held');
  const gone = spawn('true');
  await once(gone, 'exit');
  writeFileSync(join(state, 'lock.holder'), JSON.stringify({ pid: gone.pid, since: '2026-01-01T00:00:00.000Z' }));
  await expect(withLock(state, done)).rejects.toThrow(/process not known yet/);
  child.stdin?.end();
  expect(await next()).toBe('over');
  // the number of this very process, left by one before a reboot
  writeFileSync(join(state, 'lock.holder'), JSON.stringify({ pid: process.pid, since: '2026-01-01T00:00:00.000Z' }));
  await expect(withLock(state, done)).resolves.toBe('done');
});

it('is given to one of many that want it at once', async () => {
  const runs = Array.from({ length: 3 }, start);
  const said = await Promise.all(runs.map(({ next }) => next()));
  expect(said.filter((line) => line === 'held').length).toBe(1);
  expect(said.filter((line) => line.startsWith('another run of rekey')).length).toBe(2);
});

it('holds within one process too, and ends with a run that fails', async () => {
  await withLock(state, async () => {
    await expect(withLock(state, done)).rejects.toThrow(/another run of rekey/);
  });
  await expect(withLock(state, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  await expect(withLock(state, done)).resolves.toBe('done');
});

it('says what is wrong where no lock can be', async () => {
  writeFileSync(state, '');
  await expect(withLock(state, done)).rejects.toThrow(/this must be a folder of its own/);
});

it('is not the state of an environment, not even of one called holder', async () => {
  const { child, next } = start();
  expect(await next()).toBe('held');
  expect(await readStates(root)).toEqual([]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await readStates(root)).toEqual([]);
  // as a killed run of a former version left it
  const former = join(state, 'holder.json');
  writeFileSync(former, JSON.stringify({ pid: child.pid, since: '2026-01-01T00:00:00.000Z' }));
  expect(await readStates(root)).toEqual([]);
  await withLock(state, done);
  expect(existsSync(former)).toBe(false);
  // a state of this name stays, and is one
  writeFileSync(former, '{"format":1}');
  await withLock(state, done);
  expect((await readStates(root)).map(({ environment }) => environment)).toEqual(['holder']);
});
