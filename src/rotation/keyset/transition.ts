/**
 * The writes of the Secret and what each makes of the keyset, without a key byte. One write is one transition, conditional
 * on the Secret's resourceVersion.
 */

import type { Candidate } from '../plan/safe-write.ts';
import {
  type Acked,
  type Attempts,
  compact,
  currentShape,
  type Evidence,
  type Handled,
  type KeyRecord,
  type Keyset,
  type Kid,
  keyIn,
  MAX_NONCES,
  type Outcome,
  type RotationRecord,
  type Weakness,
} from './keyset.ts';

/** Rotations that emergencies cut off one after the other, and that are remembered. */
const MAX_INTERRUPTED = 4;

/** A rotation that is about to be staged: its record before it has keys. */
export type RotationRequest = Pick<RotationRecord, 'id' | 'trigger' | 'actor' | 'reason' | 'drainMs' | 'keyBytes'>;
/** How a rotation begins. */
export interface Start {
  readonly handled: Handled;
  readonly rotation: RotationRequest;
}
export type Failure = NonNullable<RotationRecord['failure']>;

/** `noted`: requests that count as served, and that nobody has acted upon, in words. */
interface FirstRequests {
  readonly handled: Handled;
  readonly noted?: readonly string[];
}

/** `withdrawn`: requests that end with it before a rotation has begun for them, in words. */
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
  /** The new key signs, the old one is accepted. `start`: it was staged when the key before retired, and the rotation begins here. */
  | { readonly transition: 'promote'; readonly acked: Acked; readonly start?: Start }
  /** No container signs with the old key any more; its tokens drain from now. */
  | { readonly transition: 'drain'; readonly acked: Acked; readonly inferred?: string | undefined }
  /** A container was found that may sign with the draining key: its exit is awaited again. */
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
  /** The old key signs again, the new one is accepted until its tokens are dead. */
  | ({ readonly transition: 'rollback'; readonly acked: Acked; readonly failure: Failure } & Withdrawing)
  /**
   * A fresh key alone, by intention against the safe-write rule: every outstanding token is refused from now on. Without `rotation`
   * it ends the rotation under way, whose staged key has found a service that holds one key only.
   */
  | { readonly transition: 'cutover'; readonly handled: Handled; readonly rotation?: RotationRequest }
  /**
   * A fresh key alone, in any phase: the safe-write rule is not asked. Every key that was in the Secret is burnt.
   * `version`: the highest that a pod template carries, for a Secret that is not managed.
   */
  | {
      readonly transition: 'burn';
      readonly nonce: string;
      readonly rotation: RotationRequest;
      readonly version: number;
    }
  /** Every live pod refuses every burnt key. */
  | { readonly transition: 'extinguish'; readonly acked: Acked; readonly inferred?: string | undefined }
  /** A request that cannot be served any more is marked as seen. */
  | ({ readonly transition: 'dismiss' } & Withdrawing)
  /** Requests that no rotation has begun for are taken back. */
  | ({ readonly transition: 'withdraw' } & Withdrawing);

/** A generated key by name. The bytes stay with the effect that made them. */
export interface FreshKey {
  readonly kid: Kid;
  readonly fingerprint: string;
  readonly weakness?: Weakness;
}

/** What a write draws from the random generator. `key` is unused where the write makes no signing key. */
export interface Fresh {
  readonly key: FreshKey;
  readonly ack: FreshKey;
}

/** Transitions that put a new keyset version into the Secret; the others change annotations only. */
export function writesKeys(write: Write): boolean {
  return !['drain', 'reopen', 'finish', 'dismiss', 'withdraw', 'extinguish'].includes(write.transition);
}

/** Transitions that bring a new signing key into being. */
export function makesKey(write: Write): boolean {
  return ['create', 'stage', 'cutover', 'burn'].includes(write.transition) || stagesNext(write);
}

function stagesNext(write: Write): boolean {
  return write.transition === 'retire' && write.preStage === true;
}

/**
 * Real keys after the write, for the guard. The ack key is left out: it is fresh in every write and never signs a real token.
 *
 * @throws if the transition makes no sense in this keyset, which is a defect of the planner
 */
export function candidate(keyset: Keyset, write: Write, freshKid: Kid): Candidate {
  const { sign, verify } = realKeys(keyset, write, freshKid);
  return { sign, verify };
}

function realKeys(keyset: Keyset, write: Write, freshKid: Kid): Candidate {
  const { sign } = currentShape(keyset);
  // whoever started before the adoption may sign with one of these: they leave when the first old key does
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

function kidOf(keyset: Keyset, state: 'staged' | 'draining'): Kid {
  const key = keyIn(keyset, state);
  if (key === undefined) throw new Error(`keyset ${keyset.version} has no ${state} key`);
  return key.kid;
}

/**
 * The keyset after a write.
 *
 * @param keyset what is in the Secret; for `create` and `adopt` that of {@link foundKeyset}
 * @param now milliseconds since the epoch
 */
export function advance(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  return { ...after(keyset, write, fresh, now), lastWriteAt: now };
}

function after(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  switch (write.transition) {
    case 'drain':
      return {
        ...keyset,
        phase: 'Draining',
        acked: write.acked,
        keys: drainFrom(keyset.keys, now),
        attempts: { ...keyset.attempts, promotingMs: now - currentShape(keyset).writtenAt },
      };
    case 'reopen':
      return { ...keyset, phase: 'Promoting', keys: drainFrom(keyset.keys, undefined) };
    case 'finish':
      return finish(keyset, write, write.outcome, now);
    case 'dismiss':
    case 'withdraw':
      return { ...keyset, handled: write.handled };
    case 'cutover':
      return cutOver(keyset, write, fresh, now);
    case 'burn':
      return burn(keyset, write, fresh, now);
    case 'extinguish':
      return extinguish(keyset, write, now);
    case 'create':
      return {
        ...rewrite(keyset, write, fresh, now),
        acked: { Signer: keyset.version + 1, Verifier: keyset.version + 1 },
      };
    default:
      return rewrite(keyset, write, fresh, now);
  }
}

function drainFrom(keys: readonly KeyRecord[], lastSignerExit: number | undefined): readonly KeyRecord[] {
  return keys.map((key) => {
    if (key.state !== 'draining' && key.state !== 'found') return key;
    const { lastSignerExit: _, ...open } = key;
    return lastSignerExit === undefined ? open : { ...open, lastSignerExit };
  });
}

/** What the end of a rotation rests on. */
type End = Pick<Extract<Write, { transition: 'finish' }>, 'acked' | 'inferred'>;

function finish(keyset: Keyset, { acked, inferred }: End, outcome: Outcome, now: number): Keyset {
  const told = inferred === undefined ? {} : { inferred };
  const evidence: Evidence = inferred === undefined ? 'Observed' : 'Inferred';
  const rotation = keyset.rotation && { ...keyset.rotation, finishedAt: now, outcome, ...told };
  const attempts =
    outcome === 'Completed'
      ? { ...measured(keyset.attempts), since: now, rotatedAt: now, evidence, failures: 0 }
      : { ...keyset.attempts, failures: keyset.attempts.failures + 1, failedAt: now };
  const kids = new Set(keyset.keys.map((key) => key.kid));
  return {
    ...keyset,
    phase: 'Steady',
    acked,
    history: compact(keyset.history, acked, kids),
    ...(rotation && { rotation }),
    attempts,
  };
}

function measured({ promotingMs }: Attempts): Pick<Attempts, 'promotingMs'> {
  return promotingMs === undefined ? {} : { promotingMs };
}

/** A fresh key alone. The shapes before stay: containers may hold them until they have been replaced. */
function replaced({ version: before, history, acked }: Keyset, fresh: Fresh, now: number) {
  const version = before + 1;
  const keys = [record(fresh.key, 'signing', now), record(fresh.ack, 'ack', now)];
  const shape = { version, writtenAt: now, sign: fresh.key.kid, verify: keys.map(({ kid }) => kid) };
  return { version, keys, history: compact([...history, shape], acked, new Set(shape.verify)) };
}

function cutOver(keyset: Keyset, write: Extract<Write, { transition: 'cutover' }>, fresh: Fresh, now: number): Keyset {
  const to = fresh.key.kid;
  const begun = write.rotation && { ...write.rotation, from: currentShape(keyset).sign, startedAt: now };
  const rotation = begun ?? keyset.rotation;
  return {
    ...keyset,
    ...replaced(keyset, fresh, now),
    phase: 'Switching',
    ...(rotation && { rotation: { ...rotation, to, cutOverAt: now } }),
    handled: write.handled,
  };
}

function burn(keyset: Keyset, write: Extract<Write, { transition: 'burn' }>, fresh: Fresh, now: number): Keyset {
  const { nonce, rotation } = write;
  const from = currentShape(keyset).sign;
  return {
    ...replaced(keyset, fresh, now),
    phase: 'Burning',
    acked: keyset.acked,
    rotation: { ...rotation, from, to: fresh.key.kid, startedAt: now, ...cutOff(keyset, now) },
    handled: { ...keyset.handled, emergencies: [...(keyset.handled.emergencies ?? []), nonce].slice(-MAX_NONCES) },
    attempts: keyset.attempts,
    burnt: [...keyset.burnt, ...keyset.keys.map(({ kid, fingerprint }) => ({ kid, fingerprint, burntAt: now }))],
    emergency: { nonce, reason: rotation.reason, writtenAt: now },
  };
}

/** A rotation under way ends here, and its record would be lost with it. */
function cutOff({ rotation }: Keyset, now: number): Pick<RotationRecord, 'interrupted'> {
  if (rotation === undefined || rotation.outcome !== undefined) return {};
  const { interrupted = [], ...ended } = rotation;
  const all = [...interrupted, { ...ended, finishedAt: now, outcome: 'Interrupted' as const }];
  return { interrupted: all.slice(-MAX_INTERRUPTED) };
}

function extinguish(keyset: Keyset, end: End, now: number): Keyset {
  const gone = { goneAt: now, ...(end.inferred !== undefined && { inferred: end.inferred }) };
  const emergency = keyset.emergency && { ...keyset.emergency, ...gone };
  return { ...finish(keyset, end, 'Completed', now), ...(emergency && { emergency }) };
}

function rewrite(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  const version = keyset.version + 1;
  const { sign, verify } = realKeys(keyset, write, fresh.key.kid);
  const acked = 'acked' in write ? write.acked : keyset.acked;
  const keys = keysAfter(keyset, write, { sign, verify }, fresh, now);
  const shape = { version, writtenAt: now, sign, verify: [...verify, fresh.ack.kid] };
  const older = write.transition === 'create' ? [] : keyset.history;
  const rotation = rotationAfter(keyset, write, fresh, now);
  return {
    version,
    phase: phaseAfter(write, keyset),
    keys,
    acked,
    history: compact([...older, shape], acked, new Set(keys.map((key) => key.kid))),
    ...(rotation && { rotation }),
    handled: handledBy(write) ?? keyset.handled,
    attempts: keyset.attempts,
    burnt: keyset.burnt,
    ...(keyset.emergency && { emergency: keyset.emergency }),
  };
}

function handledBy(write: Write): Handled | undefined {
  return write.transition === 'promote' ? write.start?.handled : 'handled' in write ? write.handled : undefined;
}

function keysAfter(keyset: Keyset, write: Write, next: Candidate, fresh: Fresh, now: number): readonly KeyRecord[] {
  const stages = write.transition === 'stage' || stagesNext(write);
  const staged: KeyRecord[] = stages ? [record(fresh.key, 'staged', now)] : [];
  const kept = keyset.keys.filter((key) => key.state !== 'ack' && next.verify.includes(key.kid));
  return [
    ...(write.transition === 'adopt' ? kept : kept.map((key): KeyRecord => relabel(key, key.kid === next.sign))),
    ...staged,
    record(fresh.ack, 'ack', now),
  ];
}

/** @returns a key as it enters the keyset: its name and nothing else, since whoever made it may hold its bytes in the same object */
export function record(
  { kid, fingerprint, weakness }: FreshKey,
  state: KeyRecord['state'],
  createdAt: number,
): KeyRecord {
  return { kid, fingerprint, state, createdAt, ...(weakness && { weakness }) };
}

function relabel(key: KeyRecord, signs: boolean): KeyRecord {
  const { lastSignerExit: _, ...open } = key;
  if (key.state === 'found') return open;
  return { ...open, state: signs ? 'signing' : 'draining' };
}

function rotationAfter(keyset: Keyset, write: Write, fresh: Fresh, now: number): RotationRecord | undefined {
  const from = currentShape(keyset).sign;
  if (write.transition === 'stage') return { ...write.rotation, from, to: fresh.key.kid, startedAt: now };
  if (write.transition === 'promote' && write.start) {
    return { ...write.start.rotation, from, to: kidOf(keyset, 'staged'), startedAt: now };
  }
  if ('failure' in write && keyset.rotation) return { ...keyset.rotation, failure: write.failure };
  return keyset.rotation;
}

function phaseAfter(write: Write, keyset: Keyset): Keyset['phase'] {
  switch (write.transition) {
    case 'stage':
      return 'Staging';
    case 'promote':
    case 'rollback':
      return 'Promoting';
    case 'retire':
      return 'Retiring';
    case 'abort':
      return 'Aborting';
    case 'create':
    case 'adopt':
      return 'Steady';
    default:
      return keyset.phase;
  }
}
