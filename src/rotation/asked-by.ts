/**
 * Who has asked for something: a person where one is known, else the program that wrote it.
 */
import { oneLine } from '../kube/printable.ts';
import { askedText, BY, type JwtKeyRotation, REQUESTED_BY } from './names.ts';
import { keptValue } from './said.ts';

type Metadata = JwtKeyRotation['metadata'];
type Owner = NonNullable<Metadata['managedFields']>[number];

/**
 * @param value of the annotation as it is; of an emergency its nonce
 * @returns the person who wrote that very value, as the command line has recorded; undefined if nobody says
 */
export function personOf({ metadata }: JwtKeyRotation, annotation: string, value: string): string | undefined {
  const said = metadata.annotations?.[REQUESTED_BY] ?? '';
  const [what, ...who] = said.split(BY);
  const person = keptValue(oneLine(who.join(BY)));
  return what === askedText(annotation, value) && person !== '' ? person : undefined;
}

/** The API server tells who wrote a field by the name of the client that did. */
function ownerOf({ managedFields = [] }: Metadata, path: readonly string[]): Owner | undefined {
  type Fields = Readonly<Record<string, unknown>>;
  return managedFields.findLast(({ fieldsV1 }) => {
    return path.reduce<unknown>((fields, name) => (fields as Fields | undefined)?.[name], fieldsV1) !== undefined;
  });
}

/** Whoever wrote the spec as well has applied a manifest that holds the annotation: that may be a copy, or years old. */
export function askedBy(resource: JwtKeyRotation, annotation: string, value: string) {
  const owner = ownerOf(resource.metadata, ['f:metadata', 'f:annotations', `f:${annotation}`]);
  const spec = (owner?.fieldsV1 as { 'f:spec'?: unknown } | undefined)?.['f:spec'];
  const manager = owner?.manager === undefined ? 'unknown' : unverified(owner.manager);
  const actor = personOf(resource, annotation, value) ?? manager;
  return { actor, apart: owner !== undefined && spec === undefined };
}

/** @returns what has written `spec.forceRotation.reason`; undefined if that is not known */
export function forcedBy({ metadata }: JwtKeyRotation): string | undefined {
  const manager = ownerOf(metadata, ['f:spec', 'f:forceRotation', 'f:reason'])?.manager;
  return manager === undefined ? undefined : unverified(manager);
}

/** A client calls itself what it likes. */
function unverified(manager: string): string {
  return `field manager ${keptValue(oneLine(manager))} (not verified)`;
}
