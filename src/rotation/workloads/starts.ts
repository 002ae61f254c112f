/**
 * What a pod has read of the Secret, concluded from its start.
 *
 * Two clocks tell of a start. The API server writes when the pod was created; its containers cannot have started before.
 * The kubelet writes when a container started, by the clock of its node, which may differ by `spec.clockSkew`. So a pod
 * that is created late enough needs no skew, and a container that starts again in an old pod does.
 */

export interface ContainerStart {
  /** By the clock of the API server, whole seconds, cut off; milliseconds since the epoch. */
  readonly createdAt: number;
  /** By the clock of the node, whole seconds, cut off; milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Of a pod in which nothing runs yet: what starts in it starts after its creation. */
type StartOrNone = Pick<ContainerStart, 'createdAt'> & Partial<ContainerStart>;

export interface Lag {
  /** Longest time that a node's view of a Secret lags behind a write, milliseconds. */
  readonly settleMs: number;
  readonly clockSkewMs: number;
}

/** @returns up to which time what was written has been read: milliseconds since the epoch, by the API server's clock */
export function readUpTo({ createdAt, startedAt = 0 }: StartOrNone, { settleMs, clockSkewMs }: Lag): number {
  return Math.max(createdAt, startedAt - clockSkewMs) - settleMs;
}

/** Start times have whole seconds, cut off. */
const SECOND_MS = 1_000;

/** @returns whether it surely started before that time, whatever the clock of its node */
export function surelyStartedBefore(
  { createdAt, startedAt }: ContainerStart,
  at: number,
  clockSkewMs: number,
): boolean {
  return createdAt + SECOND_MS <= at && startedAt + SECOND_MS + clockSkewMs <= at;
}

/** @returns whether it may have started before that time */
export function mayHaveStartedBefore(
  { createdAt, startedAt }: ContainerStart,
  at: number,
  clockSkewMs: number,
): boolean {
  return createdAt < at && startedAt - clockSkewMs < at;
}
