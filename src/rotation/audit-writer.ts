/**
 * Writes the audit log, a ConfigMap beside the Secret. It follows the world: a rotation that has ended is in the Secret
 * until the next one begins, so one that could not be recorded at once is recorded later. Nothing waits for it.
 */

import { createHash } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { CONFIG_MAPS } from '../kube/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EventRecorder } from '../runtime/events.ts';
import type { Logger } from '../runtime/log.ts';
import { redactText } from '../runtime/redact.ts';
import { keyOf } from '../runtime/store.ts';
import { type AuditKey, type AuditRecord, appendRecord, headOf, isRecorded, verifyLog } from './audit-log.ts';
import { levelOf } from './evidence.ts';
import type { Facts } from './facts.ts';
import { iso } from './iso.ts';
import { type Keyset, type Kid, secondsOf } from './keyset.ts';
import { FIELD_MANAGER, type JwtKeyRotation } from './names.ts';

/** Data key of the ConfigMap. */
export const AUDIT_KEY = 'audit.jsonl';
const RETRY_MS = 10_000;
const SUFFIX = '-rekey';
/** A name has 253 characters at most. */
const MAX_STEM = 253 - SUFFIX.length;
const HASH_DIGITS = 8;

export interface AuditWriterOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'event'>;
  /** @throws if this process may not write now */
  readonly fence: () => void;
}

/** @returns the name of the ConfigMap that belongs to a Secret */
export function auditNameOf(secretName: string): string {
  if (secretName.length <= MAX_STEM) return `${secretName}${SUFFIX}`;
  const hash = createHash('sha256').update(secretName).digest('hex').slice(0, HASH_DIGITS);
  return `${secretName.slice(0, MAX_STEM - HASH_DIGITS - 1).replace(/[-.]+$/, '')}-${hash}${SUFFIX}`;
}

export class AuditWriter {
  readonly #options: AuditWriterOptions;
  /** The rotation last known to be in the log, by resource. */
  readonly #recorded = new Map<string, string>();
  /** Not before this is a resource tried again: a monotonic time, or never while one is under way. */
  readonly #notBefore = new Map<string, number>();
  /** Why it failed last, by resource: told once. */
  readonly #told = new Map<string, string>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: AuditWriterOptions) {
    this.#options = options;
  }

  /** Records the last rotation, if it has ended and is not in the log. Returns at once. */
  observed(resource: JwtKeyRotation, facts: Facts): void {
    const { secret, settings } = facts;
    const rotation = secret.kind === 'Managed' ? secret.keyset.rotation : undefined;
    if (secret.kind !== 'Managed' || rotation?.outcome === undefined) return;
    const key = keyOf(resource.metadata);
    if (this.#recorded.get(key) === rotation.id) return;
    if (this.#options.clock.monotonic() < (this.#notBefore.get(key) ?? 0)) return;
    this.#notBefore.set(key, Number.POSITIVE_INFINITY);
    const name = auditNameOf(settings.secretName);
    const written = this.#record(resource, name, recordOf(resource, facts, secret.keyset))
      .then(() => {
        this.#recorded.set(key, rotation.id);
        this.#told.delete(key);
      })
      .catch((error: unknown) => this.#failed(resource, name, error))
      .finally(() => {
        this.#notBefore.set(key, this.#options.clock.monotonic() + RETRY_MS);
        this.#underWay.delete(written);
      });
    this.#underWay.add(written);
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  forgot(key: string): void {
    for (const map of [this.#recorded, this.#notBefore, this.#told]) map.delete(key);
  }

  async #record(resource: JwtKeyRotation, name: string, record: AuditRecord): Promise<void> {
    const { client, fence, log } = this.#options;
    const { namespace = '' } = resource.metadata;
    const found = await this.#find(namespace, name);
    const before = found?.data?.[AUDIT_KEY] ?? '';
    if (isRecorded(before, record.rotationId)) return;
    const { broken } = verifyLog(before);
    if (broken !== undefined) this.#tell(resource, 'AuditBroken', `ConfigMap ${name}: ${broken}`);
    const { log: after, hash } = appendRecord(before, record);
    fence();
    const options = { fieldManager: FIELD_MANAGER };
    const metadata = { labels: { 'app.kubernetes.io/managed-by': 'rekey' } };
    const data = { [AUDIT_KEY]: after };
    if (found === undefined) {
      await client.create(CONFIG_MAPS, { metadata: { ...metadata, namespace, name }, data }, options);
    } else {
      const { resourceVersion } = found.metadata;
      const body = { metadata: { ...metadata, resourceVersion }, data };
      await client.mergePatch(CONFIG_MAPS, { namespace, name }, body, options);
    }
    log.info('recorded', { ...record, head: headOf(hash) });
  }

  async #find(namespace: string, name: string) {
    try {
      return await this.#options.client.get(CONFIG_MAPS, { namespace, name });
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #failed(resource: JwtKeyRotation, name: string, error: unknown): void {
    // somebody else was faster, or is now the leader: looked at again
    if (isKubeError(error, 'Conflict', 'AlreadyExists')) return;
    const why = error instanceof Error ? error.message : String(error);
    this.#tell(resource, 'AuditFailed', `ConfigMap ${name} could not be written, it is tried again: ${why}`);
  }

  #tell(resource: JwtKeyRotation, reason: string, note: string): void {
    const key = keyOf(resource.metadata);
    if (this.#told.get(key) === note) return;
    this.#told.set(key, note);
    this.#options.events.event(resource, { type: 'Warning', reason, action: 'Rotate', note });
    this.#options.log.warn(note, { resource: key, reason });
  }
}

function recordOf({ metadata }: JwtKeyRotation, { settings, targets }: Facts, keyset: Keyset): AuditRecord {
  const { rotation } = keyset;
  if (rotation?.outcome === undefined) throw new Error('no rotation has ended');
  const { id, trigger, actor, reason, from, to, startedAt, finishedAt = startedAt, outcome, failure } = rotation;
  const named = (kid: Kid): AuditKey => {
    const fp = [...keyset.keys, ...keyset.burnt].find((key) => key.kid === kid)?.fingerprint;
    return fp === undefined ? { kid } : { kid, fp };
  };
  const emergency = trigger === 'Emergency' ? keyset.emergency : undefined;
  const seconds = emergency && secondsOf(emergency);
  const since = emergency?.writtenAt ?? Number.POSITIVE_INFINITY;
  const burnt = keyset.burnt.filter(({ burntAt }) => burntAt >= since).map(({ kid }) => named(kid));
  return {
    rotationId: id,
    resource: keyOf(metadata),
    environment: settings.environment,
    // people write what they like into a reason, the leaked key too
    ...{ trigger, actor, reason: redactText(reason) },
    from: named(from),
    to: named(to),
    keysetVersion: keyset.version,
    targets: targets.map((target) => {
      const { kind, name } = target.settings;
      return { kind, name, level: levelOf(target), pods: target.pods.length };
    }),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    outcome,
    ...(failure && { failure: `${failure.reason}: ${failure.message}` }),
    ...(emergency && seconds !== undefined && { emergency: { nonce: emergency.nonce, seconds, burnt } }),
  };
}
