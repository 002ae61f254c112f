/** Clients of the API server that are counted, and that tell what they hear of its time and of its health. */
import type { Registry } from '@prometheus-io/client';
import { defined } from './base/objects.ts';
import { KubeClient } from './kube/client.ts';
import type { ClusterAccess } from './kube/config.ts';
import type { Clock } from './runtime/clock.ts';
import type { Contact } from './runtime/contact.ts';
import { requestMetrics } from './runtime/metrics.ts';
import type { ServerClock } from './runtime/server-clock.ts';

export interface ConnectorOptions {
  readonly access: ClusterAccess;
  readonly clock: Clock;
  readonly serverClock: Pick<ServerClock, 'observe'>;
  readonly registry: Registry;
}

/**
 * To be called once per registry.
 *
 * @returns makes a client whose calls are judged by this contact; with so many connections, or the default
 */
export function connector({ access, clock, serverClock, registry }: ConnectorOptions) {
  const count = requestMetrics(registry);
  return (contact: Contact, connections?: number): KubeClient =>
    new KubeClient({
      access,
      clock,
      ...defined({ connections }),
      onRequest: (observation) => {
        count(observation);
        serverClock.observe(observation);
        // Watches are judged by their events.
        if (observation.verb !== 'watch') contact.observe(observation);
      },
    });
}
