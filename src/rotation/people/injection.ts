/**
 * What a workload gets so that its containers load the preload: a strategic merge patch, for kubectl
 * and for Kustomize.
 */
import type { Container, Deployment, EnvVariable, KubeObject, PodSpec } from '../../kube/types.ts';
import type { DataNames } from '../settings/settings.ts';
import { type ContainerSources, sourcesOf } from '../workloads/sources.ts';
import { FOLDER, type Language, LOADING, type Loading, SHOWN, VOLUME } from './preload.ts';

/** Variables that the preload reads. */
const KEY = 'JWT_SECRET_KEY';
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';

export type Names = Pick<DataNames, 'secretName' | 'signingNames' | 'fallbacksName'>;

/** A patch with what a person must know of it, or why there is none. */
export type Injection = { readonly patch: object; readonly notes: readonly string[] } | { readonly refused: string };

/** What is added to one container. */
interface Addition {
  readonly name: string;
  readonly env: readonly EnvVariable[];
}

/** @param shown such as `Deployment/main` */
export function injectionOf(shown: string, object: KubeObject, names: Names, language: Language): Injection {
  const spec = (object as Deployment).spec?.template.spec;
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const takers = sourcesOf(spec).filter((sources) => !sources.early && keyIn(sources, names) !== undefined);
  if (takers.length === 0) {
    const data = names.signingNames.join(' or ');
    return {
      refused: `${shown}: no container takes ${data} of the Secret ${names.secretName} as a variable, and the preload reads no file`,
    };
  }
  const loading = LOADING[language];
  const additions: Addition[] = [];
  for (const sources of takers) {
    const container = containers.find(({ name }) => name === sources.name);
    const before = valueIn(container, loading.variable);
    if (before === undefined) {
      return {
        refused: `${shown}: container ${sources.name} takes ${loading.variable} from elsewhere, so it cannot be repeated; add "${loading.value}" there`,
      };
    }
    additions.push({ name: sources.name, env: variables(sources, names, loading, before) });
  }
  const { apiVersion, kind, metadata } = object;
  return {
    patch: {
      ...{ apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } },
      spec: { template: { spec: podPatch(spec, additions) } },
    },
    notes: [
      `${shown}: if its image sets ${loading.variable}, that is replaced, and cannot be seen from here; write both values into the manifest`,
    ],
  };
}

function podPatch(spec: PodSpec | undefined, additions: readonly Addition[]): object {
  const patched = (list: readonly Container[] = []) =>
    list.flatMap(({ name }) => {
      const added = additions.find((addition) => addition.name === name);
      return added === undefined ? [] : [{ ...added, volumeMounts: [{ name: VOLUME.name, mountPath: FOLDER }] }];
    });
  const sidecars = patched(spec?.initContainers);
  return {
    containers: patched(spec?.containers),
    ...(sidecars.length > 0 && { initContainers: sidecars }),
    volumes: [VOLUME],
  };
}

/** @returns the variables by which a container takes a data key */
function variablesOf({ variables: listed, from }: ContainerSources, secretName: string, key: string): string[] {
  return [
    ...listed.flatMap(({ name, source }) =>
      source.kind === 'Secret' && source.name === secretName && source.key === key ? [name] : [],
    ),
    ...from.filter(({ secret }) => secret === secretName).map(({ prefix }) => `${prefix}${key}`),
  ];
}

/** @returns the data key of the key that signs, as this container takes it; rather one that it has as JWT_SECRET_KEY */
function keyIn(sources: ContainerSources, { secretName, signingNames }: Names) {
  const taken = signingNames.map((key) => ({ key, as: variablesOf(sources, secretName, key) }));
  return taken.find(({ as }) => as.includes(KEY)) ?? taken.find(({ as }) => as.length > 0);
}

function variables(sources: ContainerSources, names: Names, loading: Loading, before: string): readonly EnvVariable[] {
  const { secretName, fallbacksName } = names;
  const taken = keyIn(sources, names);
  const fromSecret = (name: string, key: string, optional = false): EnvVariable => ({
    ...{ name, valueFrom: { secretKeyRef: { name: secretName, key, ...(optional && { optional }) } } },
  });
  return [
    { name: loading.variable, value: joined(loading, before) },
    { name: 'REKEY_PRELOAD', value: SHOWN },
    ...(taken === undefined || taken.as.includes(KEY) ? [] : [fromSecret(KEY, taken.key)]),
    // until rekey has adopted the Secret, it may be absent
    ...(variablesOf(sources, secretName, fallbacksName).includes(FALLBACKS)
      ? []
      : [fromSecret(FALLBACKS, fallbacksName, true)]),
  ];
}

/** @returns the value of a variable in the manifest, empty if there is none; undefined if it is not a value */
function valueIn(container: Container | undefined, variable: string): string | undefined {
  const found = container?.env?.findLast(({ name }) => name === variable);
  return found?.valueFrom === undefined ? (found?.value ?? '') : undefined;
}

/** What the manifest has is repeated; a preload that is there is not added again. */
function joined({ value, delimiter, first }: Loading, before: string): string {
  if (before === '') return value;
  if (`${delimiter}${before}${delimiter}`.includes(`${delimiter}${value}${delimiter}`)) return before;
  return first ? `${value}${delimiter}${before}` : `${before}${delimiter}${value}`;
}
