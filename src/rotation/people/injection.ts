/** Makes the strategic merge patch, for kubectl and Kustomize, by which the containers of a workload load the preload. */
import type { Container, Deployment, EnvVariable, KubeObject, PodSpec } from '../../kube/types.ts';
import type { DataNames } from '../settings/settings.ts';
import { type ContainerSources, sourcesOf } from '../workloads/sources.ts';
import { FOLDER, type Language, LOADING, type Loading, SHOWN, VOLUME } from './preload.ts';

/** Variables that the preload reads. */
const KEY = 'JWT_SECRET_KEY';
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';

export type Names = Pick<DataNames, 'secretName' | 'signingNames' | 'fallbacksName'>;

/** A patch with notes for people, or why there is none. */
export type Injection = { readonly patch: object; readonly notes: readonly string[] } | { readonly refused: string };

/** Additions to one container. */
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

/** @returns the data key from which this container takes the signing key, preferably as JWT_SECRET_KEY */
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
    // it may be absent until rekey has adopted the Secret
    ...(variablesOf(sources, secretName, fallbacksName).includes(FALLBACKS)
      ? []
      : [fromSecret(FALLBACKS, fallbacksName, true)]),
  ];
}

/** @returns the value of a variable in the manifest; empty if there is none; undefined if it has another source */
function valueIn(container: Container | undefined, variable: string): string | undefined {
  const found = container?.env?.findLast(({ name }) => name === variable);
  return found?.valueFrom === undefined ? (found?.value ?? '') : undefined;
}

/** Keeps the value of the manifest, and does not add the preload twice. */
function joined({ value, delimiter, first }: Loading, before: string): string {
  if (before === '') return value;
  if (`${delimiter}${before}${delimiter}`.includes(`${delimiter}${value}${delimiter}`)) return before;
  return first ? `${value}${delimiter}${before}` : `${before}${delimiter}${value}`;
}
