/**
 * Who has asked for something: a person where one is known, else the program that wrote it.
 */
import { oneLine } from '../../kube/printable.ts';
import { askedText, BY, type JwtKeyRotation, REQUEST, REQUESTED_BY } from '../api/names.ts';
import { keptValue } from '../api/said.ts';

type Metadata = JwtKeyRotation['metadata'];
type Owner = NonNullable<Metadata['managedFields']>[number];

/**
 * @param value of the annotation as it is; of an emergency its nonce
 * @returns the person who wrote that very value, as the command line has recorded; undefined if nobody says
 */
export function personOf({ metadata }: JwtKeyRotation, annotation: string, value: string): string | undefined {
  const asked = askedText(annotation, value);
  const line = linesIn(metadata).find(({ what }) => what === asked);
  const person = keptValue(oneLine(line?.who ?? ''));
  return person === '' ? undefined : person;
}

/** @returns the lines that name a request as it stands, so that they can be kept while another is made */
export function standingLines({ metadata }: JwtKeyRotation, except: readonly string[]): readonly string[] {
  const { annotations = {} } = metadata;
  const standing = Object.values(REQUEST)
    .filter((name) => annotations[name] !== undefined && !except.includes(name))
    .map((name) => askedText(name, valueIn(name, annotations[name] ?? '')));
  return linesIn(metadata).flatMap(({ what, line }) => (standing.includes(what) ? [line] : []));
}

/** @returns what tells one request from the next: the value, or of an emergency its nonce, the text before the first colon */
export function valueIn(annotation: string, text: string): string {
  return annotation === REQUEST.emergency ? (text.split(':')[0] ?? '').trim() : text;
}

function linesIn({ annotations }: Metadata) {
  return (annotations?.[REQUESTED_BY] ?? '').split('\n').map((line) => {
    const [what = '', ...who] = line.split(BY);
    return { line, what, who: who.join(BY) };
  });
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
