/** The version with which the state of an environment begins, also where it begins anew since the former one was lost. */
import type { EnvironmentFiles } from './environment.ts';

/** Versions are counted from here: 2026 began. */
const EPOCH_MS = Date.UTC(2026, 0, 1);
/** Far more than the time that a write takes, each of which raises the version by one. */
const UNIT_MS = 100;
/** In what is left of a state, in whichever quotes. More digits are no version of rekey. */
const VERSION = /version[^0-9a-z]{1,8}(\d{1,12})(?!\d)/gi;

/**
 * A person says with the version for which keys services were restarted. So no version may come twice, even if nothing is left of
 * the former state: this one is the time, in tenths of a second. If the clock is behind a state that is set aside, it is one
 * above every version in that.
 *
 * @param now milliseconds since the epoch
 */
export function firstVersion({ stateBytes }: Pick<EnvironmentFiles, 'stateBytes'>, now: number): number {
  const former = [...(stateBytes?.toString('utf8') ?? '').matchAll(VERSION)].map(([, digits]) => Number(digits) + 1);
  return Math.max(1, Math.floor((now - EPOCH_MS) / UNIT_MS), ...former);
}
