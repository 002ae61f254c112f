/** The ConfigMap beside the Secret that has what must outlive it: the audit log and the ledger. */
import { createHash } from 'node:crypto';
import { defined, ifDefined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError, type KubeError } from '../../kube/errors.ts';
import { CONFIG_MAPS } from '../../kube/types.ts';
import type { Finding } from '../api/finding.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import { decodeLedger, encodeLedger, type Ledger } from '../keyset/ledger.ts';

/** Data keys of the ConfigMap. */
export const AUDIT_KEY = 'audit.jsonl';
export const LEDGER_KEY = 'ledger.json';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const SUFFIX = '-rekey';
/** A name has at most 253 characters. */
const MAX_STEM = 253 - SUFFIX.length;
const HASH_DIGITS = 8;

/** The ConfigMap of that name was not made by rekey. */
export class ForeignConfigMapError extends Error {}

/** What the ConfigMap holds. */
export interface LedgerConfigMap {
  readonly resourceVersion: string | undefined;
  readonly log: string;
  readonly ledger?: Ledger;
  /** Why the ledger cannot be read. */
  readonly finding?: Finding;
}

/** @returns the name of the ConfigMap that belongs to a Secret */
export function ledgerConfigMapName(secretName: string): string {
  if (secretName.length <= MAX_STEM) return `${secretName}${SUFFIX}`;
  const hash = createHash('sha256').update(secretName).digest('hex').slice(0, HASH_DIGITS);
  return `${secretName.slice(0, MAX_STEM - HASH_DIGITS - 1).replace(/[-.]+$/, '')}-${hash}${SUFFIX}`;
}

/**
 * @returns undefined if there is none
 * @throws {ForeignConfigMapError}
 */
export async function findLedgerConfigMap(
  client: Pick<KubeClient, 'get'>,
  namespace: string,
  name: string,
): Promise<LedgerConfigMap | undefined> {
  try {
    const { metadata, data } = await client.get(CONFIG_MAPS, { namespace, name });
    if (metadata.labels?.[MANAGED_BY] !== FIELD_MANAGER) {
      throw new ForeignConfigMapError(
        `it belongs to somebody else (no label ${MANAGED_BY}: ${FIELD_MANAGER}); rename or delete it`,
      );
    }
    return { resourceVersion: metadata.resourceVersion, log: data?.[AUDIT_KEY] ?? '', ...readLedger(data, name) };
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  }
}

function readLedger(
  data: Readonly<Record<string, string>> = {},
  name: string,
): Pick<LedgerConfigMap, 'ledger' | 'finding'> {
  const encoded = data[LEDGER_KEY];
  if (encoded === undefined) return {};
  try {
    return { ledger: decodeLedger(encoded) };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    const message = `ConfigMap ${name}, data key ${LEDGER_KEY}: ${why}. It records which keys are burnt, so rekey writes nothing until you correct it; to begin a new ledger, remove the data key`;
    return { finding: { reason: 'LedgerUnreadable', message } };
  }
}

/**
 * Writes the given data, on condition that the ConfigMap has not changed since it was read.
 *
 * @param before the ConfigMap as it was read
 * @returns its new version
 */
export async function putLedgerConfigMap(
  client: Pick<KubeClient, 'create' | 'mergePatch'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  before: Pick<LedgerConfigMap, 'resourceVersion'> | undefined,
  { log, ledger }: { readonly log?: string; readonly ledger?: Ledger },
): Promise<string | undefined> {
  const options = { fieldManager: FIELD_MANAGER };
  const labels = { [MANAGED_BY]: FIELD_MANAGER };
  const data = {
    ...defined({ [AUDIT_KEY]: log, [LEDGER_KEY]: ifDefined(ledger, encodeLedger) }),
  };
  if (before === undefined) {
    const made = await client.create(CONFIG_MAPS, { metadata: { labels, namespace, name }, data }, options);
    return made.metadata.resourceVersion;
  }
  const body = { metadata: { labels, resourceVersion: before.resourceVersion }, data };
  return (await client.mergePatch(CONFIG_MAPS, { namespace, name }, body, options)).metadata.resourceVersion;
}

/** Rotations continue, but rekey would not recognize a Secret from a backup. */
export function notKeptFinding(name: string, { refusal, message }: KubeError): Finding {
  const lost = `${message}. Rotations continue; until this is fixed, rekey keeps no record of them there and does not recognize a Secret from a backup`;
  const reason = refusal?.cause === 'Rights' ? 'Forbidden' : 'WriteRefused';
  return { reason, message: `cannot write ConfigMap ${name}: ${lost}` };
}
