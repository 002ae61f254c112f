/** Finds who made a request: a person if one is known, else the program that wrote it. */
import { oneLine } from '../../kube/printable.ts';
import { askedText, BY, type JwtKeyRotation, REQUEST, REQUESTED_BY } from '../api/names.ts';
import { keptValue } from '../api/said.ts';

type Metadata = JwtKeyRotation['metadata'];
type Owner = NonNullable<Metadata['managedFields']>[number];

/**
 * @param value of the annotation; for an emergency, its nonce
 * @returns the person who wrote exactly this value, as the command line recorded; undefined if unknown
 */
export function personOf({ metadata }: JwtKeyRotation, annotation: string, value: string): string | undefined {
  const asked = askedText(annotation, value);
  const line = linesIn(metadata).find(({ what }) => what === asked);
  const person = keptValue(oneLine(line?.who ?? ''));
  return person === '' ? undefined : person;
}

/** @returns the lines about requests that still stand, so that a new request can keep them */
export function standingLines({ metadata }: JwtKeyRotation, except: readonly string[]): readonly string[] {
  const { annotations = {} } = metadata;
  const standing = Object.values(REQUEST)
    .filter((name) => annotations[name] !== undefined && !except.includes(name))
    .map((name) => askedText(name, valueIn(name, annotations[name] ?? '')));
  return linesIn(metadata).flatMap(({ what, line }) => (standing.includes(what) ? [line] : []));
}

/** @returns what identifies a request: its value or, for an emergency, its nonce, the text before the first colon */
export function valueIn(annotation: string, text: string): string {
  return annotation === REQUEST.emergency ? (text.split(':')[0] ?? '').trim() : text;
}

function linesIn({ annotations }: Metadata) {
  return (annotations?.[REQUESTED_BY] ?? '').split('\n').map((line) => {
    const [what = '', ...who] = line.split(BY);
    return { line, what, who: who.join(BY) };
  });
}

/** The API server records the name of the client that wrote a field. */
function ownerOf({ managedFields = [] }: Metadata, path: readonly string[]): Owner | undefined {
  type Fields = Readonly<Record<string, unknown>>;
  return managedFields.findLast(({ fieldsV1 }) => {
    return path.reduce<unknown>((fields, name) => (fields as Fields | undefined)?.[name], fieldsV1) !== undefined;
  });
}

/** A client that also wrote the spec has applied a manifest with the annotation, which may be a copy, or years old. */
export function askedBy(resource: JwtKeyRotation, annotation: string, value: string) {
  const owner = ownerOf(resource.metadata, ['f:metadata', 'f:annotations', `f:${annotation}`]);
  const spec = (owner?.fieldsV1 as { 'f:spec'?: unknown } | undefined)?.['f:spec'];
  const manager = owner?.manager === undefined ? 'unknown' : unverified(owner.manager);
  const actor = personOf(resource, annotation, value) ?? manager;
  return { actor, apart: owner !== undefined && spec === undefined };
}

/** @returns the client that wrote `spec.forceRotation.reason`; undefined if unknown */
export function forcedBy({ metadata }: JwtKeyRotation): string | undefined {
  const manager = ownerOf(metadata, ['f:spec', 'f:forceRotation', 'f:reason'])?.manager;
  return manager === undefined ? undefined : unverified(manager);
}

/** A client may choose any name. */
function unverified(manager: string): string {
  return `field manager ${keptValue(oneLine(manager))} (not verified)`;
}
