/**
 * Keeps the audit log and the ledger in a ConfigMap beside the Secret, in the background: a pass never waits for a
 * write. Both follow the Secret: the writer tries again until the ConfigMap has everything.
 */
import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError, type KubeError } from '../../kube/errors.ts';
import { exponential } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EventRecorder } from '../../runtime/events.ts';
import { FairLimit } from '../../runtime/fair-limit.ts';
import type { Logger } from '../../runtime/log.ts';
import { keyOf } from '../../runtime/store.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import { EMPTY_LEDGER, type Ledger, merged, sameLedger, withTimes } from '../keyset/ledger.ts';
import type { Assessment } from '../plan/decision.ts';
import { type Account, isDirty, isOf, lacksForeignOnly, newAccount, takeIn } from './account.ts';
import type { LedgerReading } from './against-ledger.ts';
import { appendRecord, headOf, isRecorded, verifyLog } from './audit-log.ts';
import {
  ForeignConfigMapError,
  findLedgerConfigMap,
  type LedgerConfigMap,
  notKeptFinding,
  putLedgerConfigMap,
} from './ledger-config-map.ts';

/** So many at once, in all: an API server that answers no write of a ConfigMap must not keep connections from others. */
const MAX_WRITES = 8;
const RETRY_MS = 10_000;
const RETRY_CAP_MS = 300_000;
/** Two writers that contend for the Secret change it as often as they like; the ledger is written this often for it. */
const FOREIGN_PAUSE_MS = 10_000;

export interface AuditWriterOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'event'>;
  /** @throws if this process may not write in this namespace now */
  readonly fence: (namespace: string) => void;
  /** Called with each resource that must be reconciled again, and after how many milliseconds. */
  readonly onRetry: (key: string, afterMs: number) => void;
}

/** Keeps the audit log and the ledger up to date in the background. A pass waits only for the first read of the ledger. */
export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #accounts = new Map<string, Account>();
  /** The namespace of each. */
  readonly #underWay = new Map<Promise<void>, string>();
  readonly #inTurn = new FairLimit(MAX_WRITES);

  constructor(options: AuditWriterOptions) {
    this.#options = options;
  }

  /**
   * Reads the ledger, once. If rekey may not read it, or the ConfigMap belongs to somebody else, rekey works without a
   * ledger.
   *
   * @param again reads it again and forgets what it does not have: the whole cluster may have been restored, including
   *   the ConfigMap
   * @throws if the API server cannot be reached now, except in an emergency
   */
  async ledgerOf(resource: JwtKeyRotation, emergency: boolean, again = false): Promise<LedgerReading> {
    const account = this.#account(resource);
    const { readAgainAt } = account;
    if (again || (readAgainAt !== undefined && this.#options.clock.monotonic() >= readAgainAt)) {
      try {
        await this.#read(account);
        if (again) account.ledger = withTimes(account.stored, account.ledger.foreign);
      } catch (error) {
        const lasting = isKubeError(error, 'Forbidden') || error instanceof ForeignConfigMapError;
        if (!lasting && !emergency) throw error;
        account.readAgainAt = this.#options.clock.monotonic() + RETRY_MS;
        this.#notKept(account, error);
      }
    }
    const { ledger, finding, refusal } = account;
    return { ledger, ...defined({ finding, refusal }) };
  }

  /** Records what the Secret has and the ConfigMap lacks. Returns at once. */
  observed(resource: JwtKeyRotation, facts: Facts, assessment: Assessment): void {
    const account = this.#account(resource);
    if (takeIn(account, resource, facts, assessment)) this.#start(account);
  }

  /** Resolves when no write is under way in these namespaces. */
  async idle(isMeant: (namespace: string) => boolean = () => true): Promise<void> {
    const meant = () => [...this.#underWay].filter(([, namespace]) => isMeant(namespace)).map(([written]) => written);
    for (let open = meant(); open.length > 0; open = meant()) await Promise.all(open);
  }

  forgot(key: string): void {
    this.#accounts.delete(key);
  }

  #account(resource: JwtKeyRotation): Account {
    const key = keyOf(resource.metadata);
    const known = this.#accounts.get(key);
    if (known !== undefined && isOf(known, resource)) return known;
    const account = newAccount(resource);
    this.#accounts.set(key, account);
    return account;
  }

  #start(account: Account): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (account.writing || !isDirty(account) || now < account.notBefore) return;
    if (lacksForeignOnly(account)) {
      const pauseMs = account.foreignNotBefore - now;
      if (pauseMs > 0) {
        this.#options.onRetry(keyOf(account.resource.metadata), pauseMs);
        return;
      }
      account.foreignNotBefore = now + FOREIGN_PAUSE_MS;
    }
    account.writing = true;
    const { namespace = '' } = account.resource.metadata;
    const written = this.#inTurn
      .run(namespace, 0, () => this.#write(account))
      .then(() => {
        delete account.reported;
        account.failures = 0;
        if (account.refusal === undefined) return;
        delete account.refusal;
        this.#options.onRetry(keyOf(account.resource.metadata), 0);
      })
      .catch((error: unknown) => this.#failed(account, error))
      .finally(() => {
        account.writing = false;
        this.#underWay.delete(written);
        this.#start(account);
      });
    this.#underWay.set(written, namespace);
  }

  async #read(account: Account): Promise<LedgerConfigMap | undefined> {
    const { client, clock } = this.#options;
    const { namespace = '' } = account.resource.metadata;
    const configMap = await findLedgerConfigMap(client, namespace, account.name);
    const { ledger = EMPTY_LEDGER, finding } = configMap ?? {};
    // the log may be large, and there may be thousands of them
    account.kept = { configMap: configMap && { resourceVersion: configMap.resourceVersion } };
    account.stored = ledger;
    account.ledger = merged(account.ledger, ledger);
    account.finding = finding;
    account.readAgainAt = finding === undefined ? undefined : clock.monotonic() + RETRY_MS;
    return configMap;
  }

  async #write(account: Account): Promise<void> {
    if (account.due.size === 0 && (await this.#writeLedger(account))) return;
    const { log } = this.#options;
    const configMap = await this.#read(account);
    const before = configMap?.log ?? '';
    const { broken } = verifyLog(before);
    if (broken !== undefined) this.#report(account, 'AuditBroken', `ConfigMap ${account.name}: ${broken}`);
    const { ledger, finding } = account;
    const records = [...account.due.values()];
    const missing = records.filter(({ rotationId }) => !isRecorded(before, rotationId));
    let after = before;
    const heads = missing.map((record) => {
      const appended = appendRecord(after, record);
      after = appended.log;
      return headOf(appended.hash);
    });
    if (missing.length > 0 || !sameLedger(account.stored, ledger)) {
      // an unreadable ledger is evidence, and stays unchanged
      await this.#put(account, configMap, {
        ...(missing.length > 0 && { log: after }),
        ...(finding === undefined && { ledger }),
      });
    }
    account.stored = ledger;
    for (const { rotationId } of records) account.due.delete(rotationId);
    account.recorded = [...account.recorded, ...records.map(({ rotationId }) => rotationId)];
    for (const [i, { steps: _, ...record }] of missing.entries()) log.info('recorded', { ...record, head: heads[i] });
  }

  /**
   * Without a record that is due, the log is not needed, and so neither is a read.
   *
   * @returns false if the ConfigMap is not known, or no longer as it was
   */
  async #writeLedger(account: Account): Promise<boolean> {
    const { kept, ledger } = account;
    if (kept === undefined) return false;
    try {
      await this.#put(account, kept.configMap, { ledger });
    } catch (error) {
      delete account.kept;
      if (isKubeError(error, 'Conflict', 'AlreadyExists', 'NotFound')) return false;
      throw error;
    }
    account.stored = ledger;
    return true;
  }

  async #put(
    account: Account,
    before: Pick<LedgerConfigMap, 'resourceVersion'> | undefined,
    content: { readonly log?: string; readonly ledger?: Ledger },
  ): Promise<void> {
    const { client, fence } = this.#options;
    const { namespace = '' } = account.resource.metadata;
    fence(namespace);
    const resourceVersion = await putLedgerConfigMap(client, { namespace, name: account.name }, before, content);
    account.kept = { configMap: { resourceVersion } };
  }

  /** The resource is reconciled before the next try, since what was to be written may have changed. */
  #failed(account: Account, error: unknown): void {
    const { clock, onRetry } = this.#options;
    const pauseMs = exponential(RETRY_MS, RETRY_CAP_MS, account.failures);
    account.failures += 1;
    account.notBefore = clock.monotonic() + pauseMs;
    onRetry(keyOf(account.resource.metadata), pauseMs);
    // somebody else was faster, or is now the leader
    if (!isKubeError(error, 'Conflict', 'AlreadyExists')) this.#notKept(account, error);
  }

  #notKept(account: Account, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (isKubeError(error) && error.refusal !== undefined) this.#refused(account, error);
    this.#report(account, 'AuditFailed', `cannot write ConfigMap ${account.name}, trying again: ${why}`);
  }

  #refused(account: Account, error: KubeError): void {
    const isNew = account.refusal === undefined;
    account.refusal = notKeptFinding(account.name, error);
    if (isNew) this.#options.onRetry(keyOf(account.resource.metadata), 0);
  }

  #report(account: Account, reason: string, note: string): void {
    if (account.reported === note) return;
    account.reported = note;
    const { resource } = account;
    this.#options.events.event(resource, { type: 'Warning', reason, action: 'Rotate', note });
    this.#options.log.warn(note, { resource: keyOf(resource.metadata), reason });
  }
}
