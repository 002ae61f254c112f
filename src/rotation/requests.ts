/**
 * What people ask for, by annotation of the JwtKeyRotation.
 */
import type { EmergencyRequest, Requests } from './facts.ts';
import { type JwtKeyRotation, REQUEST } from './names.ts';
import { pauseOf } from './pause.ts';
import { keptReason, keptValue } from './said.ts';

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
  const nonce = keptValue(first.trim());
  const reason = keptReason(rest.join(':').trim()) || 'no reason given';
  const owner = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.emergency);
  const last = status?.lastHandledEmergency;
  return { nonce, reason, ...askedBy(owner), handled: last !== undefined && keptValue(last) === nonce };
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
  return value === undefined || value.trim() === '' ? undefined : keptValue(value);
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
  const actor = owner?.manager === undefined ? 'unknown' : keptValue(owner.manager);
  return { actor, apart: owner !== undefined && spec === undefined };
}
