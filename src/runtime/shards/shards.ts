/**
 * The shards of this replica: announces it, works out which shards it is to hold, takes their Leases, and gives away
 * those that others are to hold.
 *
 * Two replicas may see the members differently for some seconds. Then both want a shard, or none does; the Lease lets
 * one of them work.
 */
import { aborted } from '../aborted.ts';
import { type ElectionEnd, type LeaderElectorOptions, NotLeadingError } from '../lease.ts';
import { AutoResetEvent } from '../lease-watch.ts';
import type { Logger } from '../log.ts';
import { limitedLog } from '../log-limit.ts';
import { shardOf } from './assignment.ts';
import { type Member, shardsInForce, wantedShards } from './member.ts';
import { LOOK_MS, type Members } from './members.ts';
import { Term } from './term.ts';

/** `holds`: whether a namespace is in the shard. */
type Holds = (namespace: string) => boolean;

export interface ShardsOptions extends Omit<LeaderElectorOptions, 'name' | 'onStartedLeading' | 'onChange'> {
  readonly members: Pick<Members, 'id' | 'look' | 'remove' | 'failure'>;
  readonly shards: number;
  /** @returns the name of the Lease of this shard */
  readonly leaseName: (shard: number) => string;
  readonly onChange: (leaseName: string, leading: boolean) => void;
  /** Lists afresh: resolves when everything was listed by a list that began after the call. */
  readonly list: () => Promise<void>;
  /** Called when resources of a shard may be reconciled. */
  readonly onServing: (holds: Holds) => void;
  /** Called when objects of a shard are needed no more. */
  readonly onLeft: (holds: Holds) => void;
  /** Resolves when nothing is written in the background in these namespaces. */
  readonly idle: (holds: Holds) => Promise<void>;
}

/** A shard is listed in this time, milliseconds, or the replica is not ready. */
const LIST_MS = 60_000;
/** Namespaces whose shard is remembered: hashing costs more than looking up. */
const REMEMBERED = 10_000;

/** One per process with more than one shard. */
export class Shards {
  readonly #options: ShardsOptions;
  readonly #log: Logger;
  readonly #terms = new Map<number, Term>();
  readonly #shardOf = new Map<string, number>();
  readonly #look = new AutoResetEvent();
  readonly #lost = Promise.withResolvers<ElectionEnd>();
  #looking: Promise<void> = Promise.resolve();
  #leaving = false;
  #inForce: number | undefined;

  constructor(options: ShardsOptions) {
    this.#options = options;
    this.#log = limitedLog(options.log, options.clock);
  }

  /** @returns the Lease of the shard of this namespace */
  leaseOf(namespace: string): string {
    return this.#options.leaseName(this.#shard(namespace));
  }

  /** Whether objects of this namespace are kept. */
  keeps(namespace: string): boolean {
    return this.#terms.get(this.#shard(namespace))?.keeps === true;
  }

  /** @throws NotLeadingError unless this replica may write in this namespace now */
  assertLeading(namespace: string): void {
    const term = this.#terms.get(this.#shard(namespace));
    if (term === undefined) throw new NotLeadingError('this replica does not hold the shard');
    term.assertLeading();
  }

  /** @returns what `run` returns; undefined, without a call, if this replica does not serve the namespace now */
  async pass<T>(namespace: string, run: () => Promise<T>): Promise<T | undefined> {
    return this.serves(namespace) ? this.#terms.get(this.#shard(namespace))?.pass(run) : undefined;
  }

  /** Whether its resources are reconciled. */
  serves(namespace: string): boolean {
    return this.#terms.get(this.#shard(namespace))?.state === 'Serving';
  }

  /** How many this replica holds. */
  held(): number {
    return [...this.#terms.values()].filter(({ keeps }) => keeps).length;
  }

  /** For readiness. @returns what is wrong; undefined if nothing is, also without any shard */
  failure(): string | undefined {
    const now = this.#options.clock.monotonic();
    const slow = [...this.#terms].filter(([, { state, heldSince = now }]) => {
      return state === 'Listing' && now - heldSince > LIST_MS;
    });
    const [shard] = slow[0] ?? [];
    if (shard !== undefined) return `${this.#options.leaseName(shard)} is held, and was not listed yet`;
    const stuck = [...this.#terms.values()].map((term) => term.failure()).find((failure) => failure !== undefined);
    return stuck ?? this.#options.members.failure();
  }

  /** Runs until the signal is aborted, or a Lease is lost. Then call {@link close}. */
  run(signal: AbortSignal): Promise<ElectionEnd> {
    this.#looking = this.#keepLooking(signal);
    return Promise.race([this.#lost.promise, aborted(signal).then(() => 'stopped' as const)]);
  }

  /** Says that this replica stops, so that others get ready to take over, and waits for no further Lease. */
  leave(): void {
    this.#leaving = true;
    for (const term of this.#terms.values()) if (term.state === 'Waiting') void term.release();
    this.#look.set();
  }

  /** Gives all Leases away; call it when the work has ended, and the signal of {@link run} is aborted. */
  async close(): Promise<void> {
    this.leave();
    await Promise.all([...this.#terms.values()].map((term) => term.release()));
    await this.#looking;
    await this.#options.members.remove().catch((error: unknown) => {
      this.#log.warn('the line of this member could not be removed: others wait until it is stale', { error });
    });
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    const { clock, members } = this.#options;
    let looks = 0;
    while (!signal.aborted) {
      try {
        const alive = await members.look({ held: this.held(), leaving: this.#leaving }, signal);
        looks += 1;
        // who starts at the same moment is seen at the second look
        if (looks > 1 && !this.#leaving) this.#want(alive);
      } catch (error) {
        if (!signal.aborted) this.#log.warn('the members could not be seen: this replica keeps its shards', { error });
      }
      await this.#look.wait(clock, LOOK_MS, signal);
    }
  }

  #want(alive: readonly Member[]): void {
    this.#sayInForce(shardsInForce(alive));
    const wanted = wantedShards(this.#options.members.id, alive);
    for (const shard of wanted) if (!this.#terms.has(shard)) this.#start(shard);
    for (const [shard, term] of this.#terms) if (!wanted.includes(shard)) void term.leave();
  }

  #sayInForce(inForce: number | undefined): void {
    if (inForce === this.#inForce) return;
    this.#inForce = inForce;
    const { shards } = this.#options;
    if (inForce === shards) this.#log.info('the number of shards is in force', { shards });
    else this.#log.warn('others are at work with another number of shards: waiting for their end', { shards, inForce });
  }

  #start(shard: number): void {
    const { leaseName, onChange, list, onServing, onLeft, idle } = this.#options;
    const name = leaseName(shard);
    const holds: Holds = (namespace) => this.#shard(namespace) === shard;
    const term = new Term({
      ...{ ...this.#options, name, failures: this.#log },
      onChange: (leading) => onChange(name, leading),
      onHeld: list,
      onServing: () => onServing(holds),
      onLeft: () => onLeft(holds),
      idle: () => idle(holds),
    });
    this.#terms.set(shard, term);
    void term.ended.then((end) => {
      if (end === 'lost') this.#lost.resolve(end);
      // one that was lost stays: the process ends
      else this.#terms.delete(shard);
    });
  }

  #shard(namespace: string): number {
    const known = this.#shardOf.get(namespace);
    if (known !== undefined) return known;
    if (this.#shardOf.size >= REMEMBERED) this.#shardOf.clear();
    const shard = shardOf(namespace, this.#options.shards);
    this.#shardOf.set(namespace, shard);
    return shard;
  }
}
