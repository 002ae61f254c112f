/** What the reflector of reflector.ts keeps a copy of, and how. */
import type { KubeClient } from '../kube/client.ts';
import type { Gate } from '../kube/gate.ts';
import type { Selection } from '../kube/options.ts';
import type { KubeObject, ResourceType } from '../kube/types.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

export interface ReflectorOptions<Raw extends KubeObject, T> {
  readonly client: Pick<KubeClient, 'pages' | 'watch'>;
  readonly type: ResourceType<Raw>;
  readonly selection?: Selection;
  /** Keeps the needed fields; the raw object is dropped. */
  readonly project: (raw: Raw) => T;
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  /** Time between two lists. Default 10 min. */
  readonly relistMs?: number;
  /** Default 90 s. */
  readonly idleTimeoutMs?: number;
  /** Whether objects of this namespace are kept now; all if absent. If more are, call {@link Reflector.relist}. */
  readonly keep?: ((namespace: string) => boolean) | undefined;
  /** A gate for each list and each start of a watch, if many reflectors would reach the server at once. */
  readonly gate?: Gate;
}
