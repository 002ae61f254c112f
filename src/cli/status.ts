/**
 * `status`: where each rotation is, and what it waits for.
 */

import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../rotation/api/types.ts';
import { drainText, drainTextOf } from '../rotation/settings/drain.ts';
import { drainOf } from '../rotation/settings/settings.ts';
import { columns, distance, when } from './output.ts';
import { rekeyCommand } from './pasted.ts';
import { BY_HAND, NOT_SERVED, requestedAtOf, unservedEmergency } from './unserved.ts';
import { wantedText } from './wanted.ts';

export type Condition = NonNullable<JwtKeyRotationStatus['conditions']>[number];

/** @returns undefined if the operator has not judged it yet */
export function conditionOf({ status }: JwtKeyRotation, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** @returns whether the operator has seen the spec as it is and finds nothing in the way */
export function isReady(resource: JwtKeyRotation): boolean {
  const isTrue = conditionOf(resource, 'Ready')?.status === 'True';
  return isSeen(resource) && isTrue && unservedEmergency(resource) === undefined;
}

/** @returns whether the status speaks of the spec as it is */
export function isSeen({ metadata, status }: JwtKeyRotation): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/** Reasons: the Secret is not what rekey wrote. */
export const REWRITTEN: readonly string[] = ['KeyResurrected', 'ForeignWriter'];

export const UNSEEN =
  'the operator has not reconciled it yet: check that the operator is running and has rights in this namespace';

/** A line for each. */
export function listText(resources: readonly JwtKeyRotation[], now: number, wide: boolean): string {
  const head = ['NAMESPACE', 'NAME', 'PHASE', 'READY', 'KEY', 'NEXT'];
  const rows = resources.map((resource) => {
    const { metadata, status } = resource;
    const ready = conditionOf(resource, 'Ready');
    const next = nextText(resource, now);
    const cells = [metadata.namespace ?? '', metadata.name, status?.phase ?? 'Unknown', readyText(resource, ready)];
    return [...cells, status?.currentKeyId ?? '–', next, ...(wide ? [ready?.message ?? UNSEEN] : [])];
  });
  return columns([wide ? [...head, 'MESSAGE'] : head, ...rows]);
}

function nextText(resource: JwtKeyRotation, now: number): string {
  if (unservedEmergency(resource) !== undefined) return 'EMERGENCY NOT SERVED';
  const { queued, nextRotationTime } = resource.status ?? {};
  return queued === undefined ? when(nextRotationTime, now) : 'queued';
}

/**
 * All of one.
 *
 * @param operator who looks after it, for people; left out if absent
 */
export function statusText(resource: JwtKeyRotation, now: number, operator?: string): string {
  const { metadata, spec, status = {} } = resource;
  const facts: (readonly [string, string])[] = [
    ['phase', status.phase ?? 'Unknown'],
    ...(operator === undefined ? [] : [['operator', operator] as const]),
    ['environment', spec.environment],
    ['key', keyText(resource)],
    ...queueRows(status, now),
    ['last rotation', when(status.lastRotationTime, now)],
    ['next rotation', spec.suspend ? 'none: spec.suspend is set' : when(status.nextRotationTime, now)],
    ['drain time', drainTimeText(resource)],
    ...(status.retireNotBefore === undefined ? [] : [[leavesText(status), when(status.retireNotBefore, now)] as const]),
  ];
  return [
    `${metadata.namespace}/${metadata.name}\n`,
    ...unservedRows(resource, now),
    columns(facts, '  '),
    ...(isSeen(resource) ? [] : [`  ${UNSEEN}\n`]),
    ...targetsText(status),
    ...conditionsText(status, now),
    ...emergencyText(resource, now),
  ].join('');
}

/** Where somebody else has written, the Secret does not hold the key that the status names. */
function keyText(resource: JwtKeyRotation): string {
  const { currentKeyId = '–', keysetVersion = '–' } = resource.status ?? {};
  const { secretName } = resource.spec;
  const reason = conditionOf(resource, 'Ready')?.reason ?? '';
  if (!REWRITTEN.includes(reason)) return `${currentKeyId} in Secret ${secretName}, keyset version ${keysetVersion}`;
  return `rekey wrote ${currentKeyId} (keyset version ${keysetVersion}), but Secret ${secretName} holds something else: ${reason}`;
}

/** What is under way, and what waits. */
function queueRows(
  { rotation, queued = [] }: JwtKeyRotationStatus,
  now: number,
): readonly (readonly [string, string])[] {
  const after =
    rotation === undefined ? 'the condition Ready says what it waits for' : 'starts when the rotation under way ends';
  return [
    ...(rotation === undefined
      ? []
      : [['under way', `${wantedText(rotation)}, since ${when(rotation.startedAt, now)}`] as const]),
    ...queued.map((wanted) => ['queued', `${wantedText(wanted)}; ${after}`] as const),
  ];
}

/** That of the rotation under way may be longer than the spec wants. */
function drainTimeText({ spec, status = {} }: JwtKeyRotation): string {
  const drain = drainOf(spec);
  const begunMs = (status.drainSeconds ?? 0) * 1000;
  if (begunMs <= drain.drainMs) return drainText(drain);
  return `${drainTextOf(drain, begunMs)}, fixed when this rotation started; from the next one on ${drainText(drain)}`;
}

/** Keys that were found when the Secret was taken over leave with the first rotation. */
function leavesText({ phase }: JwtKeyRotationStatus): string {
  return phase === 'Steady' ? 'found keys accepted until at least' : 'old key leaves';
}

function readyText(resource: JwtKeyRotation, ready: Condition | undefined): string {
  if (ready === undefined || !isSeen(resource)) return 'Unknown';
  return ready.status === 'True' ? 'True' : `${ready.status}: ${ready.reason}`;
}

function targetsText({ targets = [] }: JwtKeyRotationStatus): readonly string[] {
  if (targets.length === 0) return [];
  const rows = targets.map(({ kind, name, pods, ready, acked, version, level }) => {
    return [`${kind}/${name}`, `${ready}/${pods}`, `${acked}/${pods}`, version === 0 ? '–' : String(version), level];
  });
  // an emergency deletes pods and leaves templates as they are: that is why it may be lower than the keyset version
  return ['\n', columns([['TARGET', 'READY', 'ACKNOWLEDGED', 'RESTARTED FOR', 'HOW'], ...rows], '  ')];
}

function conditionsText({ conditions = [] }: JwtKeyRotationStatus, now: number): readonly string[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(({ type, status, reason, lastTransitionTime, message }) => {
    return [type, status, reason, distance(Date.parse(lastTransitionTime), now), message];
  });
  return ['\n', columns([['CONDITION', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...rows], '  ')];
}

/** Comes first: until it is served, nothing else matters. */
function unservedRows(resource: JwtKeyRotation, now: number): readonly string[] {
  const asked = unservedEmergency(resource);
  if (asked === undefined) return [];
  const at = requestedAtOf(asked);
  const requested = `${asked.nonce}: ${asked.reason}, requested${at === undefined ? '' : ` ${when(at, now)}`} by ${asked.actor}`;
  return [columns([['EMERGENCY', requested], ...[NOT_SERVED, BY_HAND].map((text) => ['', text])], '  '), '\n'];
}

/** Of the last emergency: from the fresh key to the last pod that accepted an old one. */
function emergencyText(resource: JwtKeyRotation, now: number): readonly string[] {
  const { status } = resource;
  const { emergency } = status ?? {};
  if (emergency === undefined) return [];
  const { nonce, reason, writtenAt, keyGoneAt, seconds } = emergency;
  const over = keyGoneAt !== undefined;
  const rows = [
    [unservedEmergency(resource) === undefined ? 'emergency' : 'earlier emergency', `${nonce}: ${reason}`],
    ['new key written', when(writtenAt, now)],
    [
      'burnt keys gone',
      over ? `${when(keyGoneAt, now)}, ${seconds} s later` : 'not proved yet: some pods may still accept one',
    ],
    ...inferredRows(emergency),
    ...residueRows(emergency),
  ];
  const isContained = conditionOf(resource, 'CompromiseContained')?.status === 'True';
  const hint = `  when you have found the cause: ${rekeyCommand('contained', resource)}\n`;
  return ['\n', columns(rows, '  '), ...(over && !isContained ? [hint] : [])];
}

export type Emergency = NonNullable<JwtKeyRotationStatus['emergency']>;

/** What of the end was concluded and not observed. */
export function inferredRows({ inferred }: Emergency): readonly (readonly string[])[] {
  return inferred === undefined ? [] : [['inferred, not observed', inferred]];
}

/** Where burnt keys still lie, and where nobody has looked. */
export function residueRows({ residue = [], residueIncomplete }: Emergency): readonly (readonly string[])[] {
  return [
    ...residue.map((place) => ['copy of a burnt key', place]),
    ...(residueIncomplete === undefined ? [] : [['search incomplete', residueIncomplete]]),
  ];
}
