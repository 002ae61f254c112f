/**
 * The writes of the Secret. One write is one transition, conditional on the Secret's resourceVersion.
 */
import {
  type Acked,
  currentShape,
  type Handled,
  type Keyset,
  type Kid,
  keyIn,
  type Outcome,
  type RotationRecord,
  type Weakness,
} from './keyset.ts';

/** A rotation that is about to be staged: its record before it has keys. */
export type RotationRequest = Pick<RotationRecord, 'id' | 'trigger' | 'actor' | 'reason' | 'drainMs' | 'keyBytes'>;

/** How a rotation begins. */
export interface RotationStart {
  readonly handled: Handled;
  readonly rotation: RotationRequest;
}

export type Failure = NonNullable<RotationRecord['failure']>;

/** `noted`: requests that count as served although nobody acted on them, in words. */
interface FirstRequests {
  readonly handled: Handled;
  readonly noted?: readonly string[];
}

/** `withdrawn`: requests that end before their rotation began, in words. */
interface Withdrawing {
  readonly handled: Handled;
  readonly withdrawn?: readonly string[];
}

export type Write =
  /** The first key of a Secret that is absent. */
  | ({ readonly transition: 'create'; readonly version: number } & FirstRequests)
  /** The first write over a Secret that holds a key: every name present, the keys unchanged. */
  | ({
      readonly transition: 'adopt';
      readonly fingerprint: string;
      readonly fallbacks: readonly string[];
      readonly version: number;
    } & FirstRequests)
  /** A new key is accepted, the old one signs. */
  | {
      readonly transition: 'stage';
      readonly acked: Acked;
      readonly handled: Handled;
      readonly rotation: RotationRequest;
    }
  /**
   * The new key signs, the old one is accepted. `start`: the previous rotation staged the key, and the rotation begins
   * here.
   */
  | { readonly transition: 'promote'; readonly acked: Acked; readonly start?: RotationStart }
  /** No container signs with the old key any more; its tokens drain from now. */
  | { readonly transition: 'drain'; readonly acked: Acked; readonly inferred?: string | undefined }
  /** rekey found a container that may sign with the draining key, and waits for its exit again. */
  | { readonly transition: 'reopen' }
  /** The old key leaves. `preStage`: the next key is staged in the same write. */
  | { readonly transition: 'retire'; readonly acked: Acked; readonly preStage?: true }
  /** The rotation is over. */
  | {
      readonly transition: 'finish';
      readonly acked: Acked;
      readonly outcome: Outcome;
      readonly inferred?: string | undefined;
    }
  /** The staged key leaves again, before it ever signed. */
  | ({ readonly transition: 'abort'; readonly acked: Acked; readonly failure: Failure } & Withdrawing)
  /** The old key signs again, the new one is accepted until its tokens have expired. */
  | ({ readonly transition: 'rollback'; readonly acked: Acked; readonly failure: Failure } & Withdrawing)
  /**
   * A new key alone. This breaks the safe-write rule on purpose: every outstanding token is refused from now on.
   * Without `rotation` it ends the rotation under way, which has met a service that holds one key only.
   */
  | { readonly transition: 'cutover'; readonly handled: Handled; readonly rotation?: RotationRequest }
  /**
   * A new key alone, in any phase and without the safe-write rule. Every earlier key of the Secret is burnt. `version`:
   * the highest version on a pod template, for a Secret that is not managed.
   */
  | {
      readonly transition: 'burn';
      readonly nonce: string;
      readonly rotation: RotationRequest;
      readonly version: number;
    }
  /** Every live pod refuses every burnt key. */
  | { readonly transition: 'extinguish'; readonly acked: Acked; readonly inferred?: string | undefined }
  /** Marks a request as seen that can no longer be served. */
  | ({ readonly transition: 'dismiss' } & Withdrawing)
  /** Withdraws requests whose rotation has not begun. */
  | ({ readonly transition: 'withdraw' } & Withdrawing);

/** The name of a generated key. Its bytes stay with the effect that made it. */
export interface FreshKey {
  readonly kid: Kid;
  readonly fingerprint: string;
  readonly weakness?: Weakness;
}

/** What a write generates. `key` is unused if the write makes no signing key. */
export interface Fresh {
  readonly key: FreshKey;
  readonly ack: FreshKey;
}

/** A keyset that is about to be written. */
export interface Candidate {
  readonly sign: Kid;
  readonly verify: readonly Kid[];
}

/** @returns whether the write makes a new keyset version; other writes change annotations only */
export function writesKeys(write: Write): boolean {
  return !['drain', 'reopen', 'finish', 'dismiss', 'withdraw', 'extinguish'].includes(write.transition);
}

/** @returns whether the write makes a new signing key */
export function makesKey(write: Write): boolean {
  return ['create', 'stage', 'cutover', 'burn'].includes(write.transition) || stagesNext(write);
}

/** @returns whether the write that retires a key stages the next one, too */
export function stagesNext(write: Write): boolean {
  return write.transition === 'retire' && write.preStage === true;
}

/**
 * The real keys after the write, without the ack key: it is new in every write and never signs a real token.
 *
 * @throws if the transition makes no sense in this keyset, which is a defect of the planner
 */
export function candidate(keyset: Keyset, write: Write, freshKid: Kid): Candidate {
  const { sign } = currentShape(keyset);
  // containers from before the adoption may sign with one of these: they leave together with the first old key
  const found = keyset.keys.filter(({ state }) => state === 'found').map(({ kid }) => kid);
  switch (write.transition) {
    case 'stage':
      return { sign, verify: [sign, freshKid, ...found] };
    case 'promote':
      return { sign: kidOf(keyset, 'staged'), verify: [kidOf(keyset, 'staged'), sign, ...found] };
    case 'rollback':
      return { sign: kidOf(keyset, 'draining'), verify: [kidOf(keyset, 'draining'), sign, ...found] };
    case 'abort':
      return { sign, verify: [sign, ...found] };
    case 'adopt':
      return { sign, verify: currentShape(keyset).verify };
    case 'retire':
      return { sign, verify: stagesNext(write) ? [sign, freshKid] : [sign] };
    default:
      return { sign, verify: [sign] };
  }
}

/** @throws if there is no such key, which is a defect of the planner */
export function kidOf(keyset: Keyset, state: 'staged' | 'draining'): Kid {
  const key = keyIn(keyset, state);
  if (key === undefined) throw new Error(`keyset ${keyset.version} has no ${state} key`);
  return key.kid;
}
