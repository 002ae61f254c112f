/**
 * The safe-write rule. The operator may write W at any time iff
 *
 * - W1: sign(W) ∈ verify(P) for every P that a live verifier may hold, and sign(P) ∈ verify(W) for every P that a live
 *   signer may hold; and
 * - W2: every key that leaves `verify` has no possible signer and no live token.
 *
 * Then every live container verifies every live signer and every live token, in whatever order, speed or repetition
 * containers restart. Stage, promote, retire, abort and rollback all satisfy it; replacing a key at once does not. So
 * no list of legal transitions is needed. For writes that this rule does not judge see write-gate.ts.
 */
import { type Acked, currentShape, type KeyRecord, type Keyset, possible, type Shape } from '../keyset/keyset.ts';
import type { Candidate } from '../keyset/writes.ts';

/** When all tokens of a key have expired. While the key may still have a signer, this is never. */
export interface TokenLife {
  readonly now: number;
  /** Milliseconds that a token may outlive the last container that could sign it. */
  readonly drainMs: number;
}

/**
 * @param acked what is known now; never less than what the Secret says
 * @returns each breach of the rule in words; empty means that the write is safe
 */
export function unsafeReasons(keyset: Keyset, acked: Acked, next: Candidate, life: TokenLife): readonly string[] {
  const signers = possible(keyset.history, acked.Signer);
  const verifiers = possible(keyset.history, acked.Verifier);
  return [...w1(signers, verifiers, next), ...w2(keyset, signers, next, life)];
}

function w1(signers: readonly Shape[], verifiers: readonly Shape[], next: Candidate): readonly string[] {
  const deaf = verifiers.filter((shape) => !shape.verify.includes(next.sign));
  const unheard = signers.filter((shape) => !next.verify.includes(shape.sign));
  return [
    ...deaf.map((shape) => `W1: a verifier may hold version ${shape.version}, which refuses ${next.sign}`),
    ...unheard.map((shape) => `W1: a signer may hold version ${shape.version}, whose ${shape.sign} would be refused`),
  ];
}

function w2(keyset: Keyset, signers: readonly Shape[], next: Candidate, life: TokenLife): readonly string[] {
  const dropped = keyset.keys.filter((key) => key.state !== 'ack' && !next.verify.includes(key.kid));
  return dropped.flatMap((key) => {
    if (signers.some((shape) => shape.sign === key.kid)) return [`W2: a live container may still sign with ${key.kid}`];
    return mayHaveLiveTokens(keyset, key, life) ? [`W2: tokens signed with ${key.kid} may still be alive`] : [];
  });
}

function mayHaveLiveTokens(keyset: Keyset, key: KeyRecord, life: TokenLife): boolean {
  const signs = currentShape(keyset).sign === key.kid;
  if (key.state === 'staged' && !signs) return false;
  return key.lastSignerExit === undefined || life.now < key.lastSignerExit + life.drainMs;
}
