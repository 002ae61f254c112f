/**
 * A plan: what is done to one rotation, and when. Plans are data, so that a number is enough to repeat one.
 */
import type { CallFault, LineFault } from '../support/faultproxy/fault.ts';

/** A request, by the signature that {@link signature} gives it. */
export interface CallTrigger {
  readonly on: 'call';
  readonly what: string;
  readonly phase: string;
  readonly nth: number;
  /** Only of this process of a client, counted from 1. */
  readonly process?: number;
}

/** The nth request of the nth process of a client: for what comes after a crash. */
export interface ProcessTrigger {
  readonly on: 'process';
  readonly process: number;
  readonly nth: number;
}

export interface LineTrigger {
  readonly on: 'line';
  readonly what: string;
  readonly phase: string;
  readonly nth: number;
}

export type Strike =
  /** `forMs`: every further request of the kind meets the same for so long. */
  | { readonly at: CallTrigger | ProcessTrigger; readonly call: CallFault; readonly forMs?: number }
  /** From this request on the client is cut off: no request is answered and no watch tells anything for so long. */
  | { readonly at: CallTrigger; readonly cutOff: CallFault; readonly forMs: number }
  | { readonly at: LineTrigger; readonly line: LineFault };

/** Something that happens around the operator; see world/. */
export interface WorldStrike {
  readonly name: string;
  /** Of the Secret; `Before` is just before the rotation is asked for. */
  readonly phase: 'Before' | 'Staging' | 'Promoting' | 'Draining' | 'Retiring' | 'Switching';
  readonly afterMs: number;
}

/**
 * What is asked of the operator. `leak` is an emergency in the middle of a rotation; `preStage` and `lazy` are two rotations,
 * since what the first leaves behind is the second's business.
 */
export const WORKLOADS = [
  ...(['rotate', 'abort', 'rollback', 'emergency', 'leak'] as const),
  ...(['cutover', 'preStage', 'lazy', 'files'] as const),
];
export type Workload = (typeof WORKLOADS)[number];

export interface Plan {
  /** Such as `answers`; for counting. */
  readonly class: string;
  /** Readable and stable: `patch secrets @Staging #1: 409 Conflict`. */
  readonly name: string;
  readonly workload: Workload;
  readonly strikes: readonly Strike[];
  readonly world: readonly WorldStrike[];
  /** Operators that run side by side. */
  readonly replicas: number;
  /** etcd is put back, in phase `to`, to what it was in phase `from`. */
  readonly restored?: { readonly from: string; readonly to: string; readonly bump: boolean };
  /** How long after the last fault the rotation must be over, milliseconds. */
  readonly boundMs?: number;
  /** Nothing else may run on the cluster meanwhile. */
  readonly exclusive?: boolean;
  /** Oracles that do not apply, with the reason. */
  readonly without?: Readonly<Record<string, string>>;
}

export interface NumberedPlan extends Plan {
  readonly number: number;
}

/** What every plan has that says nothing else. */
export const PLAIN = { workload: 'rotate', strikes: [], world: [], replicas: 1 } as const;
