/**
 * What the planner knows of the world: observed, complete, without a key byte.
 */

import type { Finding } from './api/finding.ts';
import type { Refusal } from './api/refusal.ts';
import type { Due, WindowState } from './cadence/cadence.ts';
import type { OffSchedule } from './cadence/off-schedule.ts';
import type { Keyset, Kid, Trigger, Weakness } from './keyset/keyset.ts';
import type { Ledger } from './keyset/ledger.ts';
import type { Settings, TargetSettings } from './settings/settings.ts';
import type { Consumption } from './workloads/consumption.ts';

export type Answer = 'accepted' | 'refused' | 'unknown';

/** The answers of one pod to canaries, each signed with another key. Times are milliseconds since the epoch. */
export interface Probe {
  /** Keyset version that was in the Secret when the canaries were signed. */
  readonly version: number;
  /** When the oldest of the answers came. */
  readonly at: number;
  /** When the pod was last asked, and whether it was ready then. */
  readonly askedAt: number;
  readonly ready: boolean;
  /** How often in a row it was asked and gave no new answer. */
  readonly failures: number;
  /** By key id. A retired key that is still known is among them. */
  readonly answers: ReadonlyMap<Kid, Answer>;
  /**
   * The answer to keys that were made up for this probe, one with a made-up key id and one with that of the signing key:
   * accepted if one of them was, refused if both were. An endpoint that accepts one verifies nothing.
   */
  readonly random: Answer;
  /** Why an answer is unknown, for people: `it answered 429`. */
  readonly why?: string;
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
  /** When the oldest container that takes the key started, by the clock of its node; undefined if none runs. */
  readonly startedAt?: number;
  /**
   * What was written to the Secret up to this time, by the API server's clock, every container of the pod has read: concluded
   * from its start. Undefined where that is not known.
   */
  readonly readUpTo?: number;
  /** A container has run, whether one does now or not. */
  readonly ran?: true;
  /** Several of its containers take the key by their environment: one of them answers canaries, and of the others the start tells. */
  readonly several?: true;
  /** Keyset version in the annotation that the pod got from its template; of a pod of a Rollout, what its age tells. */
  readonly templateVersion?: number;
  /** Where canaries may go; undefined if the pod has no address of its own yet. */
  readonly address?: string;
  /** Port of its canary; undefined without a canary, or if the pod has no port of that name. */
  readonly port?: number;
  /** Why no canary may ever be sent to this pod. */
  readonly unprobeable?: string;
  readonly probe?: Probe;
}

export interface WorkloadFacts {
  readonly uid: string;
  readonly paused: boolean;
  /** Whether its controller leaves old pods alone when the template changes: they are evicted instead. */
  readonly manual: boolean;
  /** Whether rekey takes no pod of it away either: it waits until they end. */
  readonly leftAlone?: true;
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
  readonly reducesCapacity?: true;
  /** A PodDisruptionBudget that lets none of its pods be evicted, although all are healthy. Asked for of a live world only. */
  readonly heldBy?: string;
  /** Why the pods that are left while it restarts may not carry the load. Asked for of a live world only. */
  readonly overloaded?: string;
  readonly ready: number;
  /** Pods that it is to have. */
  readonly wanted?: number;
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

/** A pod, and the target that it belongs to. */
export interface PodOf {
  readonly target: TargetFacts;
  readonly pod: PodFacts;
}

/** The Secret, reduced to what may be told. */
export type SecretFacts =
  | { readonly kind: 'Absent' }
  /** `keyset`: what its annotations say, if they can be read. */
  | { readonly kind: 'Refused'; readonly finding: Finding; readonly keyset?: Keyset }
  /** It holds a key that rekey has not adopted yet, and perhaps others that are to be accepted, by fingerprint. */
  | UnmanagedSecret
  | ManagedSecret;

export interface ManagedSecret {
  readonly kind: 'Managed';
  readonly keyset: Keyset;
  /** Data keys that hold a key although the spec does not name them: a rotation would leave it there. */
  readonly copies?: readonly string[];
  /** Data keys that rekey wrote when the spec named them: they go with the next write. */
  readonly leftovers?: readonly string[];
}

/** `kid`: the id that the signing key has already. `weakness`: of the worst of the keys. */
export interface UnmanagedSecret {
  readonly kind: 'Unmanaged';
  readonly fingerprint: string;
  readonly fallbacks: readonly string[];
  readonly kid?: Kid;
  readonly weakness?: Weakness;
  /** Data keys besides the signing one that the first write adds. */
  readonly lacks?: readonly string[];
  /** Fingerprints of retired keys that a person wants to be taken over all the same. */
  readonly accepted?: readonly string[];
}

/** `rekey.dev/emergency: "<nonce>: <reason>"`. */
export interface EmergencyRequest {
  readonly nonce: string;
  readonly reason: string;
  readonly actor: string;
  /** Whether it was set by itself, and did not come with the manifest of the resource. */
  readonly apart?: boolean;
  /** Whether the status says that it was served: asked where the Secret can no longer be read. */
  readonly handled: boolean;
}

/** What people ask for, by annotation and spec, with who asked. */
export interface Requests {
  readonly rotateAt?: string;
  readonly rotateActor?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly rotateApart?: boolean;
  readonly abortAt?: string;
  /** Who asked to go back, if a person is known to have. */
  readonly abortActor?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly abortApart?: boolean;
  readonly withdrawAt?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly withdrawApart?: boolean;
  /** Who wrote `spec.forceRotation.reason`. */
  readonly forceActor?: string;
  readonly emergency?: EmergencyRequest;
  /** Why everything rests by a person's wish. */
  readonly paused?: Finding;
}

/** A rotation that somebody wants, or the schedule. */
export interface Wanted {
  readonly trigger: Trigger;
  readonly actor: string;
  readonly reason: string;
}

/** What is known without the Secret: enough to judge whether a rotation could go well. */
export interface Surroundings {
  readonly settings: Settings;
  readonly targets: readonly TargetFacts[];
  /** Workloads and pods that use the Secret and are no target, such as `Deployment/worker`. */
  readonly unlistedConsumers: readonly string[];
  /** Containers that take the whole Secret after other sources, in words: a name that is added to it may hide one of theirs. */
  readonly crowded?: readonly string[];
  /** Data keys that hold a key of the Secret although the spec does not name them. Not known where the Secret was not read. */
  readonly copies?: readonly string[];
  /** Why a promotion would find no window in time. */
  readonly impossibleWindow?: Finding;
}

export interface Facts extends Surroundings {
  /** By the clock of the API server, as all times here but the start of a container; milliseconds since the epoch. */
  readonly now: number;
  /** Longest time, milliseconds, that a node's view of a Secret lags behind a write. */
  readonly settleMs: number;
  /**
   * Whether the resource, the Secret, workloads and pods were read from the API server just now, not from a cache. The ledger, and
   * what other resources hold, are as they were last known all the same.
   */
  readonly live: boolean;
  /** Clock of the API server less ours, milliseconds, give or take a second; undefined if it has not told: then `now` is ours. */
  readonly clockOffsetMs?: number;
  /** Unique to this decision; names a rotation that it may start. */
  readonly nextRotationId: string;
  readonly secret: SecretFacts;
  readonly ledger: Ledger;
  /** Why the ledger cannot be read. */
  readonly ledgerFinding?: Finding;
  /** Why the ledger cannot be kept. */
  readonly ledgerRefusal?: Finding;
  readonly requests: Requests;
  /** Other resources of this cluster whose Secret holds the same key, as `namespace/name`. */
  readonly sharedWith: readonly string[];
  /** Other resources of this cluster whose Secret holds a key that was burnt here, as `namespace/name`. */
  readonly burntElsewhere: readonly string[];
  /** Effects that were refused and not done since. */
  readonly refusals?: readonly Refusal[];
  readonly due: Due;
  /** Why the schedule is not kept. */
  readonly offSchedule?: OffSchedule;
  readonly window: WindowState;
}
