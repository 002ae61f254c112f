/** Reads what people request by annotations of the JwtKeyRotation. */

import { defined } from '../../base/objects.ts';
import { type JwtKeyRotation, REQUEST, REQUESTED_BY } from '../api/names.ts';
import { keptReason, keptValue } from '../api/said.ts';
import { pending } from '../plan/pending.ts';
import { forceReasonOf } from '../settings/settings.ts';
import type { EmergencyRequest, Requests, Wanted } from '../wishes.ts';
import { askedBy, forcedBy, valueIn } from './asked-by.ts';
import { pauseOf } from './pause.ts';

/** A look changes nothing, however often people ask for it. */
const LOOKS: readonly string[] = [REQUEST.canaryCheckAt, REQUEST.appCheckAt, REQUESTED_BY];

/** @returns a text that changes whenever people change the spec or an annotation of rekey, but not when they ask for a look */
export function wishesIn({ metadata }: JwtKeyRotation): string {
  const ours = Object.entries(metadata.annotations ?? {}).filter(
    ([name]) => name.startsWith('rekey.dev/') && !LOOKS.includes(name),
  );
  return JSON.stringify([metadata.generation, ours]);
}

/** Exported for callers that need the emergency before anything is observed. */
export function emergencyOf(resource: JwtKeyRotation): EmergencyRequest | undefined {
  const { metadata, status } = resource;
  const text = metadata.annotations?.[REQUEST.emergency]?.trim();
  if (text === undefined || text === '') return undefined;
  const given = valueIn(REQUEST.emergency, text);
  const nonce = keptValue(given);
  const reason = keptReason(text.split(':').slice(1).join(':').trim()) || 'no reason given';
  const asked = askedBy(resource, REQUEST.emergency, given);
  const last = status?.lastHandledEmergency;
  return { nonce, reason, ...asked, handled: last !== undefined && keptValue(last) === nonce };
}

/** @returns what people request, bounded and without what looks like a key */
export function requestsOf(resource: JwtKeyRotation): Requests {
  const { metadata } = resource;
  const annotations = metadata.annotations ?? {};
  const rotateAt = wishIn(annotations[REQUEST.rotateAt]);
  const abortAt = wishIn(annotations[REQUEST.abortAt]);
  const withdrawAt = wishIn(annotations[REQUEST.withdrawAt]);
  const paused = pauseOf(resource);
  const emergency = emergencyOf(resource);
  const by = (name: string) => askedBy(resource, name, annotations[name] ?? '');
  const rotate = by(REQUEST.rotateAt);
  const abort = by(REQUEST.abortAt);
  const forceActor = forcedBy(resource);
  return {
    ...defined({ paused, rotateAt }),
    ...(rotateAt !== undefined && { rotateActor: rotate.actor, rotateApart: rotate.apart }),
    ...(abortAt !== undefined && { abortAt, abortActor: abort.actor, abortApart: abort.apart }),
    ...(withdrawAt !== undefined && { withdrawAt, withdrawApart: by(REQUEST.withdrawAt).apart }),
    ...defined({ emergency, forceActor }),
  };
}

/** @returns the request to ask every pod once, if the status has no answer to it yet */
export function canaryCheckOf({ metadata, status }: JwtKeyRotation): string | undefined {
  const at = wishIn(metadata.annotations?.[REQUEST.canaryCheckAt]);
  return at === status?.canaryCheck?.requestedAt ? undefined : at;
}

/** A request to ask one pod of each target, or of one target, which tokens it accepts. */
export interface AppCheckRequest {
  /** The value of the annotation, as the status keeps it. */
  readonly requestedAt: string;
  /** Such as `Deployment/api`: the word after the first space of the value. */
  readonly target?: string;
}

/** @returns the request, if the status has no answer to it yet */
export function appCheckOf({ metadata, status }: JwtKeyRotation): AppCheckRequest | undefined {
  const value = metadata.annotations?.[REQUEST.appCheckAt];
  const requestedAt = wishIn(value);
  if (requestedAt === undefined || requestedAt === status?.appCheck?.requestedAt) return undefined;
  const target = value?.trim().split(' ')[1];
  return { requestedAt, ...defined({ target }) };
}

/** The requests that wait for a rotation, as far as the status shows which were served. */
export function pendingIn(resource: JwtKeyRotation): readonly Wanted[] {
  const { keysetVersion, lastHandledRotateAt, observedForceReason } = resource.status ?? {};
  const { lastWithdrawnRotateAt, withdrawnForceReason } = resource.status ?? {};
  const withdrawn = {
    ...defined({ rotateAt: lastWithdrawnRotateAt, forceReason: withdrawnForceReason }),
  };
  const handled = {
    ...defined({ rotateAt: lastHandledRotateAt, forceReason: observedForceReason }),
  };
  // a request in the manifest of a new resource is recorded with the first write, and starts nothing
  const forceReason = keysetVersion === undefined ? '' : forceReasonOf(resource.spec);
  return pending(requestsOf(resource), forceReason, { ...handled, withdrawn });
}

/** An empty value requests nothing. */
function wishIn(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : keptValue(value);
}
