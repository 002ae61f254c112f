import type { ObjectSource } from './objects.ts';
import type { ContainerSpec, EnvVar, Pod } from './types.ts';

/** What a container cannot start without is missing; the kubelet reports it as CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

/**
 * Resolves a container's environment as the kubelet does: `envFrom` in order,
 * later ones win, then `env` in order over that; `$(NAME)` in a value means
 * what is known by then. Secrets and ConfigMaps are read when this is called.
 *
 * @throws ContainerConfigError when an object or key is missing and not optional
 */
export async function resolveEnv(
  pod: Pod,
  container: ContainerSpec,
  podIP: string,
  hostIP: string,
  objects: ObjectSource,
): Promise<Map<string, string>> {
  const env = new Map<string, string>();
  const values = cachedValues(pod.metadata.namespace ?? 'default', objects);
  for (const { prefix = '', secretRef, configMapRef } of container.envFrom ?? []) {
    const ref = secretRef ?? configMapRef;
    if (ref === undefined) continue;
    const kind = secretRef === undefined ? 'configmap' : 'secret';
    const all = await values(kind, ref.name);
    if (all === undefined && ref.optional !== true) throw new ContainerConfigError(`${kind} "${ref.name}" not found`);
    for (const [key, value] of all ?? []) env.set(prefix + key, value);
  }
  for (const variable of container.env ?? []) {
    const value = await resolve(variable);
    if (value !== undefined) env.set(variable.name, value);
  }
  return env;

  async function resolve({ name, value, valueFrom }: EnvVar): Promise<string | undefined> {
    if (valueFrom === undefined) return expand(value ?? '', env);
    if (valueFrom.fieldRef !== undefined) return fieldOf(pod, valueFrom.fieldRef.fieldPath, podIP, hostIP);
    const ref = valueFrom.secretKeyRef ?? valueFrom.configMapKeyRef;
    if (ref === undefined) throw new ContainerConfigError(`the source of the variable ${name} is not supported here`);
    const kind = valueFrom.secretKeyRef === undefined ? 'configmap' : 'secret';
    const all = await values(kind, ref.name);
    const found = all?.get(ref.key);
    if (found !== undefined || ref.optional === true) return found;
    if (all === undefined) throw new ContainerConfigError(`${kind} "${ref.name}" not found`);
    throw new ContainerConfigError(`couldn't find key ${ref.key} in ${kind} "${ref.name}"`);
  }
}

/**
 * Replaces `$(NAME)` by the variable's value; a name that is not known stays as
 * it is written, and `$$(NAME)` means a literal `$(NAME)`.
 */
export function expand(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (env.get(name) ?? match),
  );
}

type Kind = 'secret' | 'configmap';

/** Reads each object once, so that a container never sees two versions of one Secret. */
function cachedValues(namespace: string, objects: ObjectSource) {
  const cache = new Map<string, Promise<Map<string, string> | undefined>>();
  return (kind: Kind, name: string): Promise<Map<string, string> | undefined> => {
    const key = `${kind}/${name}`;
    const known = cache.get(key) ?? read(kind, namespace, name, objects);
    cache.set(key, known);
    return known;
  };
}

async function read(
  kind: Kind,
  namespace: string,
  name: string,
  objects: ObjectSource,
): Promise<Map<string, string> | undefined> {
  if (kind === 'configmap') {
    const object = await objects.configMap(namespace, name);
    return object && new Map(Object.entries(object.data ?? {}));
  }
  const object = await objects.secret(namespace, name);
  const data = Object.entries(object?.data ?? {});
  return object && new Map(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function fieldOf(pod: Pod, path: string, podIP: string, hostIP: string): string {
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map === 'labels') return pod.metadata.labels?.[key] ?? '';
  if (map === 'annotations') return pod.metadata.annotations?.[key] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName,
    'spec.serviceAccountName': pod.spec.serviceAccountName,
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.hostIP': hostIP,
    'status.hostIPs': hostIP,
  };
  const value = fields[path];
  if (value === undefined) throw new ContainerConfigError(`the field ${path} is not supported here`);
  return value;
}
