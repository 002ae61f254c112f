/**
 * Lets one operator work for a long time (`make soak`): rounds of rotations, emergencies, resources that come and go, and an API server
 * that is away. After each round it looks at the process: memory and connections must not grow. Prints a line a round and writes one
 * file to bench/results.
 *
 *   node bench/soak.ts --minutes 60 --resources 100
 *
 * Exit status 1 if something grew, or if a round did not end as it should.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { REQUEST } from '../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../src/rotation/api/types.ts';
import { annotate, declare, disband, furnish, inParallel, isReady, type Member, untilAll } from './fleet.ts';
import { lookAt, metricIn } from './probe.ts';
import { type Measured, openStage, type Stage } from './stage.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    resources: { type: 'string', default: '100' },
    namespaces: { type: 'string', default: '20' },
    label: { type: 'string', default: 'soak' },
    'node-flags': { type: 'string', default: '--max-semi-space-size=2' },
  },
});

/** What a round looks at when nothing is to be done any more. */
interface Round {
  readonly round: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly rssMiB: number;
  readonly sockets: number;
  readonly cpuSeconds: number;
  readonly lagMaxMs: number;
  readonly load: number;
}

/** Of each round: resources that are burnt, and resources that are deleted and declared again. */
const BURNT = 5;
const CHURNED = 10;
/** The API server is away in every third round. */
const OUTAGE_EVERY = 3;
const QUIET_MS = 5_000;
/** The first rounds warm the process up. Then a third of the rounds is compared with the last third. */
const WARM_UP = 2;
/** How much more memory the last third may have: a collection of garbage more or less is no growth. */
const MOST_GROWTH = 1.1;
const MOST_SOCKETS = 4;

if (Number(values.resources) < BURNT + CHURNED) {
  throw new Error(`--resources ${values.resources}: a round needs ${BURNT + CHURNED} of them, give it as many or more`);
}

const round1 = (value: number) => Math.round(value * 10) / 10;

const stage = await openStage(values['node-flags'].split(' ').filter((word) => word !== ''));
try {
  process.exitCode = await soak(stage);
} finally {
  await stage.close();
}

async function soak(on: Stage): Promise<number> {
  const members = await furnish(on.api, 'soak', Number(values.resources), Number(values.namespaces));
  const operator = await on.operator();
  await declare(on.api, members);
  await untilAll(on.api, members, 'all are Ready', isReady);
  const from = Date.now();
  const until = from + Number(values.minutes) * 60_000;
  const rounds: Round[] = [];
  while (Date.now() < until) {
    const startedAt = Date.now();
    operator.resetLag();
    await Promise.race([work(on, members, rounds.length), endOf(operator)]);
    const lag = await operator.lag();
    await sleep(QUIET_MS);
    rounds.push(lookAfter(operator, { round: rounds.length, from, startedAt, lagMaxMs: lag.max }));
    process.stdout.write(`${JSON.stringify(rounds.at(-1))}\n`);
  }
  const dropped = metricIn(await operator.metrics(), 'rekey_events_dropped_total');
  const { code } = await operator.stop();
  const complaints = [...grown(rounds), ...(code === 0 ? [] : [`the operator ended with ${code}`])];
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const file = { at: new Date().toISOString(), node: process.version, ...values, rounds, dropped, complaints };
  writeFileSync(join(folder, `${values.label}.json`), `${JSON.stringify(file, undefined, 2)}\n`);
  for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
  process.stdout.write(`${rounds.length} rounds, ${complaints.length} complaints, ${dropped} Events dropped\n`);
  return complaints.length === 0 ? 0 : 1;
}

/** @throws Error when the operator ends, which it may not do by itself: if its Lease was lost, give it a machine with less to do */
async function endOf(operator: Measured): Promise<never> {
  const exit = await operator.exited;
  throw new Error(`the operator ended by itself: ${JSON.stringify(exit)}`);
}

/** One round. @throws Error if a rotation or an emergency does not end */
async function work({ api, restartApiServer }: Stage, members: readonly Member[], count: number): Promise<void> {
  const mark = `soak-${count}`;
  const at = (n: number) => members[(count * (BURNT + CHURNED) + n) % members.length] as Member;
  const burnt = Array.from({ length: BURNT }, (_, i) => at(i));
  const churned = Array.from({ length: CHURNED }, (_, i) => at(BURNT + i));
  await disband(api, churned);
  const rotating = members.filter((member) => !churned.includes(member));
  await inParallel(rotating, (member) => annotate(api, member, { [REQUEST.rotateAt]: mark }));
  if (count % OUTAGE_EVERY === OUTAGE_EVERY - 1) await restartApiServer();
  await declare(api, churned);
  await inParallel(burnt, (member) => annotate(api, member, { [REQUEST.emergency]: `${mark}: a measurement` }));
  const isBurnt = ({ emergency, phase }: JwtKeyRotationStatus) => emergency?.nonce === mark && phase === 'Steady';
  await untilAll(api, burnt, 'all are burnt', isBurnt);
  const hasRotated = ({ lastHandledRotateAt, phase }: JwtKeyRotationStatus) =>
    lastHandledRotateAt === mark && phase === 'Steady';
  const others = rotating.filter((member) => !burnt.includes(member));
  await untilAll(api, others, 'all have rotated', hasRotated);
  await untilAll(api, members, 'all are Ready', isReady);
}

function lookAfter(
  operator: Measured,
  { round, from, startedAt, lagMaxMs }: Pick<Round, 'round' | 'lagMaxMs'> & { from: number; startedAt: number },
): Round {
  const { rssMiB, sockets, cpuSeconds } = lookAt(operator.pid);
  return {
    ...{ round, minutes: round1((Date.now() - from) / 60_000), seconds: round1((Date.now() - startedAt) / 1_000) },
    ...{ rssMiB: round1(rssMiB), sockets, cpuSeconds: round1(cpuSeconds), lagMaxMs: round1(lagMaxMs) },
    load: round1(loadavg()[0] ?? 0),
  };
}

/** @returns what the last third of the rounds has more of than the first one after the warm-up, in words */
function grown(rounds: readonly Round[]): readonly string[] {
  const warm = rounds.slice(WARM_UP);
  const third = Math.floor(warm.length / 3);
  if (third === 0) return [`${rounds.length} rounds are too few to compare: give it more minutes`];
  const [before, after] = [warm.slice(0, third), warm.slice(-third)];
  const memory = [median(before, 'rssMiB'), median(after, 'rssMiB')] as const;
  const sockets = [median(before, 'sockets'), median(after, 'sockets')] as const;
  return [
    ...(memory[1] > memory[0] * MOST_GROWTH ? [`memory has grown from ${memory[0]} to ${memory[1]} MiB`] : []),
    ...(sockets[1] > sockets[0] + MOST_SOCKETS ? [`sockets have grown from ${sockets[0]} to ${sockets[1]}`] : []),
  ];
}

function median(rounds: readonly Round[], of: 'rssMiB' | 'sockets'): number {
  return rounds.map((round) => round[of]).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0;
}
