/** A workload of any kind, reduced to the fields that matter, without values of variables. */
import type { LabelSelector } from '../../kube/types.ts';
import type { Finding } from '../api/finding.ts';
import type { WorkloadKind } from '../settings/settings.ts';
import type { SecretRead } from './reads.ts';
import type { ReloaderView } from './reloader.ts';
import type { ContainerSources } from './sources.ts';
import type { View } from './views.ts';

/** Fields that only a Rollout has. */
export interface RolloutState {
  /** How many pods it wants. The counts in its status may be older than its last eviction. */
  readonly replicas: number;
  /** Pods created before this time are replaced, milliseconds since the epoch. */
  readonly restartAt?: number;
  /** Whether the controller has finished that restart. It no longer replaces older pods then. */
  readonly restarted: boolean;
  /** The object that has its template, and perhaps its selector. */
  readonly templateFrom?: { readonly kind: string; readonly name: string };
}

export interface WorkloadView extends View {
  readonly kind: WorkloadKind;
  readonly selector: LabelSelector;
  readonly paused: boolean;
  /** Whether its controller keeps old pods when the template changes. */
  readonly manual: boolean;
  readonly templateVersion?: number;
  /** When rekey last stamped the template, milliseconds since the epoch. */
  readonly bumpedAt?: number;
  readonly rolledOut: boolean;
  readonly failed?: string;
  readonly ready: number;
  /** How many pods it should have. */
  readonly wanted?: number;
  /** What all containers of its template read. */
  readonly reads: readonly SecretRead[];
  /** Sources of the containers that take something from a Secret. */
  readonly sources: readonly ContainerSources[];
  /** What it asks Reloader to do when a Secret changes. */
  readonly reloader?: ReloaderView;
  /** Why a restart may leave it without a pod for a moment. */
  readonly interruption?: string;
  /** Whether fewer pods serve while it restarts. */
  readonly reducesCapacity?: true;
  /** Set for a Rollout only. */
  readonly rollout?: RolloutState;
  /** Whether rekey neither restarts it nor removes its pods: CronJobs and Jobs. */
  readonly leftAlone?: true;
  /** For a Job: the CronJob that started it. */
  readonly cronJob?: string;
  /** For a Job: it has ended. */
  readonly over?: true;
  /** For a CronJob: the names of its Jobs. */
  readonly jobs?: readonly string[];
  /** Why it cannot be a target. */
  readonly finding?: Finding;
  /** Whether rekey cannot identify its pods for that reason. */
  readonly unseen?: true;
}
