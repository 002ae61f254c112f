/**
 * What the planner answers: one action, and what to tell people meanwhile.
 */

import type { Finding } from '../api/finding.ts';
import { iso } from '../api/iso.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { WindowState } from '../cadence/cadence.ts';
import type { TargetFacts } from '../facts.ts';
import type { Write } from '../keyset/writes.ts';
import type { PodOf } from './converge.ts';

export type StatusPhase = NonNullable<JwtKeyRotationStatus['phase']>;

export type Action =
  /** One conditional write of the Secret. */
  | { readonly type: 'write'; readonly write: Write }
  /** Stamp the pod templates of these targets with the keyset version, so that their pods start anew. */
  | { readonly type: 'bump'; readonly targets: readonly TargetFacts[]; readonly version: number }
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

export interface Decision {
  readonly action: Action;
  readonly phase: StatusPhase;
  /** What the rotation waits for, for people. */
  readonly progress: string;
  /** Why a rotation cannot start, or why nothing may be written. */
  readonly blocked?: Finding;
  /** Why a rotation under way does not get on. It rests where it is, safe. */
  readonly stalled?: Finding;
}

/** @param why what waits, for people */
export function outsideWindow({ opensAt }: WindowState, phase: StatusPhase, why: string): Decision {
  const opens = opensAt === undefined ? 'no window is known to open' : `next ${iso(opensAt)}`;
  const action = { type: 'wait', ...(opensAt !== undefined && { until: opensAt }) } as const;
  const message = `${why}; waiting for a maintenance window (${opens})`;
  return { action, phase, progress: message, blocked: { reason: 'OutsideWindow', message } };
}
