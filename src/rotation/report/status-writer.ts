/**
 * Writes the status subresource when it tells something new. Counts of pods alone are told once a second at most.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import { FIELD_MANAGER, JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../names.ts';
import type { JwtKeyRotationStatus } from '../types.ts';

const COUNTS_EVERY_MS = 1_000;
/** After a conflict the watch brings the newer resource in a moment. */
const CONFLICT_MS = 100;

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resources: Store<JwtKeyRotation>;
  /** @throws if this process may not write now */
  readonly fence: () => void;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #writtenAt = new Map<string, number>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** @returns in how many milliseconds it must be called again, if it had something to tell and held it back */
  async write(resource: JwtKeyRotation, status: JwtKeyRotationStatus): Promise<number | undefined> {
    const { client, clock, resources, fence } = this.#options;
    const { namespace = '', name, uid, resourceVersion } = resource.metadata;
    const key = keyOf({ namespace, name });
    if (isDeepStrictEqual(resource.status, status)) return undefined;
    const now = clock.monotonic();
    const minor = isDeepStrictEqual(withoutCounts(resource.status), withoutCounts(status));
    const heldBackMs = (this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY) + COUNTS_EVERY_MS - now;
    if (minor && heldBackMs > 0) return heldBackMs;
    fence();
    // conditional: a leader that was replaced while its write was on the way must not overwrite what its successor knows
    const patch = { metadata: { uid, resourceVersion }, status: replacing(resource.status, status) };
    try {
      const options = { fieldManager: FIELD_MANAGER, subresource: 'status' } as const;
      const written = await client.mergePatch(JWT_KEY_ROTATIONS, { namespace, name }, patch, options);
      this.#writtenAt.set(key, now);
      resources.upsert(written.metadata, written);
    } catch (error) {
      // deleted meanwhile, or another object has the name now: the watch will tell
      if (isKubeError(error, 'Conflict')) return CONFLICT_MS;
      if (!isKubeError(error, 'NotFound', 'Invalid')) throw error;
    }
    return undefined;
  }

  forget(key: string): void {
    this.#writtenAt.delete(key);
  }
}

function withoutCounts(status: JwtKeyRotationStatus | undefined): object {
  const { targets: _targets, conditions = [], ...rest } = status ?? {};
  return { ...rest, conditions: conditions.map(({ message: _, ...condition }) => condition) };
}

/** A merge patch keeps what it does not name, at any depth, so what is no longer true is named as null. */
function replacing(before: unknown, after: object): Record<string, unknown> {
  const known: Readonly<Record<string, unknown>> = isObject(before) ? before : {};
  const gone = Object.keys(known).filter((field) => !(field in after));
  const kept = Object.entries(after).map(([field, value]) => [
    field,
    isObject(value) ? replacing(known[field], value) : value,
  ]);
  return { ...Object.fromEntries(kept), ...Object.fromEntries(gone.map((field) => [field, null])) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
