/**
 * What is kept of a workload, of whatever kind: the fields that decide, and no value of a variable.
 */
import type { LabelSelector } from '../../kube/types.ts';
import type { Finding } from '../api/finding.ts';
import type { WorkloadKind } from '../settings/settings.ts';
import type { SecretRead } from './reads.ts';
import type { ReloaderView } from './reloader.ts';
import type { ContainerSources } from './sources.ts';
import type { View } from './views.ts';

/** What a Rollout has and other workloads have not. */
export interface RolloutState {
  /** How many pods it wants. Its own counts may be those of the moment before its last eviction. */
  readonly replicas: number;
  /** Pods created before are replaced, milliseconds since the epoch. */
  readonly restartAt?: number;
  /** Whether the controller is through with that: whoever is older now, it leaves alone. */
  readonly restarted: boolean;
  /** What its template, and perhaps its selector, come from. */
  readonly templateFrom?: { readonly kind: string; readonly name: string };
}

export interface WorkloadView extends View {
  readonly kind: WorkloadKind;
  readonly selector: LabelSelector;
  readonly paused: boolean;
  /** Whether its controller leaves old pods alone when the template changes. */
  readonly manual: boolean;
  readonly templateVersion?: number;
  /** When rekey last stamped the template, milliseconds since the epoch. */
  readonly bumpedAt?: number;
  readonly rolledOut: boolean;
  readonly failed?: string;
  readonly ready: number;
  /** Pods that it is to have. */
  readonly wanted?: number;
  /** Of all containers of its template. */
  readonly reads: readonly SecretRead[];
  /** Of containers that take something from a Secret. */
  readonly sources: readonly ContainerSources[];
  /** What it asks Reloader to do when a Secret changes. */
  readonly reloader?: ReloaderView;
  /** Why no pod may be there for a moment while it restarts. */
  readonly interruption?: string;
  /** Whether fewer pods serve while it restarts. */
  readonly reducesCapacity?: true;
  /** Of a Rollout only. */
  readonly rollout?: RolloutState;
  /** Whether rekey neither restarts it nor takes a pod of it away: CronJobs and Jobs. */
  readonly leftAlone?: true;
  /** Of a Job: the CronJob that it is a run of. */
  readonly cronJob?: string;
  /** Of a Job: that it has ended. */
  readonly over?: true;
  /** Of a CronJob: the names of its Jobs. */
  readonly jobs?: readonly string[];
  /** Why it can be no target. */
  readonly finding?: Finding;
  /** Whether its pods cannot be told from others because of that. */
  readonly unseen?: true;
}
