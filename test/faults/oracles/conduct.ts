/**
 * How the operator behaves meanwhile: what it says, how much it asks, which pods it restarts, and whether it lives.
 */
import { isWrite } from '../../support/faultproxy/call.ts';
import type { Exchange } from '../../support/faultproxy/journal.ts';
import { scanForKeys } from '../../support/scenario/secrets-scan.ts';
import type { Evidence, Oracle } from '../evidence.ts';
import type { Workload } from '../plan.ts';
import { REFERENCE } from '../reference.ts';
import { isGranted, isOptional } from '../rights.ts';
import { deletedForNothing } from './ways.ts';

/** Further calls that a process may make for being started. */
const CALLS_PER_START = 40;
/** Calls in a second that waiting may cost. */
const CALLS_PER_SECOND = 6;

/** I12: no key byte in any form, anywhere but in the Secret. */
export const noKeyTold: Oracle = ({ texts, keysAfter }) =>
  scanForKeys(
    texts,
    keysAfter.filter((key) => key !== ''),
  ).map(({ where, form, line }) => `a key as ${form} in ${where}, line ${line}`);

/** O6: by the API server's own audit log. */
export const calls: Oracle = ({ plan, audited, processes, faultMs }) => {
  const bound = 3 * REFERENCE[plan.workload].calls + CALLS_PER_START * processes + (CALLS_PER_SECOND * faultMs) / 1000;
  return audited.length <= bound ? [] : [`${audited.length} API calls, more than ${Math.round(bound)}`];
};

/** Only the calls that it needs; none is refused for want of rights, but for the look around after an emergency. */
export const rights: Oracle = ({ audited, plan }) => {
  const looks = plan.workload === 'emergency' || plan.workload === 'leak';
  const needed = audited.filter(({ verb, resource, code }) => !(looks && code === 403 && isOptional(verb, resource)));
  const strange = needed.find(({ verb, resource }) => !isGranted(verb, resource, plan.workload === 'files'));
  const denied = needed.find(({ code }) => code === 403);
  return [
    ...(strange === undefined ? [] : [`it asked for ${strange.verb} ${strange.resource}`]),
    ...(denied === undefined ? [] : [`it may not ${denied.verb} ${denied.resource}`]),
  ];
};

/** No process ends but by the plan, or because it lost its lease; none tells of an error that nobody handled. */
export const noCrash: Oracle = ({ deaths, logs }) => {
  const lost = (client: string, process: number): boolean =>
    logs.some(({ name, text }) => name.endsWith(`-${client}${process}.log`) && text.includes('the lease was lost'));
  const dead = deaths.filter(({ client, process, struck }) => !struck && !lost(client, process));
  const cries = logs.flatMap(({ name, text }) => {
    const line = text.split('\n').find((one) => one !== '' && !one.startsWith('{'));
    return line === undefined ? [] : [`${name} has a line that is no log line: ${line.slice(0, 200)}`];
  });
  return [
    ...dead.map(({ client, process, exit }) => `operator ${client}${process} ended by itself: ${JSON.stringify(exit)}`),
    ...cries,
  ];
};

/**
 * L5: after a new leader's first write none of an old one changes anything, but for a write of the Secret that was under way
 * by then: the Secret is what it was, so the write says what was true, and the new leader reads it.
 */
export const noZombie: Oracle = ({ journal }) => {
  const writes = journal.exchanges
    .filter(({ call, applied }) => isWrite(call) && !/^(leases|events)/.test(call.resource) && isGood(applied?.status))
    .sort((a, b) => (a.applied?.at ?? 0) - (b.applied?.at ?? 0));
  const seen = new Set<string>();
  const found: string[] = [];
  const leaders: { readonly who: string; readonly since: number }[] = [];
  for (const write of writes) {
    const version = versionOf(write);
    const changed = !seen.has(version);
    seen.add(version);
    const who = `${write.client}${write.process}`;
    const last = leaders.at(-1);
    if (!leaders.some((leader) => leader.who === who)) leaders.push({ who, since: write.applied?.at ?? 0 });
    else if (changed && last !== undefined && last.who !== who && !wasUnderWay(write, last.since, writes))
      found.push(`${who} wrote (${write.what}, ${write.phase}) after ${last.who} had`);
  }
  return found;
};

/** @param since when the leader that is in office now first wrote */
function wasUnderWay(write: Exchange, since: number, writes: readonly Exchange[]): boolean {
  const isSecret = ({ call }: Exchange) => call.resource === 'secrets';
  const end = write.applied?.at ?? 0;
  const changed = writes.some((other) => isSecret(other) && other.at > write.at && (other.applied?.at ?? 0) < end);
  return isSecret(write) && write.at < since && !changed;
}

/** A write that changes nothing brings a version that is known. That of a Deployment moves with its status as well. */
function versionOf({ what, call, applied }: Exchange): string {
  if (call.resource === 'deployments') return `${what} ${applied?.generation}`;
  return `${call.resource} ${applied?.resourceVersion}`;
}

function isGood(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/**
 * I14: once for stage, promote and retire, and for a rollback once more. A key that is staged already spares the second of
 * two rotations the first restart, lazy retirement spares both the last. Mounted files are read without, and a cutover
 * replaces pods and no template.
 */
const RESTARTS: Readonly<Record<Workload, number>> = {
  ...{ rotate: 3, abort: 3, rollback: 4, emergency: 3, leak: 3 },
  ...{ cutover: 0, preStage: 5, lazy: 4, files: 0 },
};

/** A target is not restarted oftener than it needs, besides what the world undid; and no pod is evicted that is not stale. */
export const restarts: Oracle = (evidence) => {
  const stamps = new Map<string, Set<number>>();
  for (const { what, applied, call } of evidence.journal.exchanges) {
    if (call.verb !== 'patch' || call.resource !== 'deployments' || !isGood(applied?.status)) continue;
    const versions = stamps.get(what) ?? new Set();
    // To repeat a stamp changes nothing, so the generation stays.
    stamps.set(what, versions.add(applied?.generation ?? 0));
  }
  const evicted = evidence.journal.exchanges.filter(({ call, applied }) => isEviction(call.resource, applied?.status));
  return [
    ...[...stamps].flatMap(([what, { size }]) =>
      size <= RESTARTS[evidence.plan.workload] ? [] : [`${size} times: ${what}`],
    ),
    ...evicted
      .filter((exchange) => !wasStale(evidence, exchange) && !wasUntold(evidence, exchange))
      .map(({ call }) => `${call.name} was evicted but is not stale`),
    ...deletedForNothing(evidence),
  ];
};

/**
 * I19: however long it lasts, no slot is replaced by the operator more than three times for one keyset; and what was done to a
 * pod is not done again by the same process before its watch had time to tell.
 */
export const bounds: Oracle = ({ journal, records, ending }) => {
  const replaced = new Map<number, Set<string>>();
  const last = new Map<string, number>();
  const repeated: string[] = [];
  for (const { call, applied, outcome, client, process, what } of journal.exchanges) {
    const isDeletion = call.resource === 'pods' && call.verb === 'delete' && isGood(applied?.status);
    if (!isDeletion && !isEviction(call.resource, applied?.status)) continue;
    const at = applied?.at ?? 0;
    const version = records.findLast((record) => record.at <= at + 50)?.version ?? 0;
    replaced.set(version, (replaced.get(version) ?? new Set()).add(call.name ?? ''));
    if (outcome !== String(applied?.status)) continue;
    const effect = `${what} ${call.name} by ${client} ${process}`;
    const before = last.get(effect) ?? Number.NEGATIVE_INFINITY;
    if (at - before < UNSEEN_MS) repeated.push(`${effect}: again after ${at - before} ms`);
    last.set(effect, at);
  }
  const most = MAX_REPLACEMENTS * Math.max(ending.pods.length, FLEET);
  const broken = [...replaced].filter(([, { size }]) => size > most);
  return [
    ...broken.map(([version, { size }]) => `${size} pods were replaced for version ${version}, more than ${most}`),
    ...repeated,
  ];
};

/** Pods of the three services at rest. */
const FLEET = 4;
const MAX_REPLACEMENTS = 3;
/** The operator waits for longer before it does the same to the same pod again. */
const UNSEEN_MS = 4_000;

function isEviction(resource: string, status: number | undefined): boolean {
  return resource === 'pods/eviction' && isGood(status);
}

/** Whether the pod refused the newest ack key of that moment; what reads mounted files is late and never stale. */
function wasStale({ plan, records, lives }: Evidence, { call, applied }: Exchange): boolean {
  if (plan.workload === 'files') return false;
  const record = records.findLast(({ at }) => at <= (applied?.at ?? 0) + 50);
  const ack = record?.fallbacks.at(-1) ?? '';
  return lives.some(({ pod, refuses }) => pod === call.name && refuses.has(ack));
}

/** The write has reached every node after this, milliseconds: a second, and the next whole one. */
const SPREAD_MS = 2_000;

/** Whether the pod started before the write had reached every node, and its canary was taken away since. */
function wasUntold({ plan, records, lives }: Evidence, { call, applied }: Exchange): boolean {
  if (!plan.world.some(({ name }) => name.includes('has no canary'))) return false;
  const written = records.findLast(({ at }) => at <= (applied?.at ?? 0) + 50)?.at ?? 0;
  return lives.some(
    // what was seen of a start may be late, and the operator goes by what the status tells
    ({ pod, startedAt, toldStart = startedAt }) => pod === call.name && toldStart < written + SPREAD_MS,
  );
}
