/** Turns a request for objects into an HTTP request, and the parsed answer back into objects. */
import { KubeError } from './errors.ts';
import type { WireRequest } from './http.ts';
import type { DeleteOptions, Page } from './options.ts';
import { type Place, pathOf, subjectOf } from './paths.ts';
import type { Call, Repeatable } from './requester.ts';
import type { KubeObject, ObjectKey, ResourceType } from './types.ts';

export interface Request {
  readonly verb: string;
  readonly method: WireRequest['method'];
  readonly place: Place;
  readonly repeat: Repeatable;
  readonly body?: object;
  /** JSON if absent. */
  readonly contentType?: string;
}

/** etcd keeps no object larger than 1.5 MiB, and a page has 500 objects. */
const OBJECT_BYTES = 32 * 1024 * 1024;
const PAGE_BYTES = 256 * 1024 * 1024;

/** @throws KubeError BadRequest if a name would change the path */
export function callOf({ verb, method, place, repeat, body, contentType }: Request): Call {
  return {
    subject: subjectOf(verb, place),
    method,
    path: pathOf(verb, place),
    accept: acceptOf(verb, place.type),
    ...(body !== undefined && { body: JSON.stringify(body), contentType: contentType ?? 'application/json' }),
    repeat,
    stream: verb === 'watch',
    limitBytes: verb === 'list' ? PAGE_BYTES : OBJECT_BYTES,
  };
}

function acceptOf(verb: string, { metadataOnly }: ResourceType<KubeObject>): string {
  if (metadataOnly !== true) return 'application/json';
  return `application/json;as=PartialObjectMetadata${verb === 'list' ? 'List' : ''};g=meta.k8s.io;v=v1`;
}

/**
 * The answer as an object of the type; the rest of its shape is trusted.
 *
 * @throws KubeError ServerError if it is something else
 */
export function objectOf<T extends KubeObject>(type: ResourceType<T>, { verb, place }: Request, answer: unknown): T {
  const kind = type.metadataOnly === true ? 'PartialObjectMetadata' : type.kind;
  if (isRecord(answer) && isRecord(answer.metadata) && answer.kind === kind) return answer as unknown as T;
  throw new KubeError({
    ...subjectOf(verb, place),
    code: 'ServerError',
    detail: `the answer is not of kind ${kind}`,
    maybeApplied: true,
  });
}

/**
 * @returns the page and the token of the next one
 * @throws KubeError ServerError if the answer is not a list
 */
export function listOf<T>({ verb, place }: Request, answer: unknown): Page<T> & { readonly next: string | undefined } {
  const { metadata, items } = isRecord(answer) ? answer : {};
  if (!isRecord(metadata) || typeof metadata.resourceVersion !== 'string') {
    throw new KubeError({ ...subjectOf(verb, place), code: 'ServerError', detail: 'the answer is not a list' });
  }
  const next = typeof metadata.continue === 'string' && metadata.continue !== '' ? metadata.continue : undefined;
  // A list without objects may come as null.
  return { items: Array.isArray(items) ? items : [], resourceVersion: metadata.resourceVersion, next };
}

/** @returns the plurals of what a group serves, of an APIResourceList */
export function pluralsOf(answer: unknown): readonly string[] {
  const { resources } = isRecord(answer) ? answer : {};
  return (Array.isArray(resources) ? resources : []).flatMap((resource) =>
    isRecord(resource) ? String(resource.name) : [],
  );
}

/** Adds the type to the object, since items of a list lack it. */
export function typed<T extends KubeObject>({ apiVersion, kind }: ResourceType<T>, object: T): T {
  return { ...object, apiVersion, kind };
}

/** The body of an apply, with the names that its path has. */
export function applied({ apiVersion, kind }: ResourceType<KubeObject>, key: ObjectKey, body: object): object {
  const { metadata } = body as { readonly metadata?: unknown };
  return { ...body, apiVersion, kind, metadata: { ...(isRecord(metadata) && metadata), ...key } };
}

/** @returns whether the body asks for a certain version of the object */
export function hasVersion(body: object): boolean {
  const { metadata } = body as { readonly metadata?: unknown };
  return isRecord(metadata) && metadata.resourceVersion !== undefined;
}

/** @returns the part of DeleteOptions that is set */
export function deletion({ uid, resourceVersion, gracePeriodSeconds }: DeleteOptions): object {
  const preconditions = { uid, resourceVersion };
  return { gracePeriodSeconds, ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions }) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
