/** What is measured, one function each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUEST } from '../src/rotation/api/names.ts';
import { type Call, callsIn, isWrite } from '../test/support/scenario/audit.ts';
import { OPERATOR_USER } from '../test/support/scenario/install.ts';
import { rotationName, secretName, targetName } from '../test/support/scenario/single.ts';
import { until } from '../test/support/scenario/until.ts';
import { countByKind, ownCalls, withoutLease } from './calls.ts';
import { annotate, declare, furnish, inParallel, isReady, type Member, untilAll } from './fleet.ts';
import { lookAt, metricIn, watchFor } from './probe.ts';
import { rawLoop } from './raw.ts';
import type { Measured, Stage } from './stage.ts';

/** Figures by name, numbers only. */
export type Figures = Record<string, number>;

const RECONCILES = 'controller_runtime_reconcile_total';
const QUIET_MS = 15_000;
const EMERGENCIES = 5;

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

export async function reconciles(operator: Measured): Promise<number> {
  return metricIn(await operator.metrics(), RECONCILES);
}

/** Memory, connections, processor and requests while nothing happens. */
export async function idle(stage: Stage, operator: Measured, ms: number): Promise<Figures> {
  await sleep(QUIET_MS);
  await operator.lag();
  const [from, before, passes] = [Date.now(), lookAt(operator.pid), await reconciles(operator)];
  const { peakMiB, last } = await watchFor(operator.pid, ms);
  const seconds = (Date.now() - from) / 1_000;
  const calls = ownCalls(stage.auditLog, from);
  return {
    rssMiB: round(peakMiB, 0),
    sockets: last.sockets,
    cpuMillicores: round(((last.cpuSeconds - before.cpuSeconds) / seconds) * 1_000),
    requestsPerSecond: round(calls.length / seconds),
    leaseRequestsPerSecond: round((calls.length - withoutLease(calls).length) / seconds),
    reconcilesPerMinute: round((((await reconciles(operator)) - passes) / seconds) * 60),
  };
}

/** From the declaration of resources whose Secrets are there until all are Ready, by the audit log. */
export async function adopt(stage: Stage, operator: Measured, members: readonly Member[]): Promise<Figures> {
  const cpu = lookAt(operator.pid).cpuSeconds;
  const passes = await reconciles(operator);
  operator.resetLag();
  await declare(stage.api, members);
  await untilAll(stage.api, members, 'all are Ready', isReady);
  await untilSilent(stage, Date.now());
  const calls = callsFor(members, withoutLease(ownCalls(stage.auditLog, 0)));
  const writes = calls.filter(isWrite);
  const seconds = spanOf(writes);
  const counts = countByKind(writes);
  process.stderr.write(`adopt: ${JSON.stringify(countByKind(calls))}\n`);
  const lag = await operator.lag();
  const figures = {
    resources: members.length,
    seconds: round(seconds),
    writesPerResource: round(writes.length / members.length),
    readsPerResource: round((calls.length - writes.length) / members.length),
    reconcilesPerResource: round(((await reconciles(operator)) - passes) / members.length),
    cpuSeconds: round(lookAt(operator.pid).cpuSeconds - cpu),
    lagP99Ms: round(lag.p99, 0),
    lagMaxMs: round(lag.max, 0),
    rssMiB: round(lookAt(operator.pid).rssMiB, 0),
  };
  const raw = await rawLoop(stage.api, members, counts);
  return { ...figures, rawSeconds: round(raw.seconds), ratio: round(figures.seconds / raw.seconds) };
}

/** All rotate at once. Others, in a namespace of their own, are burnt: some before the herd and some within it. */
export async function herd(stage: Stage, operator: Measured, rotating: readonly Member[]): Promise<Figures> {
  const reserved = await furnish(stage.api, 'burn', 2 * EMERGENCIES, 1);
  await declare(stage.api, reserved);
  await untilAll(stage.api, reserved, 'all are Ready', isReady);
  const alone = await burn(stage, reserved.slice(0, EMERGENCIES), 1_500);
  await untilSilent(stage, Date.now());
  const passes = await reconciles(operator);
  const cpu = lookAt(operator.pid).cpuSeconds;
  operator.resetLag();
  const from = Date.now();
  await inParallel(rotating, (member) => annotate(stage.api, member, { [REQUEST.rotateAt]: `herd-${from}` }));
  const burnt = burn(stage, reserved.slice(EMERGENCIES), 400);
  const done = (status: { lastHandledRotateAt?: string; phase?: string }) =>
    status.lastHandledRotateAt === `herd-${from}` && status.phase === 'Steady';
  const watched = watchFor(operator.pid, 60_000);
  await untilAll(stage.api, rotating, 'all have rotated', done);
  const within = await burnt;
  await untilSilent(stage, Date.now());
  const all = withoutLease(ownCalls(stage.auditLog, from));
  const calls = callsFor(rotating, all);
  const first = firstWave(rotating, calls);
  const cpuSeconds = lookAt(operator.pid).cpuSeconds - cpu;
  const lag = await operator.lag();
  const { peakMiB } = await watched;
  const perRotation = countByKind(calls);
  process.stderr.write(`herd: ${JSON.stringify(perRotation)}\n`);
  const writes = { 'patch secrets': rotating.length, 'patch deployments': rotating.length };
  const raw = await rawLoop(stage.api, rotating, writes);
  return {
    rotations: rotating.length,
    firstWaveSeconds: round((first - from) / 1_000),
    doneSeconds: round((lastAnswer(calls.filter(isWrite)) - from) / 1_000),
    rawSeconds: round(raw.seconds),
    firstWaveRatio: round((first - from) / 1_000 / raw.seconds),
    reconcilesPerRotation: round(((await reconciles(operator)) - passes) / rotating.length),
    writesPerRotation: round(calls.filter(isWrite).length / rotating.length),
    readsPerRotation: round(calls.filter((call) => !isWrite(call)).length / rotating.length),
    cpuSeconds: round(cpuSeconds),
    eventsPerRotation: round(calls.filter(({ resource }) => resource === 'events').length / rotating.length),
    ...{ lagP99Ms: round(lag.p99, 0), lagMaxMs: round(lag.max, 0), peakMiB: round(peakMiB, 0) },
    ...{ emergencyAloneMs: alone.all, emergencyInHerdMs: within.all, emergencyRatio: round(within.all / alone.all) },
    ...{ emergencyAloneOwnMs: alone.own, emergencyInHerdOwnMs: within.own },
    eventsDropped: metricIn(await operator.metrics(), 'rekey_events_dropped_total'),
  };
}

/** From the start of a process to its readiness, and until it has looked at each resource. */
export async function start(operator: Measured, resources: number): Promise<Figures> {
  const startedAt = Date.now() - operator.readyAfterMs;
  await until('each resource was looked at', async () => (await reconciles(operator)) >= resources, {
    // a scrape of many resources takes tens of milliseconds
    ...{ timeoutMs: 600_000, everyMs: 500 },
  });
  const lookedMs = Date.now() - startedAt;
  const lag = await operator.lag();
  const { cpuSeconds, rssMiB } = lookAt(operator.pid);
  return {
    readySeconds: round(operator.readyAfterMs / 1_000),
    lookedAtAllSeconds: round(lookedMs / 1_000),
    cpuSeconds: round(cpuSeconds),
    rssMiB: round(rssMiB, 0),
    lagMaxMs: round(lag.max, 0),
  };
}

/** How large a scrape is, how long it takes, and for how long it blocks the event loop. */
export async function scrape(operator: Measured): Promise<Figures> {
  operator.resetLag();
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < 5; i += 1) {
    const startedAt = performance.now();
    bytes = (await operator.metrics()).length;
    times.push(performance.now() - startedAt);
    await sleep(200);
  }
  const lag = await operator.lag();
  return {
    kilobytes: round(bytes / 1_000, 0),
    medianMs: round(times.sort((a, b) => a - b)[2] ?? 0, 1),
    lagMaxMs: round(lag.max, 0),
  };
}

/**
 * Milliseconds from the annotation to the write of the Secret, by the audit log: the median, and that of its part from the first read of
 * the Secret on. Before that read the API server takes the annotation and tells of it.
 */
async function burn(stage: Stage, members: readonly Member[], pauseMs: number): Promise<{ all: number; own: number }> {
  const from = Date.now();
  for (const member of members) {
    await annotate(stage.api, member, { [REQUEST.emergency]: `bench-${from}: a measurement` });
    await sleep(pauseMs);
  }
  await untilAll(stage.api, members, 'all are burnt', ({ emergency }) => emergency?.nonce === `bench-${from}`);
  const calls = callsIn(stage.auditLog, { since: from });
  const times = members.map((member) => courseOf(calls, member));
  process.stderr.write(`emergencies: ${JSON.stringify(times)}\n`);
  return { all: median(times.map(({ all }) => all)), own: median(times.map(({ own }) => own)) };
}

function courseOf(calls: readonly Call[], { namespace, id }: Member) {
  const its = calls.filter((call) => call.namespace === namespace);
  const asked = its.find(({ name }) => name === rotationName(id));
  const ofSecret = its.filter(({ name, user }) => name === secretName(id) && user === OPERATOR_USER);
  const burnt = ofSecret.find(({ verb }) => verb === 'patch');
  const read = ofSecret.find(({ verb, at }) => verb === 'get' && at >= (asked?.at ?? 0));
  const until = burnt?.answeredAt ?? Number.NaN;
  return {
    asked: (asked?.answeredAt ?? 0) - (asked?.at ?? 0),
    all: until - (asked?.at ?? 0),
    own: until - (read?.at ?? 0),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Until the operator has written nothing for a while. */
async function untilSilent(stage: Stage, since: number): Promise<void> {
  await until(
    'the operator is silent',
    async () =>
      withoutLease(ownCalls(stage.auditLog, Math.max(since, Date.now() - 3_000))).length === 0 &&
      Date.now() - since > 3_000,
    { timeoutMs: 600_000, everyMs: 1_000 },
  );
}

/** When the last of the first writes of a Secret and of a Deployment was answered. */
function firstWave(members: readonly Member[], calls: readonly Call[]): number {
  const first = new Map<string, number>();
  for (const { verb, namespace, name, answeredAt } of calls) {
    const object = `${namespace}/${name}`;
    if (verb === 'patch') first.set(object, Math.min(first.get(object) ?? Number.POSITIVE_INFINITY, answeredAt));
  }
  return Math.max(
    ...members.flatMap(({ namespace, id }) => [
      first.get(`${namespace}/${secretName(id)}`) ?? 0,
      first.get(`${namespace}/${targetName(id)}`) ?? 0,
    ]),
  );
}

/** Members of a fleet have namespaces of their own. */
function callsFor(members: readonly Member[], calls: readonly Call[]): readonly Call[] {
  const namespaces = new Set(members.map(({ namespace }) => namespace));
  return calls.filter(({ namespace }) => namespaces.has(namespace));
}

/** There may be a hundred thousand calls, too many for one call of Math.max. */
function lastAnswer(calls: readonly Call[]): number {
  return calls.reduce((last, { answeredAt }) => Math.max(last, answeredAt), 0);
}

function spanOf(calls: readonly Call[]): number {
  const from = calls.reduce((first, { at }) => Math.min(first, at), Number.POSITIVE_INFINITY);
  return (lastAnswer(calls) - from) / 1_000;
}
