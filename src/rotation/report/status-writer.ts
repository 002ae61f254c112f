/**
 * Writes the status subresource when it has something new. If only counts of pods change, it writes at most once a
 * second; whatever changes, at most thirty times at once and then once a second.
 */

import { isDeepStrictEqual } from 'node:util';
import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError, type KubeError } from '../../kube/errors.ts';
import { exponential } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import { TokenBuckets } from '../../runtime/token-buckets.ts';
import { FIELD_MANAGER, JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { remembered } from '../requests/remembered.ts';
import { wishesIn } from '../requests/requests.ts';
import { iso } from '../schedule/duration.ts';

const COUNTS_EVERY_MS = 1_000;
/** Whoever else writes the status wakes its resource each time, so this alone bounds the writes of two that disagree. */
const WRITES = { burst: 30, refillMs: 1_000 };
/** People may be told of another phase than the one it is in for so long, milliseconds. */
const BEHIND_MS = 30_000;
/** If nothing changes, the status still records once in this time that an operator reconciles, milliseconds. */
const REPORT_MS = 3_600_000;
/** Two operators with different Leases do not overwrite each other more often than this, milliseconds. */
const OTHERS_LOOK_MS = 60_000;
/** Pause after a conflict, until the watch has brought the newer resource. */
const CONFLICT_MS = 100;
const CONFLICT_CAP_MS = 15_000;
const FAILURE_MS = 1_000;
const FAILURE_CAP_MS = 300_000;
/** So many failures in a row are reported. */
const REPORTED_AFTER = 3;

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resources: Store<JwtKeyRotation>;
  /** @throws if this process may not write in this namespace now */
  readonly fence: (namespace: string) => void;
  /** @returns namespace and name of the Lease by which this process works in this namespace; absent without election */
  readonly leaseOf?: (namespace: string) => string;
  /** The longest pause between two passes over a resource, milliseconds. */
  readonly pauseMs: () => number;
}

type Look = NonNullable<JwtKeyRotationStatus['operator']>;

/** The result of a write. */
export interface StatusOutcome {
  /** In how many milliseconds it must be called again, if it could not write something new. */
  readonly againMs?: number;
  /** Why the last try failed; absent after a success. */
  readonly failure?: KubeError;
}

/** Tries that failed one after another. */
interface Failing {
  readonly count: number;
  readonly wishes: string;
  /** Monotonic, milliseconds. */
  readonly notBefore: number;
  readonly failure?: KubeError;
}

/** The status is for people: a failure to write it blocks nothing, least of all an emergency. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #writtenAt = new Map<string, number>();
  readonly #failing = new Map<string, Failing>();
  readonly #writes: TokenBuckets;
  /** An emergency goes on before the API server has answered. */
  readonly #writing = new Set<string>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#writes = new TokenBuckets(options.clock, WRITES);
  }

  /**
   * @param at by the clock of the API server, milliseconds since the epoch
   * @throws if this process may not write now
   */
  async write(resource: JwtKeyRotation, status: JwtKeyRotationStatus, at: number): Promise<StatusOutcome> {
    const { namespace = '', name } = resource.metadata;
    const key = keyOf({ namespace, name });
    const { operator: _, ...wanted } = status;
    const { operator: before, ...known } = resource.status ?? {};
    const look = this.#look(namespace, at);
    if (isDeepStrictEqual(known, wanted) && this.#isKnown(before, look, at)) {
      this.#failing.delete(key);
      // people look at the Lease that is named
      return before?.lease === look.lease ? {} : { againMs: OTHERS_LOOK_MS };
    }
    const now = this.#options.clock.monotonic();
    const failing = this.#failing.get(key);
    const isHeld = failing !== undefined && now < failing.notBefore && failing.wishes === wishesIn(resource);
    if (isHeld) return outcomeOf(failing, now);
    const minor = isDeepStrictEqual(withoutCounts(known), withoutCounts(wanted));
    const heldBackMs = (this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY) + COUNTS_EVERY_MS - now;
    if (minor && heldBackMs > 0) return { againMs: heldBackMs };
    if (this.#writing.has(key)) return { againMs: COUNTS_EVERY_MS };
    if (this.#writes.admit(key) === undefined) return { againMs: WRITES.refillMs };
    this.#options.fence(namespace);
    this.#writing.add(key);
    try {
      return await this.#patch(resource, { ...wanted, operator: look });
    } finally {
      this.#writing.delete(key);
    }
  }

  async #patch(resource: JwtKeyRotation, status: JwtKeyRotationStatus): Promise<StatusOutcome> {
    const { client, clock, resources } = this.#options;
    const { namespace = '', name, uid, resourceVersion } = resource.metadata;
    const key = keyOf({ namespace, name });
    const now = clock.monotonic();
    // conditional: a late write of a former leader must not overwrite what its successor knows
    const patch = { metadata: { uid, resourceVersion }, status: replacing(resource.status, status) };
    try {
      const options = { fieldManager: FIELD_MANAGER, subresource: 'status' } as const;
      const written = await client.mergePatch(JWT_KEY_ROTATIONS, { namespace, name }, patch, options);
      this.#writtenAt.set(key, now);
      this.#failing.delete(key);
      resources.upsert(written.metadata, remembered(written), { quiet: isStill(written, resource) });
      return {};
    } catch (error) {
      // deleted meanwhile: the watch will report it
      if (isKubeError(error, 'NotFound')) return {};
      if (!isKubeError(error)) throw error;
      return this.#failed(key, resource, error);
    }
  }

  /**
   * While thousands rotate, a resource may have something to write in each of its passes.
   *
   * @returns whether people are told of another phase or keyset than this, and have been for a while
   */
  isBehind({ metadata, status }: JwtKeyRotation, now: JwtKeyRotationStatus): boolean {
    if (status?.phase === undefined) return false;
    if (status.phase === now.phase && status.keysetVersion === now.keysetVersion) return false;
    const writtenAt = this.#writtenAt.get(keyOf(metadata)) ?? Number.NEGATIVE_INFINITY;
    return this.#options.clock.monotonic() - writtenAt >= BEHIND_MS;
  }

  #look(namespace: string, at: number): Look {
    return { ...defined({ lease: this.#options.leaseOf?.(namespace) }), lastLookTime: iso(at) };
  }

  /** A time in the future does not count as the time of a look either. */
  #isKnown(before: Look | undefined, { lease }: Look, at: number): boolean {
    if (before?.lastLookTime === undefined) return false;
    const age = Math.abs(at - Date.parse(before.lastLookTime));
    // the next pass may come so much later
    const ownMs = REPORT_MS - this.#options.pauseMs();
    return age < (before.lease === lease ? ownMs : OTHERS_LOOK_MS);
  }

  #failed(key: string, resource: JwtKeyRotation, error: KubeError): StatusOutcome {
    const count = (this.#failing.get(key)?.count ?? 0) + 1;
    const now = this.#options.clock.monotonic();
    const raced = error.code === 'Conflict';
    const pauseMs = raced
      ? exponential(CONFLICT_MS, CONFLICT_CAP_MS, count - 1)
      : exponential(FAILURE_MS, FAILURE_CAP_MS, count - 1);
    // failures that pass in a moment are not reported
    const lasts = error.refusal !== undefined || count >= REPORTED_AFTER;
    const wishes = wishesIn(resource);
    const failing = { count, wishes, notBefore: now + pauseMs, ...(!raced && lasts && { failure: error }) };
    this.#failing.set(key, failing);
    return outcomeOf(failing, now);
  }

  forget(key: string): void {
    this.#writtenAt.delete(key);
    this.#failing.delete(key);
  }
}

/** @returns whether what people say is as it was for this pass: otherwise the next pass must hear of it */
function isStill(written: JwtKeyRotation, resource: JwtKeyRotation): boolean {
  const { annotations, labels, deletionTimestamp } = written.metadata;
  const { metadata } = resource;
  const same = isDeepStrictEqual(
    [annotations, labels, written.spec],
    [metadata.annotations, metadata.labels, resource.spec],
  );
  return same && deletionTimestamp === metadata.deletionTimestamp;
}

function outcomeOf({ notBefore, failure }: Failing, now: number): StatusOutcome {
  return { againMs: notBefore - now, ...defined({ failure }) };
}

function withoutCounts(status: JwtKeyRotationStatus | undefined): object {
  const { targets: _targets, conditions = [], ...rest } = status ?? {};
  return { ...rest, conditions: conditions.map(({ message: _, ...condition }) => condition) };
}

/** A merge patch keeps what it does not name, at any depth, so outdated fields are set to null. */
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
