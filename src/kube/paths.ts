/** Makes a path of the API from a type and a key. */
import { KubeError, type Subject } from './errors.ts';
import type { KubeObject, ObjectKey, ResourceType } from './types.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The parts of a path. */
export interface Place {
  readonly type: ResourceType<KubeObject>;
  /** Absent for all namespaces, or for a type that has none. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  readonly query?: Query | undefined;
}

/** @returns the place as an error names it */
export function subjectOf(verb: string, { type, namespace, name, subresource }: Place): Subject {
  const resource = type.plural === '' ? type.apiVersion : type.plural;
  return { verb, resource: subresource === undefined ? resource : `${resource}/${subresource}`, namespace, name };
}

/** @returns the place of the list of types in the same group */
export function groupPlace({ apiVersion, kind }: ResourceType<KubeObject>): Place {
  return { type: { apiVersion, kind, plural: '', namespaced: false } };
}

/**
 * @returns the place of one object
 * @throws KubeError BadRequest if a namespaced type has no namespace, because the call would mean something else
 */
export function placeOf(verb: string, type: ResourceType<KubeObject>, key: ObjectKey): Place {
  const place = { type, namespace: type.namespaced ? key.namespace : undefined, name: key.name };
  if (type.namespaced && key.namespace === undefined) throw refusal(verb, place, 'the namespace is missing');
  return place;
}

/**
 * @throws KubeError BadRequest if a name or namespace would change the path. Nothing is sent then.
 * @see https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/path/name.go
 */
export function pathOf(verb: string, place: Place): string {
  const { type, namespace, name, subresource, query = {} } = place;
  for (const segment of [namespace, name]) {
    if (segment !== undefined && !isSegment(segment)) {
      throw refusal(
        verb,
        { ...place, namespace: undefined, name: undefined },
        `not a name: ${JSON.stringify(segment)}`,
      );
    }
  }
  const root = type.apiVersion.includes('/') ? '/apis' : '/api';
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  const segments = [root, type.apiVersion, ...scope, type.plural, name, subresource].filter(
    (part) => part !== undefined && part !== '',
  );
  const search = searchOf(query);
  return search === '' ? segments.join('/') : `${segments.join('/')}?${search}`;
}

function isSegment(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/.test(text);
}

function searchOf(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.toString();
}

function refusal(verb: string, place: Place, detail: string): KubeError {
  return new KubeError({ ...subjectOf(verb, place), code: 'BadRequest', detail });
}
