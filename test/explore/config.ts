/**
 * How large a world is explored, and what may go wrong in it.
 */
import type { Role } from '../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../src/rotation/keyset/writes.ts';

export interface TargetConfig {
  readonly name: string;
  readonly roles: readonly Role[];
  /** Pods that its controller keeps; a scale-up may ask for one more where `faults.scale` is set. */
  readonly replicas: number;
  /** Whether its pods answer canaries; otherwise what they hold is inferred from their start. */
  readonly canary: boolean;
  /** Verifies with the signing key alone: a service that no rotation can serve. */
  readonly singleKey?: boolean;
  /** Knows one key besides the one that signs. */
  readonly onePrevious?: boolean;
  /** Reads mounted files, which follow the Secret without a restart. */
  readonly file?: boolean;
  /** Its controller leaves old pods alone when the template changes. */
  readonly manual?: boolean;
  /** Has the key that was there before rekey from a second place too, such as a file in its image, and accepts it for ever. */
  readonly copy?: boolean;
  /**
   * A second container of each pod signs, with a start of its own; nobody asks it. Not beside faults that show pods as they
   * were: `statusLag` and `staleCache`.
   */
  readonly sidecar?: boolean;
  /** Accepts whatever it is sent: its canaries tell nothing. */
  readonly verifiesNothing?: boolean;
}

/** What the environment may do besides running pods. Each is unlimited in number where it is set. */
export interface Faults {
  /** Containers crash and start again. */
  readonly restart: boolean;
  /** The API server shows the container before a restart for a while. */
  readonly statusLag: boolean;
  /** Replicas change, and pods of an old ReplicaSet are created in mid-rollout. */
  readonly scale: boolean;
  /** GitOps takes the annotation out of the template. */
  readonly revert: boolean;
  /** The maintenance window closes and opens. */
  readonly window: boolean;
  /** A pod does not answer a canary. */
  readonly silence: boolean;
  /** A pod answers for the keys that are in use, and not for others: it limits requests. */
  readonly limits: boolean;
  /** A leader is paused with an action in hand; another leads; the first wakes and acts. */
  readonly zombie: boolean;
  /** The operator's caches of pods and deployments stand still for a while. */
  readonly staleCache: boolean;
  /** maxTokenTTL is edited to something shorter in mid-rotation. */
  readonly shorten: boolean;
  /** Whatever refuses writes of the Secret lets them pass from some time on. */
  readonly lift: boolean;
}

export interface Config {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  readonly nodes: number;
  /** Pods of one target at a time, Terminating ones included. */
  readonly maxPods: number;
  /** Whether the Secret holds a second key when it is adopted, whose tokens are alive. */
  readonly found?: boolean;
  /** Services sign with that other key still, when rekey takes the Secret over. */
  readonly half?: boolean;
  /** Whether there is no Secret yet: pods wait for it, and rekey makes it. */
  readonly absent?: boolean;
  /** How often people ask for a rotation, and to stop one. */
  readonly rotations: number;
  readonly aborts: number;
  /** How often the key leaks, and how the operator is to treat the pods then. */
  readonly emergencies?: number;
  readonly emergencyMode?: 'FailClosed' | 'Rolling';
  /** Where a cutover is allowed: whether it is the rule, or for services only that hold one key. */
  readonly strategy?: 'Auto' | 'Cutover';
  readonly preStage?: boolean;
  /** How many keys fit beside the one that signs into a list of the Secret that services read; absent: as many as there are. */
  readonly room?: number;
  readonly retireMode?: 'Eager' | 'Lazy';
  /** Writes of the Secret that a quota or an admission policy refuses, for ever unless `faults.lift` is set. */
  readonly refuses?: readonly Write['transition'][];
  /**
   * Writes of the Secret that may fail each time: nobody answers, or with an error that says nothing of the write. It may have
   * been made.
   */
  readonly fails?: readonly Write['transition'][];
  /**
   * How old a Secret a container may start with. `served`: as old as the last that its node has served to any container,
   * however long ago that was. `settle`: besides, nothing that was replaced longer than a settle delay ago.
   */
  readonly nodeLag: 'served' | 'settle';
  /** Milliseconds of one step of the clock. Longer than SETTLE_MS and RETRY_MS. */
  readonly tickMs: number;
  /** Whether it is counted how often pods are replaced for one keyset. */
  readonly counted?: boolean;
  /** How far the clocks of nodes are ahead of the API server's, milliseconds: as far as is allowed. 0 if absent. */
  readonly kubeletAheadMs?: number;
  /** How long tokens outlive their signer, in ticks. */
  readonly drainTicks: number;
  readonly faults: Faults;
}

const NO_FAULTS: Faults = {
  restart: false,
  statusLag: false,
  scale: false,
  revert: false,
  window: false,
  silence: false,
  limits: false,
  zombie: false,
  staleCache: false,
  shorten: false,
  lift: false,
};

/** These and no others. */
export function faults(...on: readonly (keyof Faults)[]): Faults {
  return { ...NO_FAULTS, ...Object.fromEntries(on.map((fault) => [fault, true])) };
}
