/**
 * For services that can hold one key only: the new key replaces the old one at once. Every outstanding token is refused
 * from then on, so it needs permission (spec.allowCutover) and a window, and is never chosen if services can accept
 * both keys.
 *
 *     Steady or Staging → Switching → Steady
 *
 * Between the write and the last pod's end the services refuse each other's tokens, so all pods are deleted at once: a
 * short gap instead of a long one.
 */

import type { Facts, Surroundings } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import type { RotationStart } from '../keyset/writes.ts';
import { besideNames } from '../settings/settings.ts';
import { outsideWindow, type Step } from './decision.ts';
import { inferredOfReplacement } from './inferred.ts';
import { reloaderPresent } from './policies/reloader.ts';
import { planReplacement } from './replacement.ts';
import { exempt } from './write-gate.ts';

/** @returns whether a service that holds one key only is a reason to cut over, not to give up */
export function mayCutOver({ settings }: Pick<Surroundings, 'settings'>): boolean {
  return settings.strategy !== 'Overlap' && settings.allowCutover;
}

/**
 * A target without a canary cannot show that it holds one key only, so its template is read instead.
 *
 * @returns whether a verifier without a canary cannot see a staged key
 */
export function isBlindToStaged({ targets, settings }: Surroundings): boolean {
  const beside = besideNames(settings);
  return targets.some(({ settings: { roles, canary }, workload }) => {
    if (workload === undefined || !roles.includes('Verifier') || canary !== undefined) return false;
    const { takes, shadows } = workload.consumption;
    return !beside.some((name) => takes.includes(name)) || shadows.some(({ key }) => beside.includes(key));
  });
}

/** @param start how the rotation begins; absent if one is under way */
export function planCutover(facts: Facts, keyset: Keyset, start?: RotationStart): Step {
  const reloader = reloaderPresent(facts);
  if (reloader !== undefined) {
    return { action: { type: 'wait' }, phase: 'Preflight', progress: reloader.message, blocked: reloader };
  }
  if (!facts.window.open) return outsideWindow(facts.window, 'Preflight', 'every outstanding token will be refused');
  const progress = 'replacing the key and every pod at once; every outstanding token is refused';
  if (!facts.live) return { action: { type: 'confirm' }, phase: 'Preflight', progress };
  const write = { transition: 'cutover', handled: keyset.handled, ...start } as const;
  return exempt(facts, write, 'Preflight', progress);
}

/** After the write of a cutover: replaces and asks all pods, then ends the cutover. */
export function planSwitching(facts: Facts, keyset: Keyset): Step {
  return planReplacement(facts, keyset, {
    phase: 'Switching',
    rolling: false,
    what: 'the old key',
    done: (acked) => {
      return { transition: 'finish', acked, outcome: 'Completed', inferred: inferredOfReplacement(facts, keyset) };
    },
  });
}
