/**
 * The keyset of a Secret as the planner sees it: key ids, never key bytes.
 *
 * A *keyset version* V = ⟨n, sign, verify⟩ is what one write of the Secret made: n rises with every write, `sign` is the
 * signing key, `verify` holds it, at most one other real key, those that were found when the Secret was taken over until the
 * first rotation retires them, and a fresh throw-away *ack key*. A container that accepts a
 * token signed with the ack key of version n has loaded exactly version n.
 */

/** Key id: random, never derived from the key (RFC 7638 section 7). */
export type Kid = string;

/** What a workload does with the key. */
export type Role = 'Signer' | 'Verifier';

/** Where the last write of the Secret left the rotation. The finer phases of the status also depend on the pods. */
export type Phase =
  | 'Steady'
  | 'Staging'
  | 'Promoting'
  | 'Draining'
  | 'Retiring'
  | 'Aborting'
  /** A cutover: the new key is alone, and rekey replaces all pods at once. */
  | 'Switching'
  /** An emergency. */
  | 'Burning';

/**
 * The first three are pre-activation, active and deactivated in the words of NIST SP 800-57. `found`: it was accepted
 * when rekey adopted the Secret, and containers that started before may sign with it. `ack` is the throw-away key.
 */
export type KeyState = 'staged' | 'signing' | 'draining' | 'found' | 'ack';

/** Publicly known: whoever reads tutorials, or the manifest that was meant to be filled in, has the key. */
export type Weakness = 'PubliclyKnown' | 'Guessable';

/** A key that is in the Secret now. Times are milliseconds since the epoch. */
export interface KeyRecord {
  readonly kid: Kid;
  readonly fingerprint: string;
  readonly state: KeyState;
  readonly createdAt: number;
  /** When rekey saw that the last container that could sign with this key was gone. Only for a draining or found key. */
  readonly lastSignerExit?: number;
  /** The judgement of a key that people made, at the time when it was found. */
  readonly weakness?: Weakness;
}

/** One written keyset version, by key id. */
export interface Shape {
  readonly version: number;
  readonly writtenAt: number;
  readonly sign: Kid;
  readonly verify: readonly Kid[];
}

/** For each role, the version that every live container of every target with that role holds at least. */
export type Acked = Readonly<Record<Role, number>>;

/** `Command` is for `rekey env`, which has no resource. */
export type Trigger = 'Schedule' | 'Annotation' | 'ForceRotation' | 'Emergency' | 'Command';
export type Outcome = 'Completed' | 'Aborted' | 'RolledBack' | 'Interrupted';

/** The rotation under way, or the last one. */
export interface RotationRecord {
  readonly id: string;
  readonly trigger: Trigger;
  readonly actor: string;
  readonly reason: string;
  readonly from: Kid;
  readonly to: Kid;
  readonly startedAt: number;
  /** Milliseconds that a token may outlive its signer, as known when the rotation started; an edit may only lengthen it. */
  readonly drainMs: number;
  /** Random bytes of the key that it makes; absent if the key was made before. */
  readonly keyBytes?: number;
  /** Why it was aborted or rolled back; absent otherwise. */
  readonly failure?: { readonly reason: string; readonly message: string };
  readonly finishedAt?: number;
  readonly outcome?: Outcome;
  /** When a cutover gave up the tokens of the old key. */
  readonly cutOverAt?: number;
  /** Which part of its end was concluded and not observed, for people; absent if every verifier pod has answered. */
  readonly inferred?: string;
  /** Rotations that this emergency interrupted, oldest first. Each has ended. */
  readonly interrupted?: readonly RotationRecord[];
}

/** The highest keyset version that rekey believes from a source other than the Secret: a write a second for thirty years. */
export const BELIEVED_VERSION = 1_000_000_000;
/** The highest version that can be read. Versions that continue from a believed one are still below it. */
export const MAX_VERSION = 2_000_000_000;

/** How many nonces of emergencies rekey remembers. */
export const MAX_NONCES = 50;

/** The last value of each request that was withdrawn before its rotation began. It starts no rotation later. */
export interface Withdrawn {
  readonly rotateAt?: string;
  readonly forceReason?: string;
}

/** The last value of each request that was served. A request is served once, whatever happens to `status`. */
export interface Handled {
  readonly rotateAt?: string;
  readonly abortAt?: string;
  readonly forceReason?: string;
  readonly withdrawAt?: string;
  readonly withdrawn?: Withdrawn;
  /** Nonces of the last emergencies: an annotation that somebody restores must not end all sessions again. */
  readonly emergencies?: readonly string[];
}

/** A key that may be in wrong hands. rekey never writes or accepts it again. Times are milliseconds since the epoch. */
export interface BurntKey {
  readonly kid: Kid;
  readonly fingerprint: string;
  readonly burntAt: number;
}

/** The last emergency. Times are milliseconds since the epoch. */
export interface Emergency {
  /** Identifies the emergency: each is served once. */
  readonly nonce: string;
  readonly reason: string;
  /** When the new key was written. */
  readonly writtenAt: number;
  /** When every live pod had refused the burnt keys, except for what is {@link inferred}. */
  readonly goneAt?: number;
  /** Which part of that was concluded and not observed, for people; absent if every pod has refused every burnt key. */
  readonly inferred?: string;
  /** Places that still had a burnt key at the end, such as `Secret backup, data key OLD`. */
  readonly residue?: readonly string[];
  /** What was not searched for residue, and why; absent if everything was. */
  readonly residueIncomplete?: string;
}

/** Whether a claim rests on answers alone, or also on conclusions. */
export type Evidence = 'Observed' | 'Inferred';

/** What the time of the next rotation depends on. */
export interface Attempts {
  /** When the last rotation completed; before the first one, when the Secret was created or adopted. */
  readonly since: number;
  /** When a rotation last completed. */
  readonly rotatedAt?: number;
  /** Whether every verifier pod had answered then. Unknown for rotations that ended before rekey recorded this. */
  readonly evidence?: Evidence;
  /** Milliseconds from the last promotion to the exit of the last signer of the old key. */
  readonly promotingMs?: number;
  readonly failures: number;
  readonly failedAt?: number;
  /**
   * When the last write of any kind was sent. Unknown if an earlier version of rekey wrote the Secret: that version
   * drops fields that it does not know.
   */
  readonly lastWriteAt?: number;
}

/** Everything that must survive the operator. It lives in the annotations of the Secret. */
export interface Keyset {
  readonly version: number;
  readonly phase: Phase;
  readonly keys: readonly KeyRecord[];
  readonly acked: Acked;
  /**
   * Ascending, from the oldest version that a live container may hold to the newest. The version before an adoption has
   * several shapes: a container has loaded one of them.
   */
  readonly history: readonly Shape[];
  readonly rotation?: RotationRecord;
  readonly handled: Handled;
  readonly attempts: Attempts;
  readonly burnt: readonly BurntKey[];
  readonly emergency?: Emergency;
}

/** The ended rotations that the keyset still knows, oldest first. */
export function endedRotations({ rotation }: Keyset): readonly RotationRecord[] {
  if (rotation === undefined) return [];
  const { interrupted = [] } = rotation;
  return rotation.outcome === undefined ? interrupted : [...interrupted, rotation];
}

/** What is known of the burnt keys at the end of an emergency, in words. */
export function refusal({ inferred }: Pick<Emergency, 'inferred'>): string {
  if (inferred === undefined) return 'every pod has refused the burnt keys';
  return `no pod is known to accept a burnt key, inferred in part (${inferred}),`;
}

/** @returns whole seconds from the new key to the last pod that accepted a burnt one; undefined until that is known */
export function secondsOf({ writtenAt, goneAt }: Emergency): number | undefined {
  return goneAt === undefined ? undefined : Math.ceil((goneAt - writtenAt) / 1000);
}

/** @returns the first key in this state */
export function keyIn(keyset: Keyset, state: KeyState): KeyRecord | undefined {
  return keyset.keys.find((key) => key.state === state);
}

/** @returns the keys that are accepted besides the one that signs, the ack key last */
export function othersOf({ sign, verify }: Shape, keyset: Keyset): readonly Kid[] {
  const ack = keyIn(keyset, 'ack')?.kid;
  const others = verify.filter((kid) => kid !== sign);
  return [...others.filter((kid) => kid !== ack), ...others.filter((kid) => kid === ack)];
}

/**
 * @returns the key for services that know one besides the signing key; undefined for an older shape whose ack key is
 *   forgotten
 */
export function previousOf(shape: Shape, keyset: Keyset): Kid | undefined {
  return othersOf(shape, keyset)[0];
}

/** The shape that is in the Secret now. */
export function currentShape(keyset: Keyset): Shape {
  const shape = keyset.history.at(-1);
  if (shape === undefined) throw new Error(`keyset ${keyset.version} has no history`);
  return shape;
}

/** The shapes that a live container of a role may hold, from the last acknowledged version to the newest. */
export function possible(history: readonly Shape[], acked: number): readonly Shape[] {
  const known = history.findLast((shape) => shape.version <= acked)?.version;
  const oldest = history.findIndex((shape) => shape.version === known);
  return history.slice(Math.max(oldest, 0));
}

/**
 * Drops shapes that no container can still hold, forgets key ids that have left the Secret for ever, and merges shapes
 * that become equal. This keeps the annotation small, however often a rotation begins and aborts. The newest shape
 * never changes.
 */
export function compact(history: readonly Shape[], acked: Acked, kids: ReadonlySet<Kid>): readonly Shape[] {
  const kept: Shape[] = [];
  for (const shape of possible(history, Math.min(acked.Signer, acked.Verifier))) {
    const known = { ...shape, verify: shape.verify.filter((kid) => kids.has(kid) || kid === shape.sign) };
    const last = kept.at(-1);
    if (last === undefined || !sameKeys(last, known)) kept.push(known);
  }
  return kept;
}

function sameKeys(a: Shape, b: Shape): boolean {
  return a.sign === b.sign && a.verify.length === b.verify.length && a.verify.every((kid) => b.verify.includes(kid));
}
