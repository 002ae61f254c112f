/**
 * Finds copies of a burnt key after an emergency, which a person must delete. rekey only reports their places by name.
 *
 * The search delays an emergency by a few seconds at most, after the last pod has refused the key. It never fails: it
 * reports what could not be searched.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import {
  CONFIG_MAPS,
  type ConfigMap,
  type Container,
  type CronJob,
  type Deployment,
  type KubeObject,
  REPLICA_SETS,
  type ResourceType,
  SECRETS,
  type Secret,
} from '../../kube/types.ts';
import { redactText } from '../../runtime/redact.ts';
import { DATA, LAST_APPLIED } from '../api/names.ts';
import type { BurntKey, Emergency, Keyset } from '../keyset/keyset.ts';
import { besideNames, type DataNames } from '../settings/settings.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { KeySearch } from './key-search.ts';

const SEARCH_MS = 5_000;
const MAX_PLACES = 20;
const PAGE = 50;

export type Residue = Required<Pick<Emergency, 'residue'>> & Pick<Emergency, 'residueIncomplete'>;

/** A part of an object, such as `data key OLD`. */
type Part = readonly [where: string, content: string | Buffer];

export interface ResidueOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly names: DataNames;
  readonly burnt: readonly BurntKey[];
  /** The Secret that rekey writes. */
  readonly secret: Secret | undefined;
  /** Other resources whose Secret holds a burnt key, as `namespace/name`. */
  readonly elsewhere: readonly string[];
}

/** Searches wherever the operator may read. Never throws. */
export async function findResidue(options: ResidueOptions): Promise<Residue> {
  const { names, burnt, secret, elsewhere } = options;
  const state: SearchState = {
    search: new KeySearch(burnt.map(({ fingerprint }) => fingerprint)),
    found: elsewhere.map((other) => `the Secret of JwtKeyRotation ${other}`),
    ...{ missing: [], failed: [] },
  };
  const own = new Set<string>([...names.signingNames, ...besideNames(names), ...Object.values(DATA)]);
  if (secret !== undefined) {
    const strange = Object.entries(secret.data ?? {}).filter(([name]) => !own.has(name));
    look(state, secret, 'Secret', partsOfSecret({ ...secret, data: Object.fromEntries(strange) }));
  }
  const signal = AbortSignal.timeout(SEARCH_MS);
  const lookAtAll = <T extends KubeObject>(type: ResourceType<T>, partsOf: (object: T) => readonly Part[]) =>
    lookAtType(options, state, signal, type, partsOf);
  await Promise.all([
    lookAtAll(SECRETS, partsOfSecret),
    lookAtAll(CONFIG_MAPS, partsOfConfigMap),
    lookAtAll(REPLICA_SETS, partsOfWorkload),
    ...Object.values(WORKLOADS).map(({ type }) => lookAtAll(type, partsOfWorkload)),
  ]);
  const incomplete = leftOut(options, state);
  return {
    residue: state.found.sort().slice(0, MAX_PLACES),
    ...(incomplete.length > 0 && { residueIncomplete: incomplete.join('; ') }),
  };
}

/** The state of a search. */
interface SearchState {
  readonly search: KeySearch;
  /** Places, for people. */
  readonly found: string[];
  /** Types that rekey may not list. */
  readonly missing: string[];
  /** Types that could not be listed, and why. */
  readonly failed: string[];
}

function look({ search, found }: SearchState, object: KubeObject, kind: string, parts: readonly Part[]): void {
  const where = parts.filter(([, content]) => search.finds(content)).map(([part]) => part);
  found.push(...where.map((part) => placeOf(kind, object.metadata.name, part)));
}

async function lookAtType<T extends KubeObject>(
  { client, namespace, names }: ResidueOptions,
  state: SearchState,
  signal: AbortSignal,
  type: ResourceType<T>,
  partsOf: (object: T) => readonly Part[],
): Promise<void> {
  try {
    for await (const { items } of client.pages(type, { namespace, limit: PAGE, signal, timeoutMs: SEARCH_MS })) {
      for (const object of items) {
        if (type.kind === 'Secret' && object.metadata.name === names.secretName) continue;
        look(state, object, type.kind, partsOf(object));
        // lets the lease and the probes continue meanwhile
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
    }
  } catch (error) {
    // the cluster does not serve this type, such as Rollouts, so it has no objects
    if (isKubeError(error, 'NotFound')) return;
    if (isKubeError(error, 'Forbidden')) state.missing.push(type.plural);
    else state.failed.push(`${type.plural} (${isKubeError(error) ? error.code : `not within ${SEARCH_MS / 1000} s`})`);
  }
}

/** @returns what was not searched, for people */
function leftOut(
  { namespace, burnt }: ResidueOptions,
  { search, found, missing, failed }: SearchState,
): readonly string[] {
  const noRight = `not searched: no right to list ${missing.sort().join(', ')} in namespace ${namespace}; to grant it: kubectl apply -n ${namespace} -k deploy/residue`;
  const isShort = burnt.some(({ fingerprint }) => fingerprint.startsWith('weak-'));
  return [
    ...(missing.length > 0 ? [noRight] : []),
    ...(failed.length > 0 ? [`not searched, or not completely: ${failed.sort().join(', ')}`] : []),
    ...(search.exhausted ? ['not searched completely: there is too much in this namespace'] : []),
    ...(isShort ? ['not searched for: burnt keys shorter than 256 bits'] : []),
    ...(found.length > MAX_PLACES ? [`${found.length - MAX_PLACES} more places are not listed`] : []),
  ];
}

/** What the write of an emergency removes itself, and was readable until then. */
export function removedResidue(secret: Secret | undefined, { burnt }: Keyset): readonly string[] {
  const applied = secret?.metadata.annotations?.[LAST_APPLIED];
  if (secret === undefined || applied === undefined) return [];
  const search = new KeySearch(burnt.map(({ fingerprint }) => fingerprint));
  if (!search.finds(applied)) return [];
  return [`${placeOf('Secret', secret.metadata.name, `annotation ${LAST_APPLIED}`)} (removed by this emergency)`];
}

/** @returns the keyset with the residue in its emergency */
export function withResidue(keyset: Keyset, { residue, residueIncomplete }: Residue): Keyset {
  if (keyset.emergency === undefined) return keyset;
  const known = keyset.emergency.residue ?? [];
  const all = [...known, ...residue].slice(0, MAX_PLACES);
  const incomplete = residueIncomplete === undefined ? {} : { residueIncomplete };
  return { ...keyset, emergency: { ...keyset.emergency, ...(all.length > 0 && { residue: all }), ...incomplete } };
}

/** People choose names, and may have put a key there. */
function placeOf(kind: string, name: string, part: string): string {
  return redactText(`${kind} ${name}, ${part}`.slice(0, 300));
}

function partsOfSecret(secret: Secret): readonly Part[] {
  return [...partsOfBytes(secret.data), ...partsOfAnnotations(secret)];
}

function partsOfConfigMap(map: ConfigMap): readonly Part[] {
  const texts = Object.entries(map.data ?? {}).map(([name, text]): Part => [`data key ${name}`, text]);
  return [...texts, ...partsOfBytes(map.binaryData), ...partsOfAnnotations(map)];
}

function partsOfBytes(data: Readonly<Record<string, string>> = {}): readonly Part[] {
  return Object.entries(data).map(([name, value]): Part => [`data key ${name}`, Buffer.from(value, 'base64')]);
}

function partsOfAnnotations({ metadata }: KubeObject): readonly Part[] {
  return Object.entries(metadata.annotations ?? {}).map(([name, value]): Part => [`annotation ${name}`, value]);
}

/** The parts of any object with a pod template. */
function partsOfWorkload(workload: KubeObject): readonly Part[] {
  const template = (workload as Deployment).spec?.template ?? (workload as CronJob).spec?.jobTemplate.spec?.template;
  const containers = [...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])];
  const inTemplate = Object.entries(template?.metadata?.annotations ?? {}).map(
    ([name, value]): Part => [`annotation ${name} of its pods`, value],
  );
  return [...containers.flatMap(partsOfContainer), ...inTemplate, ...partsOfAnnotations(workload)];
}

function partsOfContainer({ name, env = [], command = [], args = [] }: Container): readonly Part[] {
  const literals = env.map((variable): Part => [`container ${name}, env ${variable.name}`, variable.value ?? '']);
  return [...literals, [`container ${name}, command`, [...command, ...args].join('\n')]];
}
