/**
 * What a target takes from the Secret, and what it takes from elsewhere although the Secret has it.
 *
 * The kubelet's order: `env` beats `envFrom`, and of two entries for one variable the later one counts. rekey follows a
 * data key, not the name of its variable. It assumes the best about what only other Secrets or ConfigMaps could show:
 * that no later `envFrom` has a variable of the same name, and that an optional key is there. A canary finds these
 * cases.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
 */
import { onePreviousIn, roomIn } from '../settings/layouts.ts';
import { besideNames, type KeyNames } from '../settings/settings.ts';
import type { ContainerSources, VariableSource } from './sources.ts';

/** A variable whose value does not come from the Secret although the Secret has the key. */
export interface Shadow {
  readonly container: string;
  readonly variable: string;
  /** The data key of the Secret that is hidden. */
  readonly key: string;
  /** The source that wins, such as `Secret/admin-env`; absent for a value in the manifest. */
  readonly by?: string;
}

export interface Consumption {
  readonly shadows: readonly Shadow[];
  /** Data keys of spec.secretKeys that some container takes from the Secret, by variable or by file. */
  readonly takes: readonly string[];
  /**
   * Whether it may read spec.secretKeys.previous, or another place for one key: some container gets that by name, and
   * no list or further places. If a container gets all data keys, it is unknown which it reads.
   */
  readonly onePrevious: boolean;
}

/** @returns what the containers of a template take from the Secret, and what hides it from them */
export function consumptionOf(containers: readonly ContainerSources[], names: KeyNames): Consumption {
  const keys = [...names.signingNames, ...besideNames(names)];
  const { secretName } = names;
  const single = onePreviousIn(names).flatMap((layout) => layout.names);
  const lists = [
    names.fallbacksName,
    ...names.layouts.filter((layout) => roomIn(layout) > 1).flatMap(({ names: all }) => all),
  ];
  return {
    shadows: containers.filter(({ early }) => !early).flatMap((container) => shadowsIn(container, names)),
    takes: keys.filter((key) =>
      containers.some((container) => readWith(key, names).every((name) => takesKey(container, name, names))),
    ),
    onePrevious: containers.some((container) => {
      const listed = container.variables.some(({ source }) => isOwn(source, secretName, lists));
      return !container.early && !listed && single.some((name) => givenBy(container, name, secretName).length > 0);
    }),
  };
}

/** With one text for each key, a container that reads only some of them would miss keys. */
function readWith(key: string, names: KeyNames): readonly string[] {
  const text = names.layouts.find((layout) => layout.format === 'Text' && layout.names.includes(key));
  return text?.names ?? [key];
}

function takesKey(container: ContainerSources, key: string, { secretName }: KeyNames): boolean {
  const mounted = container.files.some((file) => file.secret === secretName && (file.key ?? key) === key);
  return mounted || givenBy(container, key, secretName).length > 0;
}

/** The variables that would get a data key from the Secret. */
function givenBy({ variables, from }: ContainerSources, key: string, secretName: string): readonly string[] {
  if (key === '') return [];
  return [
    ...from.filter(({ secret }) => secret === secretName).map(({ prefix }) => `${prefix}${key}`),
    ...variables.filter(({ source }) => isOwn(source, secretName, [key])).map(({ name }) => name),
  ];
}

function isOwn(source: VariableSource, secretName: string, keys: readonly string[]): boolean {
  return source.kind === 'Secret' && source.name === secretName && keys.includes(source.key);
}

function shadowsIn(container: ContainerSources, names: KeyNames): readonly Shadow[] {
  const { secretName, signingNames, fallbacksName } = names;
  const beside = besideNames(names);
  const given = (keys: readonly string[]) =>
    keys.flatMap((key) => givenBy(container, key, secretName).map((variable) => ({ variable, key })));
  const roles = [given(signingNames), given(beside)];
  if (roles.every((role) => role.length === 0)) return [];
  // the container takes one of the two from the Secret and the other not at all, so a variable of that name counts as the other
  const meant = [signingNames, [fallbacksName]].flatMap((keys, i) =>
    roles[i]?.length === 0 ? keys.map((key) => ({ variable: key, key })) : [],
  );
  const shadows = [...roles.flat(), ...meant].flatMap(({ variable, key }) => {
    const source = sourceNow(container, variable, names);
    return isElsewhere(source, names) ? [{ container: container.name, variable, key, ...winner(source, names) }] : [];
  });
  return shadows.filter(({ variable }, i) => shadows.findIndex((other) => other.variable === variable) === i);
}

/** @param end index from which entries are ignored: a copy sees only the entries before it */
function sourceNow(
  container: ContainerSources,
  variable: string,
  names: KeyNames,
  end = container.variables.length,
): VariableSource {
  const { variables, from } = container;
  const index = variables.slice(0, end).findLastIndex(({ name }) => name === variable);
  const source = variables[index]?.source;
  if (source?.kind === 'Copy') return sourceNow(container, source.variable, names, index);
  if (source !== undefined) return source;
  const keys = [...names.signingNames, ...besideNames(names)];
  const key = keys.find((candidate) =>
    from.some(({ secret, prefix }) => secret === names.secretName && variable === `${prefix}${candidate}`),
  );
  if (key === undefined) return { kind: 'Unknown' };
  return { kind: 'Secret', name: names.secretName, key, optional: false };
}

function isElsewhere(source: VariableSource, names: KeyNames): boolean {
  if (isOwn(source, names.secretName, [...names.signingNames, ...besideNames(names)])) return false;
  switch (source.kind) {
    case 'Literal':
    case 'Field':
      return true;
    case 'Secret':
    case 'ConfigMap':
      return !source.optional;
    case 'Copy':
    case 'Unknown':
      return false;
  }
}

function winner(source: VariableSource, { secretName }: KeyNames): Pick<Shadow, 'by'> {
  if (source.kind === 'Literal') return {};
  if (source.kind !== 'Secret' && source.kind !== 'ConfigMap') return { by: 'a field of the pod' };
  const place = `${source.kind}/${source.name}`;
  return { by: source.kind === 'Secret' && source.name === secretName ? `${place}, data key ${source.key}` : place };
}
