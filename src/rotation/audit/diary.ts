/**
 * The steps of a rotation for the audit log. The operator process notes them as it sees them, since the Secret
 * remembers only the last step. Nothing is noted that was not observed.
 */
import { defined, ifDefined } from '../../base/objects.ts';
import type { Facts } from '../facts.ts';
import { currentShape, endedRotations, type Keyset, type Kid, keyIn, type Phase } from '../keyset/keyset.ts';
import type { Assessment, TargetAssessment } from '../plan/decision.ts';
import { iso } from '../schedule/duration.ts';
import type { AuditStep } from './audit-log.ts';

/** Most steps of one rotation, which may go back and forth. Later steps are not noted. */
export const MAX_STEPS = 16;
/** Most names of pods in one record, all steps together, so that a log of large fleets still has about a hundred records. */
const MAX_PODS = 100;

/** In these phases pods load a keyset that was just written. */
const FOLLOWING: readonly Phase[] = ['Staging', 'Promoting', 'Retiring', 'Aborting', 'Switching', 'Burning'];

interface Noted {
  readonly name: string;
  readonly bumpedAt?: number;
  /** Milliseconds since the epoch, by the name of the pod. */
  readonly proved: ReadonlyMap<string, number>;
  readonly inferred: ReadonlySet<string>;
  readonly more: number;
}

interface Step {
  readonly phase: Phase;
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The rotation goes back to the old key. */
  readonly back: boolean;
  readonly targets: readonly Noted[];
}

/** The steps of the rotations that the Secret still records. */
export interface Diary {
  /** By the id of the rotation. */
  readonly steps: ReadonlyMap<string, readonly Step[]>;
  /** When each key was made or found, milliseconds since the epoch. */
  readonly created: ReadonlyMap<Kid, number>;
}

export const EMPTY_DIARY: Diary = { steps: new Map(), created: new Map() };

/** @returns the diary with the new observations, without what the Secret has forgotten */
export function noted(diary: Diary, { now }: Pick<Facts, 'now'>, { targets }: Assessment, keyset: Keyset): Diary {
  const { rotation } = keyset;
  const ids = new Set([...endedRotations(keyset), ...(rotation ? [rotation] : [])].map(({ id }) => id));
  const steps = new Map([...diary.steps].filter(([id]) => ids.has(id)));
  if (rotation !== undefined && rotation.outcome === undefined) {
    steps.set(rotation.id, withLook(steps.get(rotation.id) ?? [], targets, keyset, now));
  }
  const real = keyset.keys
    .filter(({ state }) => state !== 'ack')
    .map(({ kid, createdAt }) => [kid, createdAt] as const);
  const named = new Set([rotation?.from, rotation?.to, ...(rotation?.interrupted ?? []).map(({ to }) => to)]);
  const kept = [...diary.created].filter(([kid]) => named.has(kid));
  return { steps, created: new Map([...kept, ...real]) };
}

/**
 * @returns the steps of a rotation in the form of the log, without targets that have no notes; undefined if there are
 *   none
 */
export function stepsOf({ steps }: Diary, id: string): readonly AuditStep[] | undefined {
  return steps.get(id)?.map(({ phase, version, at, back, targets }) => ({
    ...{ phase, keysetVersion: version, at: iso(at), ...(back && { back }) },
    targets: targets.map(noticed).filter((target) => Object.keys(target).length > 1),
  }));
}

function noticed({ name, bumpedAt, proved, inferred, more }: Noted): AuditStep['targets'][number] {
  return {
    name,
    ...defined({ bumpedAt: ifDefined(bumpedAt, iso) }),
    ...(proved.size > 0 && { proved: Object.fromEntries([...proved].map(([pod, ms]) => [pod, iso(ms)])) }),
    ...(inferred.size > 0 && { inferred: [...inferred] }),
    ...(more > 0 && { more }),
  };
}

function withLook(steps: readonly Step[], targets: readonly TargetAssessment[], keyset: Keyset, now: number) {
  const { phase, version } = keyset;
  const last = steps.at(-1);
  const back = keyset.rotation?.failure !== undefined;
  const isSame = last?.phase === phase && last.version === version;
  if (!isSame && steps.length >= MAX_STEPS) return steps;
  const before = isSame ? steps.slice(0, -1) : steps;
  const step = isSame ? last : { phase, version, at: beganAt(keyset, last, now), back, targets: [] };
  if (!FOLLOWING.includes(phase)) return [...before, step];
  let room = MAX_PODS - before.reduce((sum, each) => sum + namedIn(each), 0);
  const seen = targets.map((target) => {
    const next = withPods(
      step.targets.find(({ name }) => name === target.name),
      target,
      step,
      room,
    );
    room -= next.proved.size + next.inferred.size;
    return next;
  });
  return [...before, { ...step, targets: seen }];
}

/**
 * A drain begins when no pod can sign with the old key. Every other step begins with its write, which only a reopened
 * drain repeats.
 */
function beganAt(keyset: Keyset, last: Step | undefined, now: number): number {
  if (keyset.phase === 'Draining') return keyIn(keyset, 'draining')?.lastSignerExit ?? now;
  if (last?.version === keyset.version) return keyset.attempts.lastWriteAt ?? now;
  return currentShape(keyset).writtenAt;
}

function withPods(
  known: Noted | undefined,
  { name, target, holding }: TargetAssessment,
  { version }: Step,
  room: number,
) {
  const proved = new Map(known?.proved);
  const inferred = new Set(known?.inferred);
  let more = 0;
  for (const { name: pod, provedAt } of holding) {
    if (proved.has(pod) || (provedAt === undefined && inferred.has(pod))) continue;
    if (!inferred.delete(pod) && proved.size + inferred.size >= room) more += 1;
    else if (provedAt === undefined) inferred.add(pod);
    else proved.set(pod, provedAt);
  }
  const { templateVersion, bumpedAt: stamped } = target.workload ?? {};
  const bumpedAt = templateVersion === version ? stamped : known?.bumpedAt;
  return { name, ...defined({ bumpedAt }), proved, inferred, more };
}

function namedIn({ targets }: Step): number {
  return targets.reduce((sum, { proved, inferred }) => sum + proved.size + inferred.size, 0);
}
