/**
 * By what right this process works: alone without an election, by the one Lease, or by a Lease for each shard that it
 * holds.
 */
import type { Registry } from '@prometheus-io/client';
import type { Flags } from './flags.ts';
import type { KubeClient } from './kube/client.ts';
import { aborted } from './runtime/aborted.ts';
import type { Clock } from './runtime/clock.ts';
import { goesDeaf } from './runtime/deafness.ts';
import { type ElectionEnd, LeaderElector } from './runtime/lease.ts';
import type { Logger } from './runtime/log.ts';
import { leaderMetrics, shardMetrics } from './runtime/metrics.ts';
import { Members } from './runtime/shards/members.ts';
import { Shards } from './runtime/shards/shards.ts';

/** Of the Lease without shards. */
export const NAME = 'rekey';

/** Whether a namespace is among those that are meant. */
export type Holds = (namespace: string) => boolean;

export interface LeadingOptions {
  readonly flags: Pick<Flags, 'leaderElection' | 'shards'>;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** Where the Leases are. */
  readonly namespace: string;
  readonly identity: string;
  /** Starts the work, which ends with this term. */
  readonly lead: (term: AbortSignal) => void;
  /** Since the watch of resources has told anything. Infinity before the first. */
  readonly silentSeconds: () => number;
  /** The rest is called with shards only: see {@link Shards}. */
  readonly list: () => Promise<void>;
  readonly resources: () => number;
  readonly onServing: (holds: Holds) => void;
  readonly onLeft: (holds: Holds) => void;
  readonly idle: (holds: Holds) => Promise<void>;
}

/** `deaf`: it could hear nothing of its resources, so that another replica is to take over. */
export type LeadingEnd = ElectionEnd | 'deaf';

export interface Leading {
  /** @throws unless this process may write in this namespace now */
  fence(namespace: string): void;
  /** @returns namespace and name of the Lease for this namespace; absent without election */
  readonly leaseOf?: (namespace: string) => string;
  /** Whether objects of this namespace are needed now; absent if all are. */
  readonly keep?: Holds;
  /** @returns what `run` returns; undefined, without a call, if this process does not serve the namespace now */
  pass<T>(namespace: string, run: () => Promise<T>): Promise<T | undefined>;
  /** For readiness. */
  failure(): string | undefined;
  /** Works until the signal is aborted, a Lease is lost, or nothing is heard. */
  run(signal: AbortSignal): Promise<LeadingEnd>;
  /** Says that this process stops. */
  leave(): void;
  /** Gives the Leases away, once the signal is aborted and the work has ended. */
  close(): Promise<unknown>;
}

/** @returns what the flags ask for */
export function leadingBy(options: LeadingOptions): Leading {
  if (!options.flags.leaderElection) return unled(options);
  const { promise: deaf, resolve } = Promise.withResolvers<'deaf'>();
  const lead = (term: AbortSignal) => {
    void listen(options, term).then((isDeaf) => isDeaf && resolve('deaf'));
    options.lead(term);
  };
  const leading = options.flags.shards === 1 ? led({ ...options, lead }) : sharded({ ...options, lead });
  return { ...leading, run: (signal) => Promise.race([leading.run(signal), deaf]) };
}

async function listen(options: LeadingOptions, term: AbortSignal): Promise<boolean> {
  const isDeaf = await goesDeaf(options, term);
  const silentSeconds = Math.round(options.silentSeconds());
  if (isDeaf) options.log.error('the watch of resources is silent: giving the lease away', { silentSeconds });
  return isDeaf;
}

const ALONE = {
  pass: <T>(_: string, run: () => Promise<T>) => run(),
  failure: () => undefined,
  leave: () => undefined,
};

/** There is one term, which ends with the process. */
function unled({ registry, lead }: LeadingOptions): Leading {
  leaderMetrics(registry, [NAME]);
  const run = (signal: AbortSignal) => {
    lead(signal);
    return aborted(signal).then(() => 'stopped' as const);
  };
  return { ...ALONE, fence: () => undefined, run, close: () => Promise.resolve() };
}

function led(options: LeadingOptions): Leading {
  const { registry, lead, namespace } = options;
  const onChange = leaderMetrics(registry, [NAME]);
  const elector = new LeaderElector({
    ...{ ...options, name: NAME, onStartedLeading: lead },
    onChange: (leading) => onChange(NAME, leading),
  });
  let election: Promise<ElectionEnd> | undefined;
  const run = (signal: AbortSignal) => {
    election = elector.run(signal);
    return election;
  };
  const leaseOf = () => `${namespace}/${NAME}`;
  return {
    ...{ ...ALONE, fence: () => elector.assertLeading(), failure: () => elector.failure() },
    ...{ leaseOf, run, close: () => Promise.resolve(election) },
  };
}

function sharded(options: LeadingOptions): Leading {
  const { registry, lead, namespace, flags } = options;
  const leaseName = (shard: number) => `${NAME}-shard-${shard}-of-${flags.shards}`;
  const members = new Members({
    ...{ ...options, shards: flags.shards },
    ...{ name: `${NAME}-members`, unsharded: NAME },
  });
  const shards = new Shards({
    ...{ ...options, shards: flags.shards, members, leaseName },
    onChange: leaderMetrics(
      registry,
      Array.from({ length: flags.shards }, (_, shard) => leaseName(shard)),
    ),
  });
  shardMetrics(registry, { shards: () => shards.held(), resources: options.resources });
  return {
    fence: (of) => shards.assertLeading(of),
    leaseOf: (of) => `${namespace}/${shards.leaseOf(of)}`,
    keep: (of) => shards.keeps(of),
    pass: (of, run) => shards.pass(of, run),
    failure: () => shards.failure(),
    run: (signal) => {
      // the queue is empty as long as no shard is held
      lead(signal);
      return shards.run(signal);
    },
    leave: () => shards.leave(),
    close: () => shards.close(),
  };
}
