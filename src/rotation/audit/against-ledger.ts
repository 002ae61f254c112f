/** Checks the Secret against the ledger: burnt and retired keys must not come back. */

import type { Finding } from '../api/finding.ts';
import { ACCEPT_RETIRED, DATA } from '../api/names.ts';
import type { SecretFacts, UnmanagedSecret } from '../facts.ts';
import { believedVersion, burntIn, type Ledger, type LedgerKey, livingIn } from '../keyset/ledger.ts';
import { keysOfUnmanaged } from './strange.ts';

/** Keys that have left the Secret for good, and are not in it under another id. */
function retiredIn(ledger: Ledger): readonly LedgerKey[] {
  const lives = new Set(livingIn(ledger).map(({ fingerprint }) => fingerprint));
  return ledger.keys.filter(({ state, fingerprint }) => state === 'retired' && !lives.has(fingerprint));
}

/** @returns why the Secret cannot be what rekey wrote last, even if its content matches its annotations */
function resurrection(ledger: Ledger, secret: SecretFacts, names: Names): Finding | undefined {
  const { secretName, ledgerName } = names;
  const burnt = new Set(burntIn(ledger).map(({ fingerprint }) => fingerprint));
  if (secret.kind === 'Unmanaged') return strangeness(ledger, secret, names);
  if (secret.kind !== 'Managed') return undefined;
  const { version, keys } = secret.keyset;
  const back = keys.find(({ fingerprint }) => burnt.has(fingerprint));
  if (back !== undefined) {
    const message = `Secret ${secretName} holds the burnt key ${back.kid} again (known from ConfigMap ${ledgerName}), perhaps from a backup. RESTART NO POD: one that starts now takes the burnt key. Stop whoever wrote it, then request another emergency: kubectl rekey emergency NAME --reason '...'`;
    return { reason: 'KeyResurrected', message };
  }
  // a key that was retired after it was written here; a key that a person accepted again is younger
  const retired = keys.find(({ fingerprint, createdAt }) =>
    retiredIn(ledger).some((key) => key.fingerprint === fingerprint && key.at > createdAt),
  );
  const isNewest = version >= believedVersion(ledger);
  if (isNewest && retired !== undefined) {
    const message = `Secret ${secretName} holds the retired key ${retired.kid} again (known from ConfigMap ${ledgerName}): restore what rekey wrote, or start an emergency`;
    return { reason: 'KeyResurrected', message };
  }
  if (isNewest) return undefined;
  const message = `Secret ${secretName} has keyset version ${version}, but ${ledger.version} was written before (known from ConfigMap ${ledgerName}): it comes from a backup. Restore the newer one; or, to continue with the keys that it holds, adopt it again (for the commands, see KeyResurrected in the runbook); or start an emergency`;
  return { reason: 'KeyResurrected', message };
}

/** @returns why rekey cannot adopt the keys of a Secret that people made */
function strangeness(ledger: Ledger, secret: UnmanagedSecret, { secretName, ledgerName }: Names): Finding | undefined {
  const found = keysOfUnmanaged(secret).fingerprints;
  const known = `(known from ConfigMap ${ledgerName})`;
  if (burntIn(ledger).some(({ fingerprint }) => found.includes(fingerprint))) {
    const message = `Secret ${secretName} holds a burnt key ${known}: it may be in the wrong hands; put another key there, or start an emergency`;
    return { reason: 'KeyResurrected', message };
  }
  const retired = retiredIn(ledger).find(({ fingerprint }) => {
    return found.includes(fingerprint) && !secret.accepted?.includes(fingerprint);
  });
  if (retired !== undefined) {
    const message = `Secret ${secretName} holds the key ${retired.kid}, which was retired ${known}: running pods may refuse it. Set it to the key that they sign with; or, if they hold this one, set the annotation ${ACCEPT_RETIRED}: ${retired.fingerprint} on the Secret; or start an emergency`;
    return { reason: 'KeyResurrected', message };
  }
  const other = ledger.keys.find(({ kid, fingerprint }) => kid === secret.kid && fingerprint !== secret.fingerprint);
  if (other === undefined) return undefined;
  const message = `Secret ${secretName}: data key ${DATA.keyId} is the id of another key ${known}; set it to the id that tokens carry, or remove the data key`;
  return { reason: 'KeyIdUnusable', message };
}

/** The ledger as read. `finding`: it cannot be read. */
export interface LedgerReading {
  readonly ledger: Ledger;
  readonly finding?: Finding;
  /** Why the ledger cannot be written. This blocks nothing, but people should know. */
  readonly refusal?: Finding;
}

/** @returns the Secret, refused if it contradicts the ledger */
export function checkedAgainstLedger(ledger: Ledger, secret: SecretFacts, names: Names): SecretFacts {
  const finding = resurrection(ledger, secret, names);
  if (finding === undefined) return secret;
  if (secret.kind === 'Unmanaged') return { kind: 'Refused', finding, foreign: keysOfUnmanaged(secret) };
  return { kind: 'Refused', finding, ...(secret.kind === 'Managed' && { keyset: secret.keyset }) };
}

interface Names {
  readonly secretName: string;
  readonly ledgerName: string;
}
