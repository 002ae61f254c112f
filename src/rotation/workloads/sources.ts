/**
 * The sources of variables and mounted files in a pod template, by name and without values. Only containers that take
 * something from a Secret are kept.
 */
import type { Container, EnvVariable, PodSpec, Volume } from '../../kube/types.ts';
import { mountedReads, type SecretRead } from './reads.ts';
import { isSidecar } from './views.ts';

/** Where one variable comes from. */
export type VariableSource =
  | {
      readonly kind: 'Secret' | 'ConfigMap';
      readonly name: string;
      readonly key: string;
      /** If it or its key is missing, the kubelet ignores this entry, and an earlier entry sets the variable. */
      readonly optional: boolean;
    }
  /** A value in the manifest. */
  | { readonly kind: 'Literal' }
  /** `value: $(NAME)`: the value of another variable. */
  | { readonly kind: 'Copy'; readonly variable: string }
  /** A field of the pod, or another source that cannot be a key. */
  | { readonly kind: 'Field' }
  /** A value composed of others, which is not followed. */
  | { readonly kind: 'Unknown' };

export interface Variable {
  readonly name: string;
  readonly source: VariableSource;
}

export interface ContainerSources {
  readonly name: string;
  /** An init container that ends before the others start. It may pass on what it takes, but serves no request. */
  readonly early: boolean;
  /** Single variables, in the order of the manifest. */
  readonly variables: readonly Variable[];
  /** Secrets that set a variable for each data key, in the order of the manifest. */
  readonly from: readonly WholeSecret[];
  /** Mounted data keys of Secrets; all data keys of a Secret if `key` is absent. */
  readonly files: readonly SecretRead[];
}

interface WholeSecret {
  readonly secret: string;
  readonly prefix: string;
  /** Earlier sources, such as `ConfigMap/app`: if both set a variable, this Secret wins. */
  readonly after?: readonly string[];
}

const LITERAL: VariableSource = { kind: 'Literal' };
const FIELD: VariableSource = { kind: 'Field' };
const UNKNOWN: VariableSource = { kind: 'Unknown' };

/** @returns the sources of the variables and files of a template's containers, without values */
export function sourcesOf(spec: PodSpec | undefined): readonly ContainerSources[] {
  if (spec === undefined) return [];
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return [
    ...(spec.initContainers ?? []).map((container) => containerSources(container, !isSidecar(container), volumes)),
    ...spec.containers.map((container) => containerSources(container, false, volumes)),
  ].filter(takesSecret);
}

function takesSecret({ variables, from, files }: ContainerSources): boolean {
  return from.length + files.length > 0 || variables.some(({ source }) => source.kind === 'Secret');
}

function containerSources(
  { name, env = [], envFrom = [], volumeMounts = [] }: Container,
  early: boolean,
  volumes: ReadonlyMap<string, Volume>,
): ContainerSources {
  return {
    name,
    early,
    variables: env.map((variable) => ({ name: variable.name, source: sourceOf(variable) })),
    from: wholeSecrets(envFrom),
    files: volumeMounts.flatMap((mount) => mountedReads(volumes.get(mount.name), mount)),
  };
}

function wholeSecrets(envFrom: NonNullable<Container['envFrom']>): readonly WholeSecret[] {
  return envFrom.flatMap(({ prefix = '', secretRef }, i): readonly WholeSecret[] => {
    if (secretRef === undefined) return [];
    const before = envFrom.slice(0, i).flatMap(({ secretRef: other, configMapRef: map }) => {
      if (other !== undefined) return other.name === secretRef.name ? [] : [`Secret/${other.name}`];
      return map === undefined ? [] : [`ConfigMap/${map.name}`];
    });
    return [{ secret: secretRef.name, prefix, ...(before.length > 0 && { after: before }) }];
  });
}

/** A literal may be the key itself, so its value is not kept. For a copy, the name of the other variable is kept. */
function sourceOf({ value = '', valueFrom }: EnvVariable): VariableSource {
  if (valueFrom !== undefined && value === '') {
    const { secretKeyRef: secret, configMapKeyRef: map } = valueFrom;
    const found = secret ?? map;
    if (found === undefined) return FIELD;
    const kind = secret === undefined ? 'ConfigMap' : 'Secret';
    return { kind, name: found.name, key: found.key, optional: found.optional === true };
  }
  const [, variable] = /^\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)$/.exec(value) ?? [];
  if (variable !== undefined) return { kind: 'Copy', variable };
  return value.includes('$(') ? UNKNOWN : LITERAL;
}
