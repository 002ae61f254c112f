/**
 * Leader election on a Lease of coordination.k8s.io, modelled on client-go.
 *
 * What is guaranteed: {@link LeaderElector.assertLeading} throws unless our last successful renewal was *sent* less
 * than `renewDeadlineMs` ago by this machine's monotonic clock. Others take a Lease over only after it has not changed
 * for `leaseDurationMs` by their own clocks. Wall clocks may differ as they like.
 *
 * What is NOT guaranteed: that there is only one leader. Clocks may run at different speeds (duration / deadline = 1.5
 * is the tolerated ratio), and a write that was asserted may still reach the server after a pause of the process or the
 * network. So the lease makes two leaders rare. They are harmless because every write is conditional (on a
 * resourceVersion) or idempotent. Still assert before each write.
 *
 * Release the Lease only after all guarded work has ended: abort the signal of `run` as a late stop step.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go
 */
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import type { Clock } from './clock.ts';
import { type Attempt, LeaseLock, type LeaseLockOptions, UNKNOWN_HOLDER } from './lease-lock.ts';
import { AutoResetEvent, watchForRelease } from './lease-watch.ts';
import type { Logger } from './log.ts';
import { limitedLog } from './log-limit.ts';

export interface LeaderElectorOptions extends LeaseLockOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** For tries that fail, of which there may be one every two seconds. Default: the log, three times a minute. */
  readonly failures?: Logger;
  /** A leader that could not renew for this time stops. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between two tries. Default 2 s. */
  readonly retryPeriodMs?: number;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  /** Must not throw. Its signal is aborted when leadership ends for any reason. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  /** For metrics; called with false once at the start. */
  readonly onChange?: (leading: boolean) => void;
}

/** A guarded step was attempted without a recent renewal. */
export class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError';
  readonly code = 'NotLeading';
}

/** `lost`: the process must end with an error, because work of the old term may be under way. */
export type ElectionEnd = 'stopped' | 'lost';

/** A process that neither gets the Lease nor sees a holder for so long is not ready. */
const STUCK_MS = 30_000;
/** Lines a minute for tries that fail. */
const FAILURE_LINES = 3;
/** Time limit of releasing the Lease. */
const RELEASE_MS = 2_000;

/** One per process. */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #lock: LeaseLock;
  readonly #log: Logger;
  readonly #failures: Logger;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  #leading = false;
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** Since when tries to take the Lease have failed without a holder in sight, monotonic. */
  #stuckSince: number | undefined;
  #lastFailure = '';

  /** @throws RangeError unless lease duration > renew deadline > retry period */
  constructor(options: LeaderElectorOptions) {
    const { renewDeadlineMs = 10_000, retryPeriodMs = 2_000, leaseDurationMs = 15_000 } = options;
    if (!(leaseDurationMs > renewDeadlineMs + retryPeriodMs && renewDeadlineMs > retryPeriodMs && retryPeriodMs > 0)) {
      throw new RangeError('the lease duration must be longer than renew deadline plus retry period, each above 0');
    }
    this.#options = options;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryPeriodMs = retryPeriodMs;
    this.#lock = new LeaseLock(options);
    const { log, failures = limitedLog(log, options.clock, FAILURE_LINES), identity } = options;
    const fields = { lease: `${options.namespace}/${options.name}`, identity };
    this.#log = log.child(fields);
    this.#failures = failures.child(fields);
  }

  /** For readiness. @returns why this process cannot take the Lease; undefined while it leads, or somebody else does */
  failure(): string | undefined {
    if (this.#stuckSince === undefined) return undefined;
    const stuckMs = this.#options.clock.monotonic() - this.#stuckSince;
    if (stuckMs < STUCK_MS) return undefined;
    const { namespace, name } = this.#options;
    const since = `for ${Math.round(stuckMs / 1_000)} s`;
    return `lease ${namespace}/${name} was not taken, and no holder was seen, ${since}: ${this.#lastFailure}`;
  }

  /** Whether a guarded step may be taken now. */
  isLeader(): boolean {
    return this.#leading && this.#options.clock.monotonic() - this.#renewedAt < this.#renewDeadlineMs;
  }

  /**
   * The fence before each write. After a pause of the process it throws until the Lease is renewed again, which
   * succeeds only if nobody else has written it.
   *
   * @throws NotLeadingError
   */
  assertLeading(): void {
    if (!this.#leading) throw new NotLeadingError('this replica is not the leader');
    const ageMs = this.#options.clock.monotonic() - this.#renewedAt;
    if (ageMs >= this.#renewDeadlineMs) {
      throw new NotLeadingError(`the lease was last renewed ${Math.round(ageMs / 1000)} s ago`);
    }
  }

  /**
   * Waits for the Lease, leads while it can be renewed, and releases it when the signal is aborted.
   *
   * @returns why it ended; never rejects
   */
  async run(signal: AbortSignal): Promise<ElectionEnd> {
    const { onChange, onStartedLeading } = this.#options;
    onChange?.(false);
    if (!(await this.#acquire(signal))) return 'stopped';
    const term = new AbortController();
    this.#leading = true;
    this.#log.info('started leading');
    onChange?.(true);
    onStartedLeading(term.signal);
    const end = await this.#keep(signal);
    this.#leading = false;
    term.abort(new NotLeadingError(end === 'lost' ? 'the lease was lost' : 'the lease was released'));
    onChange?.(false);
    if (end === 'stopped') await this.#release();
    else this.#log.error('the lease was lost');
    return end;
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, random = Math.random } = this.#options;
    const waiting = new AbortController();
    const released = new AutoResetEvent();
    const watching = watchForRelease(this.#options, released, AbortSignal.any([signal, waiting.signal]));
    let holder: string | undefined;
    try {
      while (!signal.aborted) {
        const attempt = await this.#try('acquire', this.#renewDeadlineMs / 2, signal);
        this.#noteStuck(attempt);
        if (attempt?.held) {
          this.#renewedAt = attempt.sentAt;
          return true;
        }
        if (attempt !== undefined && attempt.holder !== holder) {
          holder = attempt.holder;
          const leads = holder === UNKNOWN_HOLDER ? 'another replica may lead' : 'another replica leads';
          this.#log.info(leads, { holder });
          if (attempt.excess) this.#log.warn('the lease claims to be held for too long', { holder, ...attempt.excess });
        }
        const pauseMs = this.#retryPeriodMs * (1 + random() / 5);
        await released.wait(clock, Math.min(pauseMs, attempt?.freeInMs ?? pauseMs), signal);
      }
      return false;
    } finally {
      waiting.abort();
      await watching;
    }
  }

  #noteStuck(attempt: Attempt | undefined): void {
    // whoever won a race was not seen, and may be nobody
    if (attempt === undefined) this.#stuckSince ??= this.#options.clock.monotonic();
    else if (attempt.held || attempt.holder !== UNKNOWN_HOLDER) this.#stuckSince = undefined;
  }

  /** Renews until the signal is aborted, or a renewal comes too late. */
  async #keep(signal: AbortSignal): Promise<ElectionEnd> {
    const { clock } = this.#options;
    for (;;) {
      await clock.sleep(this.#retryPeriodMs, signal).catch(() => undefined);
      if (signal.aborted) return 'stopped';
      // Below the deadline, so that after a hung call there is time for another one; and after a pause of the process
      // one try is left, since a renewal that succeeds proves that nobody led meanwhile.
      const left = this.#renewDeadlineMs - (clock.monotonic() - this.#renewedAt);
      const timeoutMs = Math.max(this.#retryPeriodMs, Math.min(left, this.#renewDeadlineMs / 2));
      const attempt = await this.#try('renew', timeoutMs, signal);
      if (attempt?.held) this.#renewedAt = attempt.sentAt;
      else if (signal.aborted) return 'stopped';
      else if (attempt !== undefined || !this.isLeader()) return 'lost';
    }
  }

  async #try(what: 'acquire' | 'renew', timeoutMs: number, signal: AbortSignal): Promise<Attempt | undefined> {
    try {
      return await this.#lock[what]({ timeoutMs, signal });
    } catch (error) {
      // Losing the race to another replica is normal in an election.
      const lostRace = what === 'acquire' && isKubeError(error, 'Conflict', 'AlreadyExists');
      if (!signal.aborted && !lostRace) this.#failures.warn(`could not ${what} the lease`, { error });
      this.#lastFailure = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#lock.release({ timeoutMs: RELEASE_MS });
      this.#log.info('released the lease');
    } catch (error) {
      this.#log.warn('could not release the lease: the next leader waits until it expires', { error });
    }
  }
}
