/**
 * What may happen around the operator: nodes, people, other controllers, the clock and the control plane.
 */
import type { ControlPlane } from '../../support/cluster/controlplane.ts';
import type { Lane } from '../lane.ts';
import type { Plan, WorldStrike } from '../plan.ts';

export interface WorldContext {
  readonly lane: Lane;
  /** Resolves when the rotation is over, one way or the other; what lasts until then ends with it. */
  readonly over: Promise<void>;
  /** Milliseconds by which the operators' clocks are ahead; see clock.ts. */
  readonly setClock: (aheadMs: number) => void;
  /** Undefined where the cluster is not ours to break. */
  readonly control: ControlPlane | undefined;
}

export interface WorldFault {
  readonly name: string;
  /** Of the plans that are made of it. */
  readonly class: string;
  /** Does it and undoes it; resolves when nothing of it is left to do. */
  readonly run: (context: WorldContext) => Promise<void>;
  /** All if absent. */
  readonly phases?: readonly WorldStrike['phase'][];
  /** Milliseconds after the beginning of the phase; 0 and 500 if absent. */
  readonly moments?: readonly number[];
  readonly exclusive?: boolean;
  /** Nodes lag for longer than the operator was told that they do: a pod may need the person whom it asks for, see person.ts. */
  readonly lags?: boolean;
  /** Pods may read a key that rekey does not have, and keep it: only the person can mend that. */
  readonly strange?: boolean;
  readonly replicas?: number;
  readonly without?: Plan['without'];
}

export const SECRET = 'Secret';

/** Does something now, and something else when the time or the rotation is over. */
export async function during(
  { over }: WorldContext,
  ms: number,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  await begin();
  try {
    await (ms === Number.POSITIVE_INFINITY ? over : new Promise((resolve) => setTimeout(resolve, ms)));
  } finally {
    await end();
  }
}
