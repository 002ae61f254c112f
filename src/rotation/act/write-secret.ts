/** Writes the Secret. All key bytes that are written pass through here and nowhere else, and are overwritten afterwards. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { WriteOptions } from '../../kube/options.ts';
import { SECRETS, type Secret } from '../../kube/types.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import type { Facts, SecretFacts } from '../facts.ts';
import type { Keyset, Kid } from '../keyset/keyset.ts';
import { advance } from '../keyset/transition.ts';
import { makesKey, type Write, writesKeys } from '../keyset/writes.ts';
import { getSecret, type Lent, type SecretReading } from '../observe/world.ts';
import { writeEffect } from '../plan/effect.ts';
import { destroyAll, type KeyMaterial, MIN_KEY_BYTES, newKey } from '../secret/keys.ts';
import { asLanded } from '../secret/landing.ts';
import { findResidue, removedResidue, withResidue } from '../secret/residue.ts';
import { leftoverNames, patchFor, readSecret } from '../secret/secret.ts';
import { namesToWrite } from '../secret/secret-data.ts';
import { writeStart } from '../secret/write-start.ts';
import type { DataNames } from '../settings/settings.ts';

/** Retired keys by id, kept while the pods are asked whether they refuse them. */
export type RetiredKeys = ReadonlyMap<Kid, KeyMaterial>;

export interface SecretWriterOptions {
  readonly client: KubeClient;
  /** @throws if this process may not write now */
  readonly fence: (namespace: string) => void;
  /** The latest possible time by the clock of the API server, milliseconds since the epoch. */
  readonly now: () => number;
}

/** The result of a write. `Outdated`: the Secret has changed since the write was chosen, and nothing was done. */
export type Written =
  | {
      readonly kind: 'Wrote';
      readonly keyset: Keyset;
      /** The Secret as the API server returned it. */
      readonly facts: SecretFacts;
      readonly resourceVersion: string;
      readonly retired?: RetiredKeys;
    }
  | { readonly kind: 'Outdated' };

/** Every second time if nobody answers: an admission webhook may take 30 s. */
const PATIENT_MS = 35_000;
/** How often to read and write again at once if somebody else writes in between. */
const MAX_TRIES = 5;

/** One instance writes the Secrets of all resources. */
export class SecretWriter {
  readonly #options: SecretWriterOptions;

  constructor(options: SecretWriterOptions) {
    this.#options = options;
  }

  /**
   * @param known the reading of the Secret for which the write was chosen, and the Secret if the pass has read it: the
   *   write is conditional on its version, so it is read again only if somebody else was faster
   * @throws KubeError if the API server refuses the write, or its result is unknown
   */
  async write(
    namespace: string,
    facts: Facts,
    write: Write,
    { read, lent }: { readonly read: SecretReading | undefined; readonly lent: Lent | undefined },
  ): Promise<Written> {
    const { settings } = facts;
    for (let tries = 1; ; tries += 1) {
      const first = tries === 1 ? lent : undefined;
      const { secret } = first ?? { secret: await getSecret(this.#options.client, namespace, settings.secretName) };
      if (!saysTheSame(secret, read, settings)) return { kind: 'Outdated' };
      try {
        return await this.#writeOnto(secret, namespace, facts, write);
      } catch (error) {
        if (!isKubeError(error, 'Conflict') || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** @throws KubeError Conflict if somebody has written the Secret since it was read; nothing was done then */
  async #writeOnto(secret: Secret | undefined, namespace: string, facts: Facts, write: Write): Promise<Written> {
    const { settings } = facts;
    const now = this.#options.now();
    const fresh = { key: newKey(settings.keyBytes), ack: newKey(MIN_KEY_BYTES) };
    using held = new DisposableStack();
    held.use(fresh.key.material);
    held.use(fresh.ack.material);
    const start = writeStart(write, secret, facts, fresh.key, now);
    if (start === undefined) return { kind: 'Outdated' };
    const { before, burnt } = start;
    let retired: RetiredKeys = new Map();
    held.defer(() => destroyAll([...start.materials.values(), ...burnt], [...retired.values()]));
    const materials = new Map([...start.materials, [fresh.ack.kid, fresh.ack.material]]);
    if (makesKey(write)) materials.set(fresh.key.kid, fresh.key.material);
    const after = await this.#withResidue(namespace, facts, write, secret, advance(before, write, fresh, now));
    const names = namesToWrite(secret, settings, (facts.crowded ?? []).length > 0);
    const patch = patchFor(after, writesKeys(write) ? materials : undefined, names, burnt);
    const leftovers = secret !== undefined && writesKeys(write) ? leftoverNames(secret, settings) : [];
    const cleared = Object.fromEntries(leftovers.map((leftover) => [leftover, null]));
    const body = leftovers.length === 0 ? patch : { ...patch, data: { ...patch.data, ...cleared } };
    const last = facts.refusals?.find(({ effect }) => effect === writeEffect(write));
    const isPatient = last?.late === true && last.count % 2 === 1;
    const options = { fieldManager: FIELD_MANAGER, ...(isPatient && { timeoutMs: PATIENT_MS }) };
    const written = await this.#put(namespace, settings.secretName, body, secret?.metadata.resourceVersion, options);
    retired = retiredBy(write, before, after, start.materials);
    const keyset = asLanded(after, written);
    return {
      kind: 'Wrote',
      keyset,
      facts: readSecret(written, settings),
      resourceVersion: written.metadata.resourceVersion ?? '',
      ...(retired.size > 0 && { retired }),
    };
  }

  /** Adds to an emergency the places where the burnt keys were, and still are. */
  async #withResidue(
    namespace: string,
    { settings: names, burntElsewhere: elsewhere }: Facts,
    write: Write,
    secret: Secret | undefined,
    after: Keyset,
  ): Promise<Keyset> {
    if (write.transition === 'burn') return withResidue(after, { residue: removedResidue(secret, after) });
    if (write.transition !== 'extinguish') return after;
    const { client } = this.#options;
    return withResidue(after, await findResidue({ client, namespace, names, burnt: after.burnt, secret, elsewhere }));
  }

  async #put(
    namespace: string,
    name: string,
    patch: ReturnType<typeof patchFor>,
    resourceVersion: string | undefined,
    options: WriteOptions,
  ): Promise<Secret> {
    const { client } = this.#options;
    this.#options.fence(namespace);
    if (resourceVersion === undefined) {
      const annotations = withoutNulls(patch.metadata.annotations);
      const metadata = {
        namespace,
        name,
        labels: patch.metadata.labels,
        annotations,
      };
      const data = withoutNulls(patch.data ?? {});
      const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data };
      return await client.create(SECRETS, secret, options);
    }
    const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
    return await client.mergePatch(SECRETS, { namespace, name }, body, options);
  }
}

/**
 * Whether a decision for the reading also holds for the Secret: somebody may keep changing parts that rekey does not
 * read.
 */
function saysTheSame(secret: Secret | undefined, read: SecretReading | undefined, names: DataNames): boolean {
  if (secret?.metadata.resourceVersion === read?.resourceVersion) return true;
  if (secret === undefined || read?.resourceVersion === undefined) return false;
  return isDeepStrictEqual(readSecret(secret, names), read.facts);
}

/** The keys that pods must refuse from now on: the old key of a rotation, with the keys found beside it, or of a cutover. */
function retiredBy(
  { transition }: Write,
  before: Keyset,
  after: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial>,
): RetiredKeys {
  if (transition !== 'retire' && transition !== 'cutover') return new Map();
  const kept = new Set(after.keys.map((key) => key.kid));
  const gone = before.keys.filter(({ kid, state }) => state !== 'ack' && state !== 'staged' && !kept.has(kid));
  return new Map(gone.flatMap(({ kid }) => [[kid, materials.get(kid)] as const].filter(isKnown)));
}

function isKnown(entry: readonly [Kid, KeyMaterial | undefined]): entry is readonly [Kid, KeyMaterial] {
  return entry[1] !== undefined;
}

function withoutNulls(fields: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}
