/**
 * What people ask for, by annotation of the JwtKeyRotation.
 */
import type { EmergencyRequest, Requests } from './facts.ts';
import { type JwtKeyRotation, REQUEST } from './names.ts';

/** Public for whoever must know of an emergency before anything is observed. */
export function emergencyOf({ metadata, status }: JwtKeyRotation): EmergencyRequest | undefined {
  const text = metadata.annotations?.[REQUEST.emergency]?.trim();
  if (text === undefined || text === '') return undefined;
  const [nonce = '', ...reason] = text.split(':');
  const owner = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.emergency);
  const handled = status?.lastHandledEmergency === nonce.trim();
  return { nonce: nonce.trim(), reason: reason.join(':').trim() || 'no reason given', ...askedBy(owner), handled };
}

export function requestsOf(resource: JwtKeyRotation): Requests {
  const { metadata } = resource;
  const annotations = metadata.annotations ?? {};
  const rotateAt = annotations[REQUEST.rotateAt];
  const abortAt = annotations[REQUEST.abortAt];
  const emergency = emergencyOf(resource);
  const owner = ownerOfAnnotation(metadata.managedFields ?? [], REQUEST.rotateAt);
  const { actor, apart } = askedBy(owner);
  return {
    paused: annotations[REQUEST.paused] === 'true',
    ...(rotateAt !== undefined && { rotateAt }),
    ...(abortAt !== undefined && { abortAt }),
    ...(emergency !== undefined && { emergency }),
    ...(owner !== undefined && { rotateActor: actor }),
    ...(rotateAt !== undefined && { rotateApart: apart }),
  };
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
  return { actor: owner?.manager ?? 'unknown', apart: owner !== undefined && spec === undefined };
}
