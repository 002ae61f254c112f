/** When a Secret that rekey manages is not as rekey wrote it, and which keys are in it. */
import type { SecretFacts, StrangeKeys, UnmanagedSecret } from '../facts.ts';
import type { ForeignTime } from '../keyset/foreign-times.ts';
import { currentShape } from '../keyset/keyset.ts';
import { believedVersion, type Ledger, livingIn } from '../keyset/ledger.ts';

/** A look at which the Secret was as rekey wrote it. */
export interface OwnLook {
  /** Milliseconds since the epoch. The look may have been at what a watch last told. */
  readonly at: number;
  /** Of all its keys. */
  readonly fingerprints: readonly string[];
}

/** The time of a write is not before the one that it says by more than this, milliseconds. */
const WRITTEN_MS = 2_000;

/**
 * @param own the Secret as it was when this process last took it for rekey's own; undefined if it never has
 * @returns what to note of a look at the Secret; undefined if nobody else has written to it. While it is absent, no container
 *   that needs it starts
 */
export function foreignTimeOf(secret: SecretFacts, ledger: Ledger, own: OwnLook | undefined): ForeignTime | undefined {
  if (secret.kind === 'Managed' || secret.kind === 'Absent' || ledger.version === 0) return undefined;
  const { dataKeys, fingerprints, changedAt } = keysIn(secret);
  const { at: ownAt, fingerprints: ours = [] } = own ?? {};
  // the ledger has no ack keys
  const lives = new Set([...ours, ...livingIn(ledger).map(({ fingerprint }) => fingerprint)]);
  const writtenAt = writtenAtOf(secret, ledger);
  // people can edit the time of a change, and it may be that of a later change by the same manager
  const isEarlier = changedAt !== undefined && changedAt > writtenAt && changedAt < (ownAt ?? 0);
  return {
    since: isEarlier ? changedAt : (ownAt ?? writtenAt),
    version: believedVersion(ledger),
    dataKeys,
    fingerprints: fingerprints.filter((fingerprint) => !lives.has(fingerprint)),
  };
}

/** @returns all keys of a Secret without the annotations of rekey */
export function keysOfUnmanaged({ fingerprint, fallbacks }: UnmanagedSecret): StrangeKeys {
  return { dataKeys: [], fingerprints: [fingerprint, ...fallbacks] };
}

function keysIn(secret: Exclude<SecretFacts, { kind: 'Managed' | 'Absent' }>): StrangeKeys {
  if (secret.kind === 'Unmanaged') return keysOfUnmanaged(secret);
  const kept = secret.keyset?.keys.filter(({ state }) => state !== 'ack') ?? [];
  return secret.foreign ?? { dataKeys: [], fingerprints: kept.map(({ fingerprint }) => fingerprint) };
}

/** @returns a time that is not after the last write of rekey: that of the Secret if it has the last keyset, or that of the newest key */
function writtenAtOf(secret: SecretFacts, ledger: Ledger): number {
  const keyset = secret.kind === 'Refused' ? secret.keyset : undefined;
  if (keyset?.version === ledger.version) return currentShape(keyset).writtenAt - WRITTEN_MS;
  return Math.max(0, ...livingIn(ledger).map(({ at }) => at)) - WRITTEN_MS;
}
