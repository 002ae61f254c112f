/**
 * What people ask for, by annotation of the JwtKeyRotation.
 */
import { createHash } from 'node:crypto';
import type { EmergencyRequest, Requests } from './facts.ts';
import { type JwtKeyRotation, REQUEST } from './names.ts';
import { pauseOf } from './pause.ts';

/** What rekey keeps of a value of `rotate-requested-at` or `abort-requested-at`, or of a nonce, characters. */
export const MAX_VALUE = 253;
/** What rekey keeps of a reason, characters. */
export const MAX_REASON = 1_024;
const CUT = '…';
const HASH_DIGITS = 16;

/**
 * An annotation may have 256 KiB, and what people ask for is copied into those of the Secret: without a bound it would be
 * refused for ever.
 *
 * @returns the value, or its beginning with the hash of all of it, so that two long ones stay two
 */
export function boundedValue(value: string): string {
  if (value.length <= MAX_VALUE) return value;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_DIGITS);
  return `${beginningOf(value, MAX_VALUE - CUT.length - HASH_DIGITS)}${CUT}${hash}`;
}

/** @returns the reason, or its beginning with a mark: nothing is told by it */
export function boundedReason(reason: string): string {
  return reason.length <= MAX_REASON ? reason : `${beginningOf(reason, MAX_REASON - CUT.length)}${CUT}`;
}

/** Cuts between characters. */
function beginningOf(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

/** @returns a text that changes whenever people change what they want: the spec, or an annotation that is rekey's */
export function wishesIn({ metadata }: JwtKeyRotation): string {
  const ours = Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith('rekey.dev/'));
  return JSON.stringify([metadata.generation, ours]);
}

/** Public for whoever must know of an emergency before anything is observed. */
export function emergencyOf({ metadata, status }: JwtKeyRotation): EmergencyRequest | undefined {
  const text = metadata.annotations?.[REQUEST.emergency]?.trim();
  if (text === undefined || text === '') return undefined;
  const [first = '', ...rest] = text.split(':');
  const nonce = boundedValue(first.trim());
  const reason = boundedReason(rest.join(':').trim()) || 'no reason given';
  const owner = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.emergency);
  return { nonce, reason, ...askedBy(owner), handled: status?.lastHandledEmergency === nonce };
}

export function requestsOf(resource: JwtKeyRotation): Requests {
  const { metadata } = resource;
  const annotations = metadata.annotations ?? {};
  const rotateAt = wishIn(annotations[REQUEST.rotateAt]);
  const abortAt = wishIn(annotations[REQUEST.abortAt]);
  const paused = pauseOf(resource);
  const emergency = emergencyOf(resource);
  const owner = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.rotateAt);
  const { actor, apart } = askedBy(owner);
  return {
    ...(paused !== undefined && { paused }),
    ...(rotateAt !== undefined && { rotateAt }),
    ...(abortAt !== undefined && { abortAt }),
    ...(emergency !== undefined && { emergency }),
    ...(owner !== undefined && { rotateActor: actor }),
    ...(rotateAt !== undefined && { rotateApart: apart }),
  };
}

/** An empty value is what is left of a request, and asks for nothing. */
function wishIn(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : boundedValue(value);
}

/** The API server tells who wrote a field by the name of the client that did. */
function ownerOfAnnotation(
  managedFields: NonNullable<JwtKeyRotation['metadata']['managedFields']>,
  name: string,
): Owner | undefined {
  return managedFields.findLast(({ fieldsV1 }) => {
    const metadata = (fieldsV1 as { 'f:metadata'?: { 'f:annotations'?: Record<string, unknown> } } | undefined)?.[
      'f:metadata'
    ];
    return metadata?.['f:annotations']?.[`f:${name}`] !== undefined;
  });
}

type Owner = NonNullable<JwtKeyRotation['metadata']['managedFields']>[number];

/** Whoever wrote the spec as well has applied a manifest that holds the annotation: that may be a copy, or years old. */
function askedBy(owner: Owner | undefined) {
  const spec = (owner?.fieldsV1 as { 'f:spec'?: unknown } | undefined)?.['f:spec'];
  const actor = owner?.manager === undefined ? 'unknown' : boundedValue(owner.manager);
  return { actor, apart: owner !== undefined && spec === undefined };
}
