/** Everything that the planner knows of the world. It is observed, and has no key byte. */

import type { Finding } from './api/finding.ts';
import type { Refusal } from './api/refusal.ts';
import type { Due, WindowState } from './cadence/cadence.ts';
import type { OffSchedule } from './cadence/off-schedule.ts';
import type { EndedTime } from './keyset/foreign-times.ts';
import type { Keyset, Kid, Weakness } from './keyset/keyset.ts';
import type { Ledger } from './keyset/ledger.ts';
import type { Settings, TargetSettings } from './settings/settings.ts';
import type { Requests } from './wishes.ts';
import type { Consumption } from './workloads/consumption.ts';

export type Answer = 'accepted' | 'refused' | 'unknown';

/** The answers of one pod to canaries, each signed with another key. Times are milliseconds since the epoch. */
export interface Probe {
  /** Keyset version that was in the Secret when the canaries were signed. */
  readonly version: number;
  /** When the oldest of the answers was asked for: they are as fresh as that. */
  readonly at: number;
  /** When the newest of the answers came: what all of them prove was not known before. */
  readonly heardAt: number;
  /** When the pod was last asked, and whether it was ready then. */
  readonly askedAt: number;
  readonly ready: boolean;
  /** How many times in a row it was asked without a new answer. */
  readonly failures: number;
  /** By key id, including a retired key that rekey still has. */
  readonly answers: ReadonlyMap<Kid, Answer>;
  /**
   * The answer to two keys that were made up for this probe, one under a made-up key id and one under that of the
   * signing key: accepted if one of them was, refused if both were. An endpoint that accepts one verifies nothing.
   */
  readonly random: Answer;
  /** Why an answer is unknown, for people: `it answered 429`. */
  readonly why?: string;
  /** How long the pod asks to wait from `askedAt` on, milliseconds; only where an answer is unknown for that. */
  readonly pauseMs?: number;
}

/** A live pod: bound to a node and not ended. Terminating pods are live. */
export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  /** Changes whenever a container of the pod restarts: observations of one incarnation prove nothing about the next. */
  readonly incarnation: string;
  readonly terminating: boolean;
  /** The grace period of a Terminating pod. */
  readonly graceSeconds?: number;
  readonly ready: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When the oldest container that takes the key started, by the clock of its node; undefined if none runs. */
  readonly startedAt?: number;
  /**
   * Every container of the pod has read what was written to the Secret up to this time, by the API server's clock.
   * Concluded from its start, and of several containers with mounted files from the time since; undefined if unknown. Means
   * nothing with `foreign`: then it may have read anything.
   */
  readonly readUpTo?: number;
  /** Times in which one of its containers may have read the Secret while it was not as rekey wrote it, the latest first. */
  readonly foreign?: readonly EndedTime[];
  /** A container has run at least once. */
  readonly ran?: true;
  /**
   * Several of its containers take the key: one of them answers canaries, and the others are judged by `readUpTo`.
   */
  readonly several?: true;
  /** Where its own spec takes the keys from, if not from the Secret: another one, or nowhere that rekey can see. */
  readonly takesFrom?: 'Elsewhere' | 'Unknown';
  /** Keyset version in the annotation that the pod got from its template; for a pod of a Rollout, concluded from its age. */
  readonly templateVersion?: number;
  /** Address for canaries; undefined if the pod has no address of its own yet. */
  readonly address?: string;
  /** Port of its canary; undefined without a canary, or if the pod has no port of that name. */
  readonly port?: number;
  /** Why no canary may ever be sent to this pod. */
  readonly unprobeable?: string;
  readonly probe?: Probe;
}

export interface WorkloadFacts {
  readonly uid: string;
  /** As it was observed; absent if that is not known. */
  readonly resourceVersion?: string;
  readonly paused: boolean;
  /** Whether its controller keeps old pods when the template changes, so that rekey evicts them. */
  readonly manual: boolean;
  /** Whether rekey does not remove its pods either, and waits until they end. */
  readonly leftAlone?: true;
  readonly templateVersion?: number;
  /** When rekey last stamped the template, milliseconds since the epoch. */
  readonly bumpedAt?: number;
  /**
   * The controller has seen the newest template, all pods are of it and available, and no other pod is left unless the
   * spec wants it.
   */
  readonly rolledOut: boolean;
  /** Why the workload's controller gave up, in its words. */
  readonly failed?: string;
  /** Whether a container of the template reads the Secret. */
  readonly consumes: boolean;
  readonly consumption: Consumption;
  /** The annotation that makes Reloader restart it when the Secret changes. */
  readonly reloader?: string;
  /** Why a restart may leave it without a pod for a moment. */
  readonly interruption?: string;
  /** Whether fewer pods serve while it restarts. */
  readonly reducesCapacity?: true;
  /** A PodDisruptionBudget that allows no eviction although all its pods are healthy. Read in a live world only. */
  readonly heldBy?: string;
  /** Why the remaining pods may not carry the load while it restarts. Read in a live world only. */
  readonly overloaded?: string;
  readonly ready: number;
  /** How many pods it should have. */
  readonly wanted?: number;
}

export interface TargetFacts {
  readonly settings: TargetSettings;
  /** Undefined if there is no such workload. */
  readonly workload?: WorkloadFacts;
  readonly pods: readonly PodFacts[];
  /** What is wrong with the target whatever its pods do. */
  readonly finding?: Finding;
  /** Whether it may have pods that rekey cannot identify or read; `pods` is empty then. */
  readonly unseen?: true;
}

/** A pod, and the target that it belongs to. */
export interface PodOf {
  readonly target: TargetFacts;
  readonly pod: PodFacts;
}

/** The Secret, reduced to what may be shown. */
export type SecretFacts =
  | { readonly kind: 'Absent' }
  /** `keyset`: what its annotations say, if they can be read. */
  | {
      readonly kind: 'Refused';
      readonly finding: Finding;
      readonly keyset?: Keyset;
      readonly foreign?: StrangeKeys;
    }
  /** It holds a key that rekey has not adopted yet, and perhaps other keys to accept, by fingerprint. */
  | UnmanagedSecret
  | ManagedSecret;

/** Keys in a Secret that somebody else has put there, or that the keyset in its annotations does not tell. */
export interface StrangeKeys {
  /** Where they are; none if that is not known. */
  readonly dataKeys: readonly string[];
  readonly fingerprints: readonly string[];
  /** When a field manager of the data key last changed something, as the Secret says; milliseconds since the epoch. */
  readonly changedAt?: number;
}

export interface ManagedSecret {
  readonly kind: 'Managed';
  readonly keyset: Keyset;
  /** Data keys that hold a key although the spec does not name them: a rotation would leave it there. */
  readonly copies?: readonly string[];
  /** Data keys that rekey wrote when the spec named them. The next write removes them. */
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
  /** Fingerprints of retired keys that a person wants rekey to adopt anyway. */
  readonly accepted?: readonly string[];
}

/** What is known without the Secret: enough to judge whether a rotation could succeed. */
export interface Surroundings {
  readonly settings: Settings;
  readonly targets: readonly TargetFacts[];
  /** Workloads and pods that use the Secret and are not targets, such as `Deployment/worker`. */
  readonly unlistedConsumers: readonly string[];
  /**
   * Containers that take the whole Secret after other sources, in words: a new name in the Secret may hide one of
   * theirs.
   */
  readonly crowded?: readonly string[];
  /** Data keys that hold a key of the Secret although the spec does not name them. Unknown if the Secret was not read. */
  readonly copies?: readonly string[];
  /** Why a promotion would find no window in time. */
  readonly impossibleWindow?: Finding;
}

export interface Facts extends Surroundings {
  /** By the clock of the API server, as all times here except the start of a container; milliseconds since the epoch. */
  readonly now: number;
  /** Longest time, milliseconds, that a node's view of a Secret lags behind a write. */
  readonly settleMs: number;
  /**
   * Whether the resource, the Secret, workloads and pods were read from the API server just now, not from a cache. The
   * ledger and the keys of other resources are as last known in any case.
   */
  readonly live: boolean;
  /**
   * Clock of the API server minus the operator's, milliseconds, accurate to a second; undefined if unknown: then `now`
   * is by the operator's clock.
   */
  readonly clockOffsetMs?: number;
  /** Unique to this decision: the id of the rotation that it may start. */
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
  /** Effects that were refused and not made since. */
  readonly refusals?: readonly Refusal[];
  readonly due: Due;
  /** Why the schedule is not kept. */
  readonly offSchedule?: OffSchedule;
  readonly window: WindowState;
}
