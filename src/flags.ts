/**
 * Flags of the operator.
 */

import { parseArgs } from 'node:util';
import { defined } from './base/objects.ts';
import { parseDuration } from './rotation/schedule/duration.ts';
import type { Level } from './runtime/log.ts';
import { MOST_SHARDS } from './runtime/shards/member.ts';

export interface Flags {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Namespace to work in; all if absent. */
  readonly namespace?: string;
  readonly leaderElection: boolean;
  readonly leaderElectionNamespace?: string;
  /** More than one: replicas share the namespaces. */
  readonly shards: number;
  readonly host: string;
  readonly port: number;
  readonly workers: number;
  /** Most watches of Secrets. */
  readonly secretWatches: number;
  /** How many resources have metrics of their own. */
  readonly metricResources: number;
  /** Longest time, milliseconds, that a node's view of a Secret lags behind a write. */
  readonly settleMs: number;
  readonly logLevel: Level;
  readonly allowLoopbackPods: boolean;
  readonly allowDebugging: boolean;
  readonly allowPrivateWebhooks: boolean;
  readonly help: boolean;
}

export const HELP = `rekey: rotates shared JWT keys without rejecting a valid token

This is the operator. People use kubectl rekey.

Usage: rekey [flags]

  --kubeconfig FILE                 path to a kubeconfig (default: KUBECONFIG, ~/.kube/config or the pod's account)
  --context NAME                    context of the kubeconfig to use
  --namespace NAME                  watch this namespace only (default: all namespaces)
  --leader-election-namespace NAME  namespace of the Lease "rekey" (default: that of the kubeconfig or the pod)
  --shards N                        share the namespaces among the replicas, in N parts of one Lease each; every replica
                                    needs the same N (default: 1, one replica works)
  --no-leader-election              development only: run one replica, without a Lease
  --listen HOST:PORT                address of /healthz, /readyz and /metrics (default: 0.0.0.0:8080)
  --workers N                       resources reconciled in parallel (default: 4)
  --max-secret-watches N            watch the Secrets of N resources at most; with more resources, only Secrets of those
                                    that do not rest are watched, and the others are looked at (default: 100)
  --max-metric-resources N          resources with metrics of their own, those that do not rest first (default: 1000)
  --settle-delay DURATION           longest time a node's view of a Secret can lag behind a write (default: 10s)
  --log-level LEVEL                 error, warn, info or debug (default: info)
  --allow-loopback-pods             development only: send canaries to pods with a loopback address
  --allow-debugging                 development only: run even if Node admits a debugger or writes its memory to files
  --allow-private-webhooks          allow notifications to private addresses and over plain http
  --help                            show this help
`;

/** Enough for kubelets that watch Secrets, with a wide margin. */
export const DEFAULT_SETTLE_MS = 10_000;
const MIN_SETTLE_MS = 1_000;

const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug'];

/** A mistake in the command line. */
export class UsageError extends Error {}

/** @throws {UsageError} */
export function parseFlags(args: readonly string[]): Flags {
  const { values } = parse(args);
  const listen = /^(.*):([0-9]{1,5})$/.exec(values.listen);
  if (listen === null) throw new UsageError(`--listen ${values.listen}: write HOST:PORT`);
  const logLevel = LEVELS.find((level) => level === values['log-level']);
  if (logLevel === undefined)
    throw new UsageError(`--log-level ${values['log-level']}: write one of ${LEVELS.join(', ')}`);
  const workers = wholeNumber('--workers', values.workers, 1);
  const settleMs = parseDuration(values['settle-delay']);
  if (settleMs === undefined || settleMs < MIN_SETTLE_MS)
    throw new UsageError(`--settle-delay ${values['settle-delay']}: write a duration of 1s or more, such as 10s`);
  const leaseNamespace = values['leader-election-namespace'];
  return {
    ...defined({ kubeconfig: values.kubeconfig, context: values.context, namespace: values.namespace }),
    leaderElection: !values['no-leader-election'],
    ...defined({ leaderElectionNamespace: leaseNamespace }),
    shards: shardsOf(values),
    host: (listen[1] ?? '').replace(/^\[(.*)\]$/, '$1'),
    port: Number(listen[2]),
    workers,
    secretWatches: wholeNumber('--max-secret-watches', values['max-secret-watches'], 0),
    metricResources: wholeNumber('--max-metric-resources', values['max-metric-resources'], 0),
    settleMs,
    logLevel,
    allowLoopbackPods: values['allow-loopback-pods'],
    allowDebugging: values['allow-debugging'],
    allowPrivateWebhooks: values['allow-private-webhooks'],
    help: values.help,
  };
}

/** What one replica does alone cannot be shared. */
function shardsOf(values: ReturnType<typeof parse>['values']): number {
  const shards = wholeNumber('--shards', values.shards, 1);
  if (shards > MOST_SHARDS) throw new UsageError(`--shards ${shards}: write ${MOST_SHARDS} or less`);
  if (shards === 1) return shards;
  if (values['no-leader-election'])
    throw new UsageError('--shards needs leader election: leave out --no-leader-election');
  if (values.namespace !== undefined)
    throw new UsageError('--shards shares namespaces, and --namespace leaves one: leave out one of the two');
  return shards;
}

function wholeNumber(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (/^[0-9]{1,9}$/.test(text) && number >= least) return number;
  throw new UsageError(`${flag} ${text}: write a whole number of ${least} or more`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        kubeconfig: { type: 'string' },
        context: { type: 'string' },
        namespace: { type: 'string' },
        'leader-election-namespace': { type: 'string' },
        shards: { type: 'string', default: '1' },
        'no-leader-election': { type: 'boolean', default: false },
        listen: { type: 'string', default: '0.0.0.0:8080' },
        workers: { type: 'string', default: '4' },
        'max-secret-watches': { type: 'string', default: '100' },
        'max-metric-resources': { type: 'string', default: '1000' },
        'settle-delay': { type: 'string', default: '10s' },
        'log-level': { type: 'string', default: 'info' },
        'allow-loopback-pods': { type: 'boolean', default: false },
        'allow-debugging': { type: 'boolean', default: false },
        'allow-private-webhooks': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
