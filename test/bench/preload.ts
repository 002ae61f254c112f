/**
 * What the preload for Node costs: processor time of one verification with each library, with the preload and without, for a
 * token of the current key and for one of a fallback. Both processes take turns, so that both meet the same noise. Noise only
 * adds, so the figure is that of the tenth of the rounds that was fastest.
 *
 *   node test/bench/preload.ts [LIBRARY…] [--pairs 6]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NODE_SERVICES, PRELOAD } from '../support/preload/ask.ts';
import { QUESTIONS, SERVICE_ENV } from '../support/preload/questions.ts';

const LIBRARIES = [
  ...['fast-jwt', 'fast-jwt-4', 'jsonwebtoken', 'jsonwebtoken-8', 'express-jwt'],
  ...['jose', 'jose-4', 'jose-5', 'hono'],
];
/** Milliseconds that a round is to take at least: the clock of processor time is not finer than some. */
const ROUND_MS = 30;
/** Of one pair of processes. Two processes of the same program differ by some per cent, so there are several. */
const ROUNDS = 12;

const { values, positionals } = parseArgs({
  options: { pairs: { type: 'string', default: '6' } },
  allowPositionals: true,
});
const tokenOf = (name: string) => QUESTIONS.find((question) => question.name === name)?.token ?? '';
const current = tokenOf('the current key');
const fallback = tokenOf('the first fallback');

function start(library: string, execArgv: readonly string[]): ChildProcess {
  const env = { ...process.env, ...SERVICE_ENV };
  return fork(join(NODE_SERVICES, 'measure.mjs'), [library], { env, execArgv: [...execArgv] });
}

/** @returns microseconds of one verification */
async function ask(child: ChildProcess, token: string, count: number): Promise<number> {
  child.send({ token, count });
  const [us] = await once(child, 'message');
  return us;
}

const best = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 10)] ?? 0;

interface Row {
  readonly plain: number;
  readonly first: number;
  readonly second: number;
}

/** One process with the preload and one without, in turns. */
async function pair(library: string): Promise<readonly Row[]> {
  const before = start(library, []);
  const after = start(library, ['--require', join(PRELOAD, 'node', 'rekey.cjs')]);
  await Promise.all([before, after].map((child) => once(child, 'message')));
  const us = Math.max(1, await ask(before, current, 3000));
  await ask(after, current, 3000);
  await ask(after, fallback, 3000);
  const count = Math.ceil((ROUND_MS * 1000) / us);
  const rows: Row[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const plain = await ask(before, current, count);
    const first = await ask(after, current, count);
    rows.push({ plain, first, second: await ask(after, fallback, count) });
  }
  before.kill();
  after.kill();
  return rows;
}

async function measure(library: string): Promise<void> {
  const rows: Row[] = [];
  for (let i = 0; i < Number(values.pairs); i++) rows.push(...(await pair(library)));
  const of = (name: keyof Row) => best(rows.map((row) => row[name]));
  const [plain, first, second] = [of('plain'), of('first'), of('second')];
  const ratio = (us: number) => (us / plain).toFixed(2);
  const cells = [library, plain.toFixed(1), first.toFixed(1), ratio(first), second.toFixed(1), ratio(second)];
  console.log(`| ${cells.join(' | ')} |`);
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}; microseconds of processor time`);
console.log('| library | without | current key | ratio | fallback | ratio |\n| --- | --- | --- | --- | --- | --- |');
for (const library of positionals.length > 0 ? positionals : LIBRARIES) await measure(library);
