/** What `/healthz` and `/readyz` check, and what `/metrics` answers. */
import type { Registry } from '@prometheus-io/client';
import type { RotationMetrics } from './rotation/report/metrics.ts';
import type { SecretWatches } from './rotation/secret/secret-watches.ts';
import type { Contact } from './runtime/contact.ts';
import type { Check, HealthServerOptions } from './runtime/http.ts';
import type { WorkQueue } from './runtime/workqueue.ts';
import type { WatchedCluster } from './watched-cluster.ts';

export interface Probed {
  readonly cluster: Pick<WatchedCluster, 'checks'>;
  readonly secrets: Pick<SecretWatches, 'failure'>;
  readonly calls: Pick<Contact, 'failure'>;
  readonly renewals: Pick<Contact, 'failure'>;
  /** Why this replica cannot take its part of the work now. */
  readonly leading: () => string | undefined;
  readonly queue: Pick<WorkQueue, 'stillFor' | 'longestMs'>;
  /** Whether workers take keys from the queue: those of a standby do not. */
  readonly works: () => boolean;
  readonly stop: AbortSignal;
}

type Checks = Readonly<Record<string, Check>>;

/** Keys wait, and none was taken for so long. */
const STILL_MS = 60_000;
/** Every call has a time limit, so a pass that takes longer is suspect. */
const SLOW_PASS_MS = 300_000;
/** A pass that takes longer does not end any more: its resource is not served until the process ends. */
const HUNG_PASS_MS = 900_000;

/** @returns the checks of `/healthz`: what a restart mends. It does not bring back the API server. */
export function healthOf({ queue }: Pick<Probed, 'queue'>): Checks {
  return { ping: () => undefined, queue: () => slower(queue.longestMs(), HUNG_PASS_MS) };
}

/** @returns the checks of `/readyz` */
export function readinessOf({ cluster, secrets, calls, renewals, leading, queue, works, stop }: Probed): Checks {
  const queueFailure = () => {
    const stillMs = works() ? queue.stillFor() : 0;
    if (stillMs > STILL_MS) return `keys wait, and no worker has taken one for ${Math.round(stillMs / 1_000)} s`;
    return slower(queue.longestMs(), SLOW_PASS_MS);
  };
  return {
    ...cluster.checks,
    secrets: () => secrets.failure(),
    calls: () => calls.failure(),
    lease: () => renewals.failure() ?? leading(),
    queue: queueFailure,
    stopping: () => (stop.aborted ? 'stopping' : undefined),
  };
}

/** Lets timers and sockets go on. */
function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** @returns the answer to `/metrics` */
export function scraped(
  registry: Pick<Registry, 'contentType' | 'metrics'>,
  rotations: Pick<RotationMetrics, 'text'>,
): HealthServerOptions['metrics'] {
  return {
    contentType: registry.contentType,
    metrics: async () => `${await registry.metrics()}${await rotations.text(pause)}`,
  };
}

function slower(ms: number, limitMs: number): string | undefined {
  return ms > limitMs ? `a pass has not ended for ${Math.round(ms / 1_000)} s` : undefined;
}
