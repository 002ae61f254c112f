/**
 * Concludes from the start of a pod what it has read from the Secret.
 *
 * Two clocks show a start. The API server records when the pod was created; its containers cannot have started before.
 * The kubelet records when a container started, by the clock of its node, which may differ by `spec.clockSkew`. So for
 * a pod that was created late enough the skew does not matter, but for a container that restarts in an old pod it does.
 */
import { type EndedTime, endedBy, type ForeignTime } from '../keyset/foreign-times.ts';

export interface ContainerStart {
  /** By the clock of the API server, rounded down to seconds; milliseconds since the epoch. */
  readonly createdAt: number;
  /** By the clock of the node, rounded down to seconds; milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Also describes a pod in which nothing runs yet: a container starts after the creation of its pod. */
export type StartOrNone = Pick<ContainerStart, 'createdAt'> & Partial<ContainerStart>;

export interface Lag {
  /** Longest time that a node's view of a Secret lags behind a write, milliseconds. */
  readonly settleMs: number;
  readonly clockSkewMs: number;
}

/** @returns the time up to which the pod has read all writes: milliseconds since the epoch, by the API server's clock */
export function readUpTo({ createdAt, startedAt = 0 }: StartOrNone, { settleMs, clockSkewMs }: Lag): number {
  return Math.max(createdAt, startedAt - clockSkewMs) - settleMs;
}

/**
 * Longest time from when a node has a Secret until the processes of a pod use what is mounted of it, milliseconds. A
 * kubelet looks at each pod every minute or a half more, and may keep a Secret for another; the rest is for the processes.
 */
const FILES_LAG_MS = 180_000;

/** @returns the time up to which whoever reads mounted files again has read all writes, by the API server's clock */
export function filesReadUpTo(now: number, { settleMs }: Lag): number {
  return now - settleMs - FILES_LAG_MS;
}

/** Start times are rounded down to seconds. */
const SECOND_MS = 1_000;

/** @returns from when on whatever starts has read all writes up to that time, as {@link readUpTo} will show */
export function readByAllFrom(at: number, { settleMs, clockSkewMs }: Lag): number {
  return at + settleMs + clockSkewMs + SECOND_MS;
}

/** @returns whether it surely started before that time, within the skew of its node's clock */
export function surelyStartedBefore(
  { createdAt, startedAt }: ContainerStart,
  at: number,
  clockSkewMs: number,
): boolean {
  return createdAt + SECOND_MS <= at && startedAt + SECOND_MS + clockSkewMs <= at;
}

/** @returns the times in which one of the containers may have read the Secret while it was not as rekey wrote it, the latest first */
export function foreignTimesOf(
  starts: readonly ContainerStart[],
  times: readonly ForeignTime[],
  now: number,
  lag: Lag,
): readonly EndedTime[] {
  return times
    .map((time) => endedBy(time, now))
    .filter(({ since, until }) => {
      return starts.some(
        (start) => !surelyStartedBefore(start, since, lag.clockSkewMs) && readUpTo(start, lag) < until,
      );
    })
    .toSorted((a, b) => b.until - a.until);
}

/** @returns whether it may have started before that time */
export function mayHaveStartedBefore(
  { createdAt, startedAt }: ContainerStart,
  at: number,
  clockSkewMs: number,
): boolean {
  return createdAt < at && startedAt - clockSkewMs < at;
}
