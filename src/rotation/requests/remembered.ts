/** A resource as the operator keeps it: without what takes half of its memory and is never looked at. */
import { JWT_KEY_ROTATIONS, type JwtKeyRotation, REQUEST } from '../api/names.ts';

type Owner = NonNullable<JwtKeyRotation['metadata']['managedFields']>[number];
type Fields = Readonly<Record<string, unknown>>;

const ASKED = Object.values(REQUEST).map((name) => `f:${name}`);

/**
 * Of `managedFields`, only what tells who made a request is kept: see asked-by.ts. The items of a list lack their kind,
 * and Events need it.
 */
export function remembered(raw: JwtKeyRotation): JwtKeyRotation {
  const { managedFields, ...metadata } = raw.metadata;
  const owners = (managedFields ?? []).flatMap(ownerOf);
  const { apiVersion, kind } = JWT_KEY_ROTATIONS;
  return { ...raw, apiVersion, kind, metadata: { ...metadata, ...(owners.length > 0 && { managedFields: owners }) } };
}

function ownerOf({ manager, fieldsV1 }: Owner): readonly Owner[] {
  const annotations = fieldsOf(fieldsOf(fieldsOf(fieldsV1)?.['f:metadata'])?.['f:annotations']);
  const asked = ASKED.filter((name) => annotations?.[name] !== undefined);
  const spec = fieldsOf(fieldsOf(fieldsV1)?.['f:spec']);
  const reason = fieldsOf(spec?.['f:forceRotation'])?.['f:reason'];
  if (asked.length === 0 && reason === undefined) return [];
  const kept = {
    ...(asked.length > 0 && { 'f:metadata': { 'f:annotations': Object.fromEntries(asked.map((name) => [name, {}])) } }),
    ...(spec !== undefined && { 'f:spec': reason === undefined ? {} : { 'f:forceRotation': { 'f:reason': {} } } }),
  };
  return [{ ...(manager !== undefined && { manager }), fieldsV1: kept }];
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
}
