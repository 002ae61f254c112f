/**
 * Requests for a rotation that no rotation has begun for: they wait for the one under way, or for what stands in the way.
 */

import { defined } from '../../base/objects.ts';
import { REQUEST, requestText } from '../api/names.ts';
import type { Facts, Requests, Wanted } from '../facts.ts';
import type { Handled, Keyset, Trigger } from '../keyset/keyset.ts';
import type { Step } from './decision.ts';
import { guarded } from './write-gate.ts';

/**
 * @param forceReason `spec.forceRotation.reason` as it is kept; empty for none
 * @returns what waits. One rotation serves all of it, and is called after the first
 */
export function pending(requests: Requests, forceReason: string, handled: Handled): readonly Wanted[] {
  const { rotateAt, rotateActor = 'unknown', forceActor = 'spec' } = requests;
  const { withdrawn } = handled;
  const isAsked = rotateAt !== undefined && rotateAt !== handled.rotateAt && rotateAt !== withdrawn?.rotateAt;
  const isForced = forceReason !== '' && forceReason !== handled.forceReason && forceReason !== withdrawn?.forceReason;
  return [
    ...(isAsked
      ? [{ trigger: 'Annotation', actor: rotateActor, reason: requestText(REQUEST.rotateAt, rotateAt) } as const]
      : []),
    ...(isForced ? [{ trigger: 'ForceRotation', actor: forceActor, reason: forceReason } as const] : []),
  ];
}

/** What a rotation that begins now has served: all that waits. */
export function served({ requests, settings }: Facts, handled: Handled): Handled {
  const { rotateAt, abortAt } = requests;
  const isBack = rotateAt !== undefined && rotateAt === handled.withdrawn?.rotateAt;
  const isForcedBack = settings.forceReason !== '' && settings.forceReason === handled.withdrawn?.forceReason;
  return {
    ...handled,
    ...(rotateAt !== undefined && !isBack && { rotateAt }),
    ...defined({ abortAt }),
    ...(!isForcedBack && { forceReason: settings.forceReason }),
  };
}

/** @returns the end of what waits: it is marked, since an annotation or Git may show the same value for ever */
export function withdrawing({ requests, settings }: Facts, handled: Handled) {
  const waiting = pending(requests, settings.forceReason, handled);
  if (waiting.length === 0) return { handled };
  const { rotateAt } = requests;
  const has = (trigger: Trigger) => waiting.some((wanted) => wanted.trigger === trigger);
  const withdrawn = {
    ...handled.withdrawn,
    ...(has('Annotation') && rotateAt !== undefined && { rotateAt }),
    ...(has('ForceRotation') && { forceReason: settings.forceReason }),
  };
  return { handled: { ...handled, withdrawn }, withdrawn: waiting.map(inWords) };
}

function inWords({ trigger, actor, reason }: Wanted): string {
  const what = trigger === 'ForceRotation' ? requestText('spec.forceRotation.reason', reason) : reason;
  return `${what} (requested by ${actor})`;
}

/** @returns what takes back all that waits, if a person wants that. What has begun goes on */
export function withdrawRequested(facts: Facts, keyset: Keyset): Step | undefined {
  const { withdrawAt } = facts.requests;
  if (withdrawAt === undefined || withdrawAt === keyset.handled.withdrawAt) return undefined;
  const { handled, ...words } = withdrawing(facts, keyset.handled);
  const write = { transition: 'withdraw', handled: { ...handled, withdrawAt }, ...words } as const;
  return guarded(facts, keyset, write, keyset.phase);
}
