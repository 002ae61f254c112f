/**
 * Every version of the Secret, by a watch: what the oracles believe instead of the operator.
 */
import { FIELD_MANAGER, STATE } from '../../src/rotation/api/names.ts';
import { follow } from '../support/cluster/follow.ts';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import type { Secret } from '../support/node/types.ts';
import { keysOf } from '../support/scenario/rotation.ts';

/** One version. It holds keys: for the oracles, never to be printed. */
export interface SecretRecord {
  readonly resourceVersion: bigint;
  /** When it was seen here, milliseconds since the epoch. */
  readonly at: number;
  readonly sign: string;
  /** The name of the key that signs, as tokens bear it. */
  readonly kid: string;
  readonly fallbacks: readonly string[];
  readonly version: number;
  readonly phase: string;
  /** When the API server took what an operator wrote last, milliseconds since the epoch, cut off to whole seconds. */
  readonly takenAt: number;
  /** When each version was written, as the Secret tells it, milliseconds since the epoch. */
  readonly told: ReadonlyMap<number, number>;
  /** Written by the plan itself and not by an operator. */
  readonly foreign: boolean;
}

export function verifyOf({ sign, fallbacks }: SecretRecord): ReadonlySet<string> {
  return new Set([sign, ...fallbacks]);
}

function takenAt({ metadata }: Secret): number {
  const ours = (metadata.managedFields ?? []).filter(({ manager }) => manager === FIELD_MANAGER);
  return Math.max(0, ...ours.map(({ time }) => Date.parse(time ?? '')));
}

/** A plan may have written nonsense there. */
function toldTimes(history: string | undefined): ReadonlyMap<number, number> {
  const shapes = [...(history ?? '').matchAll(/"v":(\d+),"at":"([^"]+)"/g)];
  return new Map(shapes.map(([, version, at]) => [Number(version), Date.parse(at ?? '')]));
}

export interface SecretHistory {
  readonly records: readonly SecretRecord[];
  /** Forgets all but the newest version, so that a long campaign asks about few keys. */
  restart(): void;
  /** Every key that was ever in it. */
  keys(): readonly string[];
  /** The keys that ever stood in JWT_SECRET_KEY, oldest first. */
  signed(): readonly string[];
  latest(): SecretRecord | undefined;
  /** Marks a version as the plan's own, before or after it is seen. */
  mine(resourceVersion: string | undefined): void;
  /** Called for each version. @returns how to stop it */
  onRecord(callee: (record: SecretRecord) => void): () => void;
  close(): Promise<void>;
}

export async function recordSecret(api: KubeApi, namespace: string, name: string): Promise<SecretHistory> {
  const records: SecretRecord[] = [];
  const foreign = new Set<string>();
  const callees = new Set<(record: SecretRecord) => void>();
  const keys = new Set<string>();
  const signed = new Set<string>();
  const ends = new AbortController();
  const listed = Promise.withResolvers<void>();
  const see = (secret: Secret): void => {
    const text = String(secret.metadata.resourceVersion);
    const resourceVersion = BigInt(text);
    if (records.at(-1)?.resourceVersion === resourceVersion) return;
    const { signing, fallbacks } = keysOf(secret);
    const { annotations = {} } = secret.metadata;
    const record: SecretRecord = {
      resourceVersion,
      at: Date.now(),
      sign: signing,
      kid: Buffer.from(secret.data?.JWT_KEY_ID ?? '', 'base64').toString(),
      fallbacks,
      version: Number(annotations[STATE.version] ?? 0),
      phase: annotations[STATE.phase] ?? '',
      takenAt: takenAt(secret),
      told: toldTimes(annotations[STATE.history]),
      get foreign() {
        return foreign.has(text);
      },
    };
    for (const key of [signing, ...fallbacks]) keys.add(key);
    signed.add(signing);
    records.push(record);
    for (const callee of callees) callee(record);
  };
  const task = follow<Secret>(
    api,
    { kind: 'Secret', namespace, fieldSelector: `metadata.name=${name}` },
    {
      onList: (secrets) => {
        secrets.forEach(see);
        listed.resolve();
      },
      onChange: see,
      onDelete: () => {},
    },
    ends.signal,
  );
  await listed.promise;
  return {
    records,
    restart: () => {
      const last = records.at(-1);
      records.splice(0, records.length - 1);
      keys.clear();
      signed.clear();
      if (last === undefined) return;
      for (const key of verifyOf(last)) keys.add(key);
      signed.add(last.sign);
    },
    keys: () => [...keys],
    signed: () => [...signed],
    latest: () => records.at(-1),
    mine: (resourceVersion) => {
      if (resourceVersion !== undefined) foreign.add(resourceVersion);
    },
    onRecord: (callee) => {
      callees.add(callee);
      return () => callees.delete(callee);
    },
    close: async () => {
      ends.abort();
      await task;
    },
  };
}
