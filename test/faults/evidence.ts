/**
 * What is known of one run when it is over: all that the oracles look at.
 */
import type { Journal } from '../support/faultproxy/journal.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import type { TrafficReport } from '../support/traffic/traffic.ts';
import type { Audited } from './audit-tail.ts';
import type { Death } from './crew.ts';
import type { SecretRecord } from './history.ts';
import type { Life } from './life.ts';
import type { Plan } from './plan.ts';

/** What is said of the end by those who know: pods, Secret and resource. */
export interface Ending {
  /** Whether the rotation was over in time. */
  readonly ended: boolean;
  readonly resource: Resource | undefined;
  /** Seconds from the end of the last fault to the end of the rotation. */
  readonly seconds: number;
  /** Of each ready pod at the end: whether it accepts the signing key, and any key that has signed before. */
  readonly pods: readonly { readonly pod: string; readonly acceptsNew: string; readonly acceptsOld: string }[];
}

export interface Evidence {
  readonly plan: Plan;
  readonly journal: Journal;
  readonly traffic: TrafficReport;
  /** Of the Secret; the first is the one that was there before. */
  readonly records: readonly SecretRecord[];
  /** Keys that were there before, and those of the whole run. */
  readonly keysBefore: ReadonlySet<string>;
  readonly keysAfter: readonly string[];
  /** Containers that lived during the run. */
  readonly lives: readonly Life[];
  readonly ending: Ending;
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  readonly texts: readonly { readonly name: string; readonly text: string }[];
  readonly logs: readonly { readonly name: string; readonly text: string }[];
  readonly deaths: readonly Death[];
  readonly processes: number;
  readonly audited: readonly Audited[];
  /** Milliseconds that faults and the world took. */
  readonly faultMs: number;
  /** The version of the resource from which a cutover was allowed. */
  readonly allowedFrom: bigint | undefined;
}

export interface Violation {
  readonly oracle: string;
  readonly message: string;
}

/** @returns what is wrong, in words; empty if nothing is */
export type Oracle = (evidence: Evidence) => readonly string[];
