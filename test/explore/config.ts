/**
 * How large a world is explored, and what may go wrong in it.
 */
import type { Role } from '../../src/rotation/keyset.ts';

export interface TargetConfig {
  readonly name: string;
  readonly roles: readonly Role[];
  /** Pods that its controller keeps; a scale-up may ask for one more where `faults.scale` is set. */
  readonly replicas: number;
  /** Whether its pods answer canaries; otherwise what they hold is inferred from their start. */
  readonly canary: boolean;
  /** Verifies with the signing key alone: a service that no rotation can serve. */
  readonly singleKey?: boolean;
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
  /** A leader is paused with an action in hand; another leads; the first wakes and acts. */
  readonly zombie: boolean;
  /** The operator's caches of pods and deployments stand still for a while. */
  readonly staleCache: boolean;
  /** maxTokenTTL is edited to something shorter in mid-rotation. */
  readonly shorten: boolean;
}

export interface Config {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  readonly nodes: number;
  /** Pods of one target at a time, Terminating ones included. */
  readonly maxPods: number;
  /** Whether the Secret holds a second key when it is adopted, whose tokens are alive. */
  readonly found?: boolean;
  /** How often people ask for a rotation, and to stop one. */
  readonly rotations: number;
  readonly aborts: number;
  /** How often the key leaks, and how the operator is to treat the pods then. */
  readonly emergencies?: number;
  readonly emergencyMode?: 'FailClosed' | 'Rolling';
  /**
   * How old a Secret a container may start with. `served`: as old as the last that its node has served to any container,
   * however long ago that was. `settle`: besides, nothing that was replaced longer than a settle delay ago.
   */
  readonly nodeLag: 'served' | 'settle';
  /** Milliseconds of one step of the clock. Longer than SETTLE_MS and RETRY_MS. */
  readonly tickMs: number;
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
  zombie: false,
  staleCache: false,
  shorten: false,
};

const main: TargetConfig = { name: 'main', roles: ['Signer', 'Verifier'], replicas: 1, canary: true };
const admin: TargetConfig = { name: 'admin', roles: ['Verifier'], replicas: 1, canary: true };
const minter: TargetConfig = { name: 'minter', roles: ['Signer'], replicas: 1, canary: false };

const minterOf = minter;
const base = {
  nodeLag: 'served',
  tickMs: 60_000,
  drainTicks: 2,
  maxPods: 2,
  nodes: 1,
  rotations: 1,
  aborts: 1,
} as const;

/** These and no others. */
export function faults(...on: readonly (keyof Faults)[]): Faults {
  return { ...NO_FAULTS, ...Object.fromEntries(on.map((fault) => [fault, true])) };
}
const f = faults;

export const CONFIGS: Readonly<Record<string, Config>> = Object.fromEntries(
  (
    [
      { ...base, name: 'tiny', targets: [main], drainTicks: 1, faults: f('restart') },
      { ...base, name: 'leak', targets: [main], aborts: 0, emergencies: 1, faults: f('restart') },
      { ...base, name: 'leakr', targets: [main], aborts: 0, emergencies: 2, emergencyMode: 'Rolling', faults: f() },
      {
        ...base,
        name: 'leak2',
        targets: [main, minter],
        nodes: 2,
        nodeLag: 'settle',
        aborts: 0,
        rotations: 0,
        emergencies: 1,
        faults: f(),
      },
      { ...base, name: 'tinyz', targets: [main], drainTicks: 1, faults: f('zombie', 'restart') },
      { ...base, name: 'tinyzs', targets: [main], drainTicks: 1, faults: f('zombie', 'restart', 'staleCache') },
      { ...base, name: 'scale1', targets: [main], faults: f('scale') },
      {
        ...base,
        name: 'people',
        targets: [main],
        nodes: 2,
        faults: f('statusLag', 'revert', 'window', 'silence', 'shorten'),
      },
      { ...base, name: 'twice', targets: [main], rotations: 2, aborts: 2, faults: f('restart') },
      { ...base, name: 'roles', targets: [main, admin], nodes: 2, aborts: 0, drainTicks: 1, faults: NO_FAULTS },
      {
        ...base,
        name: 'rolesSettle',
        targets: [main, admin],
        nodes: 2,
        nodeLag: 'settle',
        drainTicks: 1,
        faults: NO_FAULTS,
      },
      {
        ...base,
        name: 'minter',
        targets: [minterOf, admin],
        nodes: 2,
        nodeLag: 'settle',
        drainTicks: 1,
        faults: f('restart'),
      },
      { ...base, name: 'medium', targets: [main, admin], drainTicks: 1, faults: f('restart') },
      { ...base, name: 'mediumz', targets: [main, admin], drainTicks: 1, faults: f('zombie') },
      { ...base, name: 'mediums', targets: [main, admin], drainTicks: 1, faults: f('staleCache') },
      { ...base, name: 'found', targets: [main], found: true, faults: f('restart') },
      { ...base, name: 'unfit', targets: [main, { ...admin, singleKey: true }], drainTicks: 1, faults: f('restart') },
      {
        ...base,
        name: 'void',
        targets: [main, { ...admin, verifiesNothing: true }],
        drainTicks: 1,
        faults: f('restart'),
      },
    ] satisfies readonly Config[]
  ).map((config) => [config.name, config]),
);
