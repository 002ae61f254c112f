/** What the audit writer knows of one resource, and how it learns it. */
import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import { endedRotations } from '../keyset/keyset.ts';
import { EMPTY_LEDGER, type Ledger, recorded, recordedForeign, sameLedger } from '../keyset/ledger.ts';
import type { Assessment } from '../plan/decision.ts';
import { wishesIn } from '../requests/requests.ts';
import type { LedgerReading } from './against-ledger.ts';
import type { AuditRecord } from './audit-log.ts';
import { recordOf } from './audit-record.ts';
import { type Diary, EMPTY_DIARY, noted } from './diary.ts';
import { type LedgerConfigMap, ledgerConfigMapName } from './ledger-config-map.ts';
import { foreignTimeOf, type OwnLook } from './strange.ts';

/** What is known of one resource. */
export interface Account {
  resource: JwtKeyRotation;
  readonly name: string;
  /** The ConfigMap as it was read or written last; a write on top of it fails if somebody else has changed it since. */
  kept?: { readonly configMap: Pick<LedgerConfigMap, 'resourceVersion'> | undefined };
  /** What was read, plus what was observed since. */
  ledger: Ledger;
  /** What the ConfigMap is known to hold. */
  stored: Ledger;
  /** The last look at which the Secret was as rekey wrote it. */
  own?: OwnLook;
  finding?: LedgerReading['finding'];
  /** The monotonic time of the next read of the ConfigMap, if it was not read successfully yet. */
  readAgainAt: number | undefined;
  diary: Diary;
  /** Records that may not be in the log yet, by rotation. */
  readonly due: Map<string, AuditRecord>;
  /** The rotations in the log that the Secret still records. */
  recorded: readonly string[];
  writing: boolean;
  /** The monotonic time of the next try after a failure. */
  notBefore: number;
  /** The monotonic time from which foreign times alone are a reason to write. */
  foreignNotBefore: number;
  /** Failures in a row. */
  failures: number;
  /** Why the last write was refused. */
  refusal?: Finding;
  /** The last failure that was reported, so that each is reported once. */
  reported?: string;
}

/** @returns the account of a resource of which nothing is known yet */
export function newAccount(resource: JwtKeyRotation): Account {
  return {
    ...{ resource, name: ledgerConfigMapName(resource.spec.secretName), ledger: EMPTY_LEDGER, stored: EMPTY_LEDGER },
    ...{ readAgainAt: 0, due: new Map(), recorded: [], writing: false, notBefore: 0, foreignNotBefore: 0, failures: 0 },
    diary: EMPTY_DIARY,
  };
}

/** @returns false if the account is of another resource of this name, or of another Secret: what it knows says nothing of this one */
export function isOf({ resource: { metadata, spec } }: Account, resource: JwtKeyRotation): boolean {
  return metadata.uid === resource.metadata.uid && spec.secretName === resource.spec.secretName;
}

/** @returns whether the ConfigMap lacks something */
export function isDirty({ due, ledger, stored, finding }: Account): boolean {
  return due.size > 0 || (finding === undefined && !sameLedger(stored, ledger));
}

/** @returns whether the ConfigMap lacks nothing but when the Secret was somebody else's, or no longer was */
export function lacksForeignOnly({ due, ledger, stored }: Account): boolean {
  return due.size === 0 && sameLedger(stored, { ...ledger, foreign: stored.foreign });
}

/**
 * Notes what a pass has observed.
 *
 * @returns whether that may have to be written
 */
export function takeIn(account: Account, resource: JwtKeyRotation, facts: Facts, assessment: Assessment): boolean {
  const { secret, settings, now } = facts;
  const foreign = foreignTimeOf(secret, account.ledger, account.own);
  if (secret.kind !== 'Managed' && foreign === undefined) return false;
  // any change by people may be meant to fix the failure
  if (wishesIn(account.resource) !== wishesIn(resource)) account.notBefore = 0;
  account.resource = resource;
  if (foreign !== undefined) account.ledger = recordedForeign(account.ledger, foreign, now);
  if (secret.kind !== 'Managed') return true;
  const { keyset } = secret;
  account.own = { at: now, fingerprints: keyset.keys.map(({ fingerprint }) => fingerprint) };
  account.ledger = recorded(account.ledger, keyset, now);
  account.diary = noted(account.diary, facts, assessment, keyset);
  const ended = endedRotations(keyset);
  account.recorded = account.recorded.filter((id) => ended.some((rotation) => rotation.id === id));
  for (const rotation of ended) {
    if (account.recorded.includes(rotation.id) || account.due.has(rotation.id)) continue;
    const known = { settings, ledger: account.ledger, diary: account.diary };
    account.due.set(rotation.id, recordOf(resource, known, assessment, keyset, rotation));
  }
  return true;
}
