/**
 * What the planner knows of the world: observed, complete, without a key byte.
 */

import type { Ledger } from './audit/ledger.ts';
import type { Finding } from './finding.ts';
import type { Keyset, Kid } from './keyset/keyset.ts';
import type { Due, WindowState } from './schedule/cadence.ts';
import type { Settings, TargetSettings } from './settings.ts';
import type { Consumption } from './workloads/consumption.ts';

export type Answer = 'accepted' | 'refused' | 'unknown';

/** The answers of one pod to canaries, each signed with another key. Times are milliseconds since the epoch. */
export interface Probe {
  /** Keyset version that was in the Secret when the canaries were signed. */
  readonly version: number;
  readonly at: number;
  /** By key id. A retired key that is still known is among them. */
  readonly answers: ReadonlyMap<Kid, Answer>;
  /** The answer to a key that was made up for this probe: an endpoint that accepts it verifies nothing. */
  readonly random: Answer;
}

/** A live pod: bound to a node, not ended, Terminating ones included. */
export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  /** Changes whenever a container of the pod starts anew: what was observed of one incarnation says nothing of the next. */
  readonly incarnation: string;
  readonly terminating: boolean;
  /** Of a Terminating pod: how long it may take. */
  readonly graceSeconds?: number;
  readonly ready: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When the oldest running container started; undefined if none runs. */
  readonly startedAt?: number;
  /** Keyset version in the annotation that the pod got from its template; of a pod of a Rollout, what its age tells. */
  readonly templateVersion?: number;
  /** Where canaries may go; undefined if the pod has no address of its own yet. */
  readonly address?: string;
  /** Why no canary may ever be sent to this pod. */
  readonly unprobeable?: string;
  readonly probe?: Probe;
}

export interface WorkloadFacts {
  readonly uid: string;
  readonly paused: boolean;
  /** Whether its controller leaves old pods alone when the template changes: they are evicted instead. */
  readonly manual: boolean;
  readonly templateVersion?: number;
  /** When rekey last stamped the template, milliseconds since the epoch. */
  readonly bumpedAt?: number;
  /** The controller has seen the newest template, all pods are of it and available, none is left over but by wish. */
  readonly rolledOut: boolean;
  /** Why the workload's controller has given up, in its words. */
  readonly failed?: string;
  /** Whether a container of the template reads the Secret. */
  readonly consumes: boolean;
  readonly consumption: Consumption;
  /** The annotation that makes Reloader restart it when the Secret changes. */
  readonly reloader?: string;
  /** Why no pod may be there for a moment while it restarts. */
  readonly interruption?: string;
  /** Whether fewer pods serve while it restarts. */
  readonly thins?: true;
  /** A PodDisruptionBudget that lets none of its pods be evicted, although all are healthy. Asked for of a live world only. */
  readonly heldBy?: string;
  /** Why the pods that are left while it restarts may not carry the load. Asked for of a live world only. */
  readonly overloaded?: string;
  readonly ready: number;
}

export interface TargetFacts {
  readonly settings: TargetSettings;
  /** Undefined if there is no such workload. */
  readonly workload?: WorkloadFacts;
  readonly pods: readonly PodFacts[];
  /** What is wrong with it for good, found before its pods were looked at. */
  readonly finding?: Finding;
  /** Whether it may have pods that cannot be told from others, or not be read: `pods` is empty then. */
  readonly unseen?: true;
}

/** The Secret, reduced to what may be told. */
export type SecretFacts =
  | { readonly kind: 'Absent' }
  /** `keyset`: what its annotations say, if they can be read. */
  | { readonly kind: 'Refused'; readonly finding: Finding; readonly keyset?: Keyset }
  /** It holds a key that rekey has not adopted yet, and perhaps others that are to be accepted, by fingerprint. */
  | { readonly kind: 'Unmanaged'; readonly fingerprint: string; readonly fallbacks: readonly string[] }
  | { readonly kind: 'Managed'; readonly keyset: Keyset };

/** `rekey.dev/emergency: "<nonce>: <reason>"`. */
export interface EmergencyRequest {
  readonly nonce: string;
  readonly reason: string;
  readonly actor: string;
  /** Whether the status says that it was served: asked where the Secret can no longer be read. */
  readonly handled: boolean;
}

/** What people ask for, by annotation and spec, with who asked. */
export interface Requests {
  readonly rotateAt?: string;
  readonly rotateActor?: string;
  readonly abortAt?: string;
  readonly emergency?: EmergencyRequest;
  readonly paused: boolean;
}

/** What is known without the Secret: enough to judge whether a rotation could go well. */
export interface Surroundings {
  readonly settings: Settings;
  readonly targets: readonly TargetFacts[];
  /** Workloads and pods that use the Secret and are no target, such as `Deployment/worker`. */
  readonly unlistedConsumers: readonly string[];
  /** Why a promotion would find no window in time. */
  readonly impossibleWindow?: Finding;
}

export interface Facts extends Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether everything below was read from the API server just now, not from a cache. */
  readonly live: boolean;
  /** Clock of the API server less ours, milliseconds, give or take a second; undefined if it has not told. */
  readonly clockOffsetMs?: number;
  /** Unique to this decision; names a rotation that it may start. */
  readonly nextRotationId: string;
  readonly secret: SecretFacts;
  readonly ledger: Ledger;
  /** Why the ledger cannot be read. */
  readonly ledgerFinding?: Finding;
  readonly requests: Requests;
  /** Other resources of this cluster whose Secret holds the same key, as `namespace/name`. */
  readonly sharedWith: readonly string[];
  /** Other resources of this cluster whose Secret holds a key that was burnt here, as `namespace/name`. */
  readonly burntElsewhere: readonly string[];
  readonly due: Due;
  readonly window: WindowState;
}
