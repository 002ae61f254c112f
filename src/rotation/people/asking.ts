/** Requests of people as patches of the resource, with the name of the person. */
import { askedText, BY, type JwtKeyRotation, REQUEST, REQUESTED_BY } from '../api/names.ts';
import { keptValue } from '../api/said.ts';
import { valueIn } from '../requests/asked-by.ts';
import { emergencyOf } from '../requests/requests.ts';

/** The program that makes the request. Flux takes back what a manager whose name begins with `kubectl` has written. */
export const FIELD_MANAGER = 'rekey-cli';

/** Each is a JSON merge patch (RFC 7396). */
export const ASK = {
  /** @param at any new value; by convention a time */
  rotate: (at: string) => annotating({ [REQUEST.rotateAt]: at }),
  abort: (at: string) => annotating({ [REQUEST.abortAt]: at }),
  withdraw: (at: string) => annotating({ [REQUEST.withdrawAt]: at }),
  checkCanaries: (at: string) => annotating({ [REQUEST.canaryCheckAt]: at }),
  /** @param target the only target to ask, such as `Deployment/api`; undefined for all */
  checkApps: (at: string, target?: string) => annotating({ [REQUEST.appCheckAt]: appCheckValue(at, target) }),
  pause: () => annotating({ [REQUEST.paused]: 'true' }),
  suspend: () => ({ spec: { suspend: true } }),
  /** Ends a pause and a suspension. */
  resume: () => ({ ...annotating({ [REQUEST.paused]: null }), spec: { suspend: false } }),
  emergency: (nonce: string, reason: string) => annotating({ [REQUEST.emergency]: `${nonce}: ${reason}` }),
  /**
   * Also removes the annotation of the emergency, so that it is never served again, unless somebody has requested
   * another one meanwhile.
   */
  contained: (nonce: string, resource: JwtKeyRotation) => {
    const isLast = emergencyOf(resource)?.nonce === nonce;
    const changed = { [REQUEST.contained]: nonce, ...(isLast && { [REQUEST.emergency]: null }) };
    return { metadata: { resourceVersion: resource.metadata.resourceVersion, annotations: changed } };
  },
} as const;

/** @returns whether the answer in a status is the one to this request */
export function isAppCheckOf(requestedAt: string | undefined, at: string, target: string | undefined): boolean {
  return requestedAt === keptValue(appCheckValue(at, target));
}

/** @returns the value of the annotation */
function appCheckValue(at: string, target: string | undefined): string {
  return target === undefined ? at : `${at} ${target}`;
}

function annotating(annotations: Readonly<Record<string, string | null>>) {
  return { metadata: { annotations } };
}

export interface Patch {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string | null>> };
  readonly spec?: object;
}

/**
 * @returns the request of the patch in the form to which a name belongs; undefined if it requests nothing by
 *   annotation, or something without such a form
 */
export function askedIn({ metadata }: Patch): string | undefined {
  const asked = Object.entries(metadata?.annotations ?? {}).find(([, value]) => value !== null);
  if (asked === undefined) return undefined;
  const [annotation, value] = asked;
  const what = askedText(annotation, valueIn(annotation, value ?? ''));
  return what.includes(BY) || what.includes('\n') ? undefined : what;
}

/** @returns whether the patch removes a request */
export function takesBack({ metadata }: Patch): boolean {
  return Object.values(metadata?.annotations ?? {}).includes(null);
}

/** @param lines of the annotation that names who made each request */
export function signed(patch: Patch, lines: readonly string[]): Patch {
  const annotations = { ...patch.metadata?.annotations, [REQUESTED_BY]: lines.join('\n') };
  return { ...patch, metadata: { ...patch.metadata, annotations } };
}
