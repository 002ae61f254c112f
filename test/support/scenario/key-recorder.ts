import { STATE } from '../../../src/rotation/api/names.ts';
import { follow } from '../cluster/follow.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { Secret } from '../node/types.ts';
import { keysOf } from './rotation.ts';

/** One version of the Secret, without its keys. */
export interface SecretVersion {
  readonly resourceVersion: string;
  /** When the change was seen here, in milliseconds since the epoch. */
  readonly seenAt: number;
  /** Undefined as long as rekey has not written it. */
  readonly phase: string | undefined;
  readonly keysetVersion: number | undefined;
  /** Which of the {@link KeyRecorder.signingKeys} signs, counted from 0. */
  readonly signing: number;
  /** How many fallbacks there are, the ack key included. */
  readonly fallbacks: number;
}

/** Remembers every key that a Secret ever held, and every version of it, by a watch. */
export interface KeyRecorder {
  /** Every key that was ever in the Secret, ack keys included. */
  keys(): readonly string[];
  /** The keys that signed, oldest first. */
  signingKeys(): readonly string[];
  versions(): readonly SecretVersion[];
  close(): Promise<void>;
}

/** Resolves when the Secret was looked at once; it need not be there yet. */
export async function recordKeys(api: KubeApi, namespace: string, name: string): Promise<KeyRecorder> {
  const keys = new Set<string>();
  const signing: string[] = [];
  const versions: SecretVersion[] = [];
  const ends = new AbortController();
  const listed = Promise.withResolvers<void>();
  const see = (secret: Secret): void => {
    const resourceVersion = String(secret.metadata.resourceVersion);
    if (versions.at(-1)?.resourceVersion === resourceVersion) return;
    const found = keysOf(secret);
    for (const key of [found.signing, ...found.fallbacks]) if (key !== '') keys.add(key);
    if (!signing.includes(found.signing)) signing.push(found.signing);
    const { annotations = {} } = secret.metadata;
    const version = annotations[STATE.version];
    versions.push({
      resourceVersion,
      seenAt: Date.now(),
      phase: annotations[STATE.phase],
      keysetVersion: version === undefined ? undefined : Number(version),
      signing: signing.indexOf(found.signing),
      fallbacks: found.fallbacks.length,
    });
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
    keys: () => [...keys],
    signingKeys: () => [...signing],
    versions: () => [...versions],
    close: async () => {
      ends.abort();
      await task;
    },
  };
}
