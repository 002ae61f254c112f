import { setTimeout as sleep } from 'node:timers/promises';
import { type JwtKeyRotation, REQUEST, STATE } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';
import type { Keyset } from '../../../src/rotation/keyset/keyset.ts';
import { decodeState } from '../../../src/rotation/keyset/state.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { Secret } from '../node/types.ts';
import { Changes } from './changes.ts';
import { type Patience, until } from './until.ts';

/** A JwtKeyRotation as the test client reads it. */
export type Resource = KubeObject & Pick<JwtKeyRotation, 'spec' | 'status'>;

/** A rotation as it stands in the cluster. */
export interface RotationState {
  readonly resource: Resource;
  /** Undefined if there is none. Its data holds keys: never print it. */
  readonly secret: Secret | undefined;
  /** The Secret's annotations; undefined as long as rekey has not written it. */
  readonly keyset: Keyset | undefined;
}

/**
 * Reads the resource and its Secret, one after the other: between the two the operator may have gone on.
 *
 * @throws StateError when the Secret's annotations are not what rekey writes
 */
export async function readState(api: KubeApi, namespace: string, name: string): Promise<RotationState> {
  const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name });
  const secret = await api.find<Secret>({ kind: 'Secret', namespace, name: resource.spec.secretName });
  const annotations = secret?.metadata.annotations ?? {};
  return { resource, secret, keyset: annotations[STATE.version] === undefined ? undefined : decodeState(annotations) };
}

/** The texts of the keys of a Secret: for test code only, and never to be printed. */
export function keysOf(secret: Secret): { readonly signing: string; readonly fallbacks: readonly string[] } {
  const text = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString();
  const fallbacks = text('JWT_SECRET_KEY_FALLBACKS').split(',');
  return { signing: text('JWT_SECRET_KEY'), fallbacks: fallbacks.filter((key) => key !== '') };
}

/**
 * Waits until the rotation is as described.
 *
 * @param what a sentence for the error, which also tells phase and conditions as last seen
 */
export async function waitFor(
  api: KubeApi,
  namespace: string,
  name: string,
  what: string,
  holds: (state: RotationState) => boolean,
  patience?: Patience,
): Promise<RotationState> {
  let last: RotationState | undefined;
  let changes: Changes | undefined;
  const look = async () => {
    last = await readState(api, namespace, name);
    return holds(last) ? last : undefined;
  };
  const pause = (everyMs: number) => {
    changes ??= changesOf(api, namespace, last);
    return changes?.next(everyMs) ?? sleep(everyMs);
  };
  try {
    return await until(what, look, { pause, ...patience }, () => describe(last));
  } finally {
    changes?.stop();
  }
}

function changesOf(api: KubeApi, namespace: string, state: RotationState | undefined): Changes | undefined {
  if (state === undefined) return undefined;
  const { resource, secret } = state;
  const { resourceVersion = '', name } = resource.metadata;
  const version = secret?.metadata.resourceVersion ?? resourceVersion;
  return new Changes(api, [
    { kind: 'JwtKeyRotation', namespace, name, resourceVersion },
    { kind: 'Secret', namespace, name: resource.spec.secretName, resourceVersion: version },
  ]);
}

/** Waits for a phase of the status: a coarse phase may be over before it is seen, so ask for one that rests. */
export function waitForPhase(
  api: KubeApi,
  namespace: string,
  name: string,
  phase: NonNullable<JwtKeyRotationStatus['phase']>,
  patience?: Patience,
): Promise<RotationState> {
  const holds = ({ resource }: RotationState): boolean => resource.status?.phase === phase;
  return waitFor(api, namespace, name, `phase ${phase}`, holds, patience);
}

/** Fields of a spec with which a rotation rests once its key is staged, so that something can be done in this phase. */
export const RESTS_STAGED = {
  maintenanceWindows: [{ schedule: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, duration: '1h' }],
};

/** Lets a rotation that rests at Staged go on, and rest again at Draining. */
export function restAtDraining(api: KubeApi, namespace: string, name: string): Promise<unknown> {
  const spec = { maintenanceWindows: null, maxTokenTTL: '1h' };
  return api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec });
}

/** Lets a rotation that rests go on to its end, with tokens of this life. */
export function goOn(api: KubeApi, namespace: string, name: string, maxTokenTTL = '5s'): Promise<unknown> {
  return api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec: { maintenanceWindows: null, maxTokenTTL } });
}

/** Waits until rekey manages the Secret, rests, and says so. */
export function waitUntilReady(
  api: KubeApi,
  namespace: string,
  name: string,
  patience?: Patience,
): Promise<RotationState> {
  const holds = ({ resource, keyset }: RotationState): boolean =>
    keyset?.phase === 'Steady' && conditionOf(resource, 'Ready')?.status === 'True';
  return waitFor(api, namespace, name, `${name} is Ready`, holds, patience);
}

/** Waits until the condition Ready has this reason. */
export function waitUntilTold(
  api: KubeApi,
  namespace: string,
  name: string,
  reason: string,
  type = 'Ready',
): Promise<RotationState> {
  const holds = ({ resource }: RotationState): boolean => conditionOf(resource, type)?.reason === reason;
  return waitFor(api, namespace, name, `${reason} is told`, holds);
}

/** The value to hand to {@link waitUntilDone}. */
export async function requestRotation(
  api: KubeApi,
  namespace: string,
  name: string,
  value = new Date().toISOString(),
): Promise<string> {
  const annotations = { [REQUEST.rotateAt]: value };
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  return value;
}

/** Asks for the rotation under way to be aborted or rolled back. */
export async function requestAbort(
  api: KubeApi,
  namespace: string,
  name: string,
  value = new Date().toISOString(),
): Promise<string> {
  const annotations = { [REQUEST.abortAt]: value };
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  return value;
}

/**
 * Waits until a rotation is over, whatever its outcome, and the status has caught up with the Secret.
 *
 * @param patience `requestedAt`: the rotation that {@link requestRotation} asked for; the first that ends otherwise.
 *   Default time-out: eight minutes
 */
export function waitUntilDone(
  api: KubeApi,
  namespace: string,
  name: string,
  { requestedAt, ...patience }: Patience & { readonly requestedAt?: string } = {},
): Promise<RotationState> {
  const holds = ({ resource, keyset }: RotationState): boolean => {
    if (keyset?.phase !== 'Steady' || keyset.rotation?.outcome === undefined) return false;
    if (requestedAt !== undefined && keyset.handled.rotateAt !== requestedAt) return false;
    return resource.status?.phase === 'Steady' && resource.status.keysetVersion === keyset.version;
  };
  return waitFor(api, namespace, name, `the rotation of ${name} is over`, holds, { timeoutMs: 480_000, ...patience });
}

type Condition = NonNullable<JwtKeyRotationStatus['conditions']>[number];

/** A condition of the status by its type. */
export function conditionOf(resource: Resource, type: string): Condition | undefined {
  return resource.status?.conditions?.find((condition) => condition.type === type);
}

function describe(state: RotationState | undefined): string {
  const { status } = state?.resource ?? {};
  const conditions = status?.conditions?.map(
    ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
  );
  return [`phase ${status?.phase}, in the Secret ${state?.keyset?.phase}`, ...(conditions ?? [])].join('; ');
}
