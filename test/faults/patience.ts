/**
 * Time limits on a machine that does other work besides: all takes longer then, and that says nothing about the operator.
 */
import { availableParallelism, loadavg } from 'node:os';

/** Processes per core that want to run at the same time where the limits were set: six plans on two cores. */
const USUAL = 3;
/** What takes longer than this many times the limit is stuck. */
const MOST = 5;

/** @returns by how much a limit is stretched now, from 1 on */
export function patience(load = loadavg()[0] ?? 0, cores = availableParallelism()): number {
  return Math.min(MOST, Math.max(1, load / cores / USUAL));
}
