/**
 * What the planner answers: one action, what to report meanwhile, and what it knew. Whoever reports a decision reads it
 * here, and works nothing out again.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { WindowState } from '../cadence/cadence.ts';
import type { PodFacts, PodOf, TargetFacts } from '../facts.ts';
import type { Write } from '../keyset/writes.ts';
import { iso } from '../schedule/duration.ts';
import type { Wanted } from '../wishes.ts';
import type { Level } from './evidence.ts';

export type StatusPhase = NonNullable<JwtKeyRotationStatus['phase']>;

/** A target that is to be restarted. */
export interface Restart {
  readonly target: TargetFacts;
  /** The creation time from which a pod counts as restarted, milliseconds since the epoch. */
  readonly at: number;
}

export type Action =
  /** One conditional write of the Secret. */
  | { readonly type: 'write'; readonly write: Write }
  /** Stamp the pod templates of these targets with the keyset version, so that their pods restart. */
  | { readonly type: 'bump'; readonly restarts: readonly Restart[]; readonly version: number }
  /** Evict these pods: they hold an older keyset than their template asks for. */
  | { readonly type: 'evict'; readonly pods: readonly PodOf[] }
  /** Delete these pods at once: they may accept a burnt key. */
  | { readonly type: 'delete'; readonly pods: readonly PodOf[]; readonly graceSeconds: number }
  /** Mark these pods with the keyset version, so that the kubelet looks at their mounted files now. */
  | { readonly type: 'refresh'; readonly pods: readonly PodOf[]; readonly version: number }
  /** Send canaries to these pods. */
  | { readonly type: 'probe'; readonly pods: readonly PodOf[] }
  /** Observe again, from the API server instead of the cache, and plan again: a write depends on it. */
  | { readonly type: 'confirm' }
  /** Nothing to do before `until` (milliseconds since the epoch) unless the world changes. */
  | { readonly type: 'wait'; readonly until?: number };

/** What the rules lead to. */
export interface Step {
  readonly action: Action;
  readonly phase: StatusPhase;
  /** What the rotation waits for, for people. */
  readonly progress: string;
  /** Why a rotation cannot start, or why nothing may be written. */
  readonly blocked?: Finding;
  /** Why a rotation under way does not get on. It rests where it is, safe. */
  readonly stalled?: Finding;
  /** Something is to be done, and waits because it was refused, or failed, a moment ago. */
  readonly held?: true;
}

/** A live pod that is known to have loaded the newest keyset. */
export interface PodAssessment {
  readonly name: string;
  /** When it had answered every canary as such a pod does, milliseconds; absent if that was concluded from its start. */
  readonly provedAt?: number;
}

/** What is known of a target, as the phase asks for it. */
export interface TargetAssessment {
  readonly target: TargetFacts;
  /** Such as `Deployment/api`. */
  readonly name: string;
  readonly level: Level;
  /** Live pods that are known to hold what they must. */
  readonly acked: number;
  /** Live pods of which that is not known, or which are known not to; 0 where nothing is required. */
  readonly missing: number;
  /** One of these, while a rotation waits for pods. */
  readonly waitingFor?: PodFacts;
  /** Some pod of it has answered every canary of the newest keyset, and accepted the key in use. */
  readonly hasAnswered: boolean;
  /** When the last of its pods had answered about the newest keyset, milliseconds; absent if that is not known of all. */
  readonly answeredAt?: number;
  /** Of the pods that hold what they must: those that hold the newest keyset. */
  readonly holding: readonly PodAssessment[];
}

/** How long an old key is accepted after the last container that could sign with it is gone. */
export interface DrainAssessment {
  readonly lastsMs: number;
  /** The same, for people. */
  readonly text: string;
}

/** What the planner knew. Times are milliseconds since the epoch. */
export interface Assessment {
  /** In the order of the spec. */
  readonly targets: readonly TargetAssessment[];
  /** An emergency is asked for or under way. */
  readonly emergency: boolean;
  /** While a drain lies ahead or is under way. */
  readonly drain?: DrainAssessment;
  /** When a key that no longer signs leaves, if nothing holds it up; absent while it may still sign. */
  readonly retireAt?: number;
  /** Requests that no rotation has begun for. */
  readonly queued: readonly Wanted[];
  /** What of the spec counts from the next rotation on, for people. */
  readonly lateEdits?: string;
  /** Pods that may accept a key of somebody else. */
  readonly foreign?: Finding;
  /** A target that Reloader restarts. Only a cutover is held up by it. */
  readonly reloader?: Finding;
  /** What says of the emergency that is asked for that it was served, without being believed; empty if nothing does. */
  readonly contradiction: string;
  /** What the action does was refused before, so that it is tried again is not new. */
  readonly refusedBefore: boolean;
}

export interface Decision extends Step {
  readonly assessment: Assessment;
}

/** @param why what waits, for people */
export function outsideWindow({ opensAt }: WindowState, phase: StatusPhase, why: string): Step {
  const opens = opensAt === undefined ? 'no window is known to open' : `next ${iso(opensAt)}`;
  const action = { type: 'wait', ...defined({ until: opensAt }) } as const;
  const message = `${why}; waiting for a maintenance window (${opens})`;
  return { action, phase, progress: message, blocked: { reason: 'OutsideWindow', message } };
}
