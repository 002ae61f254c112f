/** One Lease as a lock: reads it, judges it, and writes it on condition that nobody else has. */
import { defined } from '../base/objects.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { microTime } from '../kube/microtime.ts';
import { LEASES, type Lease } from '../kube/types.ts';
import type { Clock } from './clock.ts';

export interface LeaseLockOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** Unique for each process, not only for each host. */
  readonly identity: string;
  /** Others may take the Lease if it has not changed for this time. Default 15 s. */
  readonly leaseDurationMs?: number;
}

/** A holder that asks for longer gets no more: it may be anybody, and the number a mistake. */
export const MOST_LEASE_SECONDS = 60;
const DEFAULT_MS = 15_000;
/** The API server takes no greater number. */
const MOST_TRANSITIONS = 2_147_483_647;

/** Of a Lease that somebody may have taken, whom nobody has read. */
export const UNKNOWN_HOLDER = 'unknown';

/** Time limit of a try with all its calls. */
export interface TryOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type Attempt =
  /** `sentAt`: monotonic time just before the write was sent, when our hold begins. */
  | { readonly held: true; readonly sentAt: number }
  /** `freeInMs`: when it may be taken, if its holder does nothing. */
  | { readonly held: false; readonly holder: string; readonly freeInMs: number; readonly excess?: Excess };

/** A Lease claims to be held for longer than anybody honours, seconds. */
export interface Excess {
  readonly leaseDurationSeconds: number;
  readonly honouredSeconds: number;
}

/** All methods throw KubeError if the outcome is unknown or somebody was faster; then try again. */
export class LeaseLock {
  readonly #options: LeaseLockOptions;
  /** The Lease as last read or written, and the time, by our clock, since when its spec has not changed. */
  #seen: { readonly lease: Lease; readonly since: number } | undefined;

  constructor(options: LeaseLockOptions) {
    this.#options = options;
  }

  /**
   * Takes the Lease if it is free, expired or ours. One that was deleted counts for as long as one of ours would: its holder learns
   * of that at its next renewal only, and makes it anew.
   */
  async acquire(options: TryOptions): Promise<Attempt> {
    const call = this.#budget(options);
    const lease = await this.#read(call());
    if (lease !== undefined) this.#see(lease);
    const holder = this.#seen?.lease.spec?.holderIdentity ?? '';
    const freeInMs = this.#freeInMs(lease === undefined);
    const isOthers = holder !== '' && holder !== this.#options.identity;
    if (isOthers && freeInMs > 0) return { held: false, holder, freeInMs, ...defined({ excess: this.#excess() }) };
    try {
      return await (lease === undefined ? this.#create(call()) : this.#write(lease, call()));
    } catch (error) {
      // somebody was faster, and may have it from now on, even if it was deleted before it could be read
      // (a Lease that cannot be created since it is not found has no namespace)
      const outrun =
        lease === undefined ? isKubeError(error, 'AlreadyExists') : isKubeError(error, 'Conflict', 'NotFound');
      if (outrun) this.#see(this.#leaseOf(UNKNOWN_HOLDER));
      throw error;
    }
  }

  /** Keeps the Lease. Unlike {@link acquire} it never takes a Lease that others had meanwhile, even if it is free now. */
  async renew(options: TryOptions): Promise<Attempt> {
    const call = this.#budget(options);
    const known = this.#seen?.lease;
    if (known !== undefined && this.#isOurs(known)) {
      try {
        return await this.#write(known, call());
      } catch (error) {
        // It may have been our own last renewal, whose answer was lost, so read it.
        if (!isKubeError(error, 'Conflict', 'NotFound')) throw error;
      }
    }
    const lease = await this.#read(call());
    if (lease === undefined) return this.#create(call());
    this.#see(lease);
    if (this.#isOurs(lease)) return this.#write(lease, call());
    return { held: false, holder: lease.spec?.holderIdentity ?? '', freeInMs: this.#freeInMs() };
  }

  /** Releases the Lease, so that nobody has to wait for its end. Does nothing if it is not ours. */
  async release(options: TryOptions): Promise<void> {
    const call = this.#budget(options);
    for (let tries = 1; ; tries += 1) {
      const lease = await this.#read(call());
      if (lease === undefined || !this.#isOurs(lease)) return;
      const now = microTime(this.#options.clock.now());
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
      try {
        await this.#options.client.replace(LEASES, { ...lease, spec }, call());
        return;
      } catch (error) {
        // A renewal of ours that timed out may still arrive.
        if (!isKubeError(error, 'Conflict') || tries >= 3) throw error;
      }
    }
  }

  /** @returns a function that gives each call the rest of the time */
  #budget({ timeoutMs, signal }: TryOptions): () => TryOptions {
    const { clock } = this.#options;
    const end = clock.monotonic() + timeoutMs;
    return () => ({ timeoutMs: Math.max(1, end - clock.monotonic()), ...defined({ signal }) });
  }

  async #read(options: TryOptions): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      return await client.get(LEASES, { namespace, name }, options);
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #create(options: TryOptions): Promise<Attempt> {
    const { client, clock, namespace, name } = this.#options;
    const sentAt = clock.monotonic();
    const lease: Lease = { metadata: { namespace, name }, spec: this.#specAfter(undefined) };
    this.#see(await client.create(LEASES, lease, options));
    return { held: true, sentAt };
  }

  async #write(lease: Lease, options: TryOptions): Promise<Attempt> {
    const { client, clock } = this.#options;
    const sentAt = clock.monotonic();
    this.#see(await client.replace(LEASES, { ...lease, spec: this.#specAfter(lease) }, options));
    return { held: true, sentAt };
  }

  #specAfter(lease: Lease | undefined): NonNullable<Lease['spec']> {
    const { clock, identity, leaseDurationMs = DEFAULT_MS } = this.#options;
    const old = lease?.spec ?? {};
    const now = microTime(clock.now());
    const ours = old.holderIdentity === identity;
    const transitions = (old.leaseTransitions ?? 0) + (ours || lease === undefined ? 0 : 1);
    return {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      acquireTime: ours ? (old.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions <= MOST_TRANSITIONS ? transitions : 0,
    };
  }

  #leaseOf(holderIdentity: string): Lease {
    const { namespace, name } = this.#options;
    return { metadata: { namespace, name }, spec: { holderIdentity } };
  }

  #see(lease: Lease): void {
    const same = this.#seen !== undefined && JSON.stringify(this.#seen.lease.spec) === JSON.stringify(lease.spec);
    const since = same && this.#seen !== undefined ? this.#seen.since : this.#options.clock.monotonic();
    this.#seen = { lease, since };
  }

  #isOurs(lease: Lease): boolean {
    return lease.spec?.holderIdentity === this.#options.identity;
  }

  /**
   * Calculated from the duration that its holder declares and the time for which we have seen it unchanged, without a
   * wall clock.
   */
  #freeInMs(isGone = false): number {
    if (this.#seen === undefined) return 0;
    const { since } = this.#seen;
    const { leaseDurationMs = DEFAULT_MS } = this.#options;
    const declaredMs = (this.#excess()?.honouredSeconds ?? this.#declaredSeconds() ?? leaseDurationMs / 1000) * 1000;
    const durationMs = isGone ? Math.min(declaredMs, leaseDurationMs) : declaredMs;
    return since + durationMs - this.#options.clock.monotonic();
  }

  #declaredSeconds(): number | undefined {
    return this.#seen?.lease.spec?.leaseDurationSeconds;
  }

  #excess(): Excess | undefined {
    const { leaseDurationMs = DEFAULT_MS } = this.#options;
    const leaseDurationSeconds = this.#declaredSeconds() ?? 0;
    const honouredSeconds = Math.max(MOST_LEASE_SECONDS, leaseDurationMs / 1000);
    return leaseDurationSeconds > honouredSeconds ? { leaseDurationSeconds, honouredSeconds } : undefined;
  }
}
