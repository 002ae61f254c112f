import { randomBytes } from 'node:crypto';
import { cp, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ContainerConfigError } from './environment.ts';
import type { ObjectSource } from './objects.ts';
import { pause } from './probes.ts';
import type { ContainerSpec, KeyProjection, Pod, VolumeSpec } from './types.ts';

/** Files of a volume by path. */
type Files = ReadonlyMap<string, Buffer>;

/**
 * The volumes of one pod. Secret, ConfigMap and projected volumes of these are
 * written as the kubelet writes them: the files stand in a folder with a new
 * name for each version, `..data` is a symbolic link to it that is replaced
 * atomically, and the visible files are links through `..data`. All other kinds
 * of volume are an empty folder.
 */
export class PodVolumes {
  readonly #pod: Pod;
  readonly #dir: string;
  readonly #objects: ObjectSource;
  readonly #written = new Map<string, string>();

  /** @param dir the pod's folder */
  constructor(pod: Pod, dir: string, objects: ObjectSource) {
    this.#pod = pod;
    this.#dir = dir;
    this.#objects = objects;
  }

  /**
   * Writes what is new or has changed.
   * @throws ContainerConfigError when an object or key is missing and not optional
   */
  async refresh(): Promise<void> {
    for (const volume of this.#volumes()) {
      const folder = this.#folder(volume.name);
      await mkdir(folder, { recursive: true });
      const files = await filesOf(volume, this.#pod.metadata.namespace ?? 'default', this.#objects);
      if (files === undefined) continue;
      const content = JSON.stringify([...files].map(([path, data]) => [path, data.toString('base64')]));
      if (this.#written.get(volume.name) === content) continue;
      await writeVersion(folder, files);
      this.#written.set(volume.name, content);
    }
  }

  /** Refreshes every `periodMs` until the signal aborts; what is missing then keeps its last content, as with the kubelet. */
  async keepFresh(periodMs: number, signal: AbortSignal): Promise<void> {
    const changes = this.#volumes().some((volume) => volume.secret ?? volume.configMap ?? volume.projected);
    while (changes && !signal.aborted) {
      await pause(periodMs, signal);
      if (!signal.aborted) await this.refresh().catch(() => {});
    }
  }

  /**
   * Builds the tree of a container's mounts, anew for each start: mountPath /a/b
   * is found at `<root>/a/b`. A `subPath` is a copy, which does not change any
   * more, as with the kubelet.
   * @returns the root
   */
  async mount(container: ContainerSpec): Promise<string> {
    const root = join(this.#dir, 'containers', container.name, 'rootfs');
    await rm(root, { recursive: true, force: true });
    await mkdir(root, { recursive: true });
    for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
      const place = join(root, mountPath);
      await mkdir(dirname(place), { recursive: true });
      if (subPath === undefined) await symlink(this.#folder(name), place);
      else await cp(join(this.#folder(name), subPath), place, { recursive: true, dereference: true });
    }
    return root;
  }

  /** Removes all content: it may be keys. */
  async remove(): Promise<void> {
    await rm(join(this.#dir, 'volumes'), { recursive: true, force: true });
    await rm(join(this.#dir, 'containers'), { recursive: true, force: true });
  }

  /** Without the ServiceAccount's token, whose fixed path only a container could have. */
  #volumes(): readonly VolumeSpec[] {
    return (this.#pod.spec.volumes ?? []).filter(({ name }) => !name.startsWith('kube-api-access-'));
  }

  #folder(volume: string): string {
    return join(this.#dir, 'volumes', volume);
  }
}

/** @returns undefined for a kind of volume that is just a folder */
async function filesOf(volume: VolumeSpec, namespace: string, objects: ObjectSource): Promise<Files | undefined> {
  const { secret, configMap, projected } = volume;
  const secretFiles = async (name: string, projection: KeyProjection): Promise<Files> => {
    const object = await objects.secret(namespace, name);
    return select(`secret "${name}"`, object && decode(object.data ?? {}), projection);
  };
  const configMapFiles = async (name: string, projection: KeyProjection): Promise<Files> => {
    const object = await objects.configMap(namespace, name);
    const texts = Object.entries(object?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const);
    return select(`configmap "${name}"`, object && new Map([...texts, ...decode(object.binaryData ?? {})]), projection);
  };
  if (secret !== undefined) return secretFiles(secret.secretName, secret);
  if (configMap !== undefined) return configMapFiles(configMap.name, configMap);
  if (projected === undefined) return undefined;
  const files = new Map<string, Buffer>();
  for (const source of projected.sources) {
    const part = source.secret
      ? await secretFiles(source.secret.name, source.secret)
      : source.configMap && (await configMapFiles(source.configMap.name, source.configMap));
    for (const [path, data] of part ?? []) files.set(path, data);
  }
  return files;
}

function decode(data: Readonly<Record<string, string>>): Map<string, Buffer> {
  return new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}

function select(what: string, data: Files | undefined, { items, optional = false }: KeyProjection): Files {
  if (data === undefined) {
    if (optional) return new Map();
    throw new ContainerConfigError(`${what} not found`);
  }
  if (items === undefined) return data;
  const files = new Map<string, Buffer>();
  for (const { key, path } of items) {
    const content = data.get(key);
    if (content !== undefined) files.set(path, content);
    else if (!optional) throw new ContainerConfigError(`${what} has no key ${key}`);
  }
  return files;
}

/** The kubelet's AtomicWriter: readers see the old files or the new ones, never a mixture. */
async function writeVersion(folder: string, files: Files): Promise<void> {
  const version = `..${new Date().toISOString().replace(/[:.]/g, '_')}.${randomBytes(4).toString('hex')}`;
  await mkdir(join(folder, version), { mode: 0o700 });
  for (const [path, data] of files) {
    await mkdir(dirname(join(folder, version, path)), { recursive: true });
    await writeFile(join(folder, version, path), data, { mode: 0o600 });
  }
  const before = await readlink(join(folder, '..data')).catch(() => undefined);
  await symlink(version, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const top of new Set([...files.keys()].map((path) => path.split('/')[0] ?? path))) {
    await symlink(join('..data', top), join(folder, top)).catch(() => {});
  }
  if (before !== undefined) await rm(join(folder, before), { recursive: true, force: true });
}
