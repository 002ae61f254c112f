/** Requests for which no rotation has begun yet: they wait for the rotation under way, or until a blocker is gone. */

import { defined } from '../../base/objects.ts';
import { REQUEST, requestText } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import type { Handled, Keyset, Trigger } from '../keyset/keyset.ts';
import type { Requests, Wanted } from '../wishes.ts';
import type { Step } from './decision.ts';
import { guarded } from './write-gate.ts';

/**
 * @param forceReason `spec.forceRotation.reason` as it is kept; empty for none
 * @returns what waits. One rotation serves all requests, and is named after the first
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

/** A rotation that begins now serves everything that waits. */
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

/** @returns marks that withdraw what waits: an annotation or Git may show the same value for ever */
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

/** @returns the step that withdraws everything that waits, if a person requests it. A rotation that has begun continues */
export function withdrawRequested(facts: Facts, keyset: Keyset): Step | undefined {
  const { withdrawAt } = facts.requests;
  if (withdrawAt === undefined || withdrawAt === keyset.handled.withdrawAt) return undefined;
  const { handled, ...words } = withdrawing(facts, keyset.handled);
  const write = { transition: 'withdraw', handled: { ...handled, withdrawAt }, ...words } as const;
  return guarded(facts, keyset, write, keyset.phase);
}
