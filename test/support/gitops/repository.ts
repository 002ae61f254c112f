/**
 * What people keep in Git, as a folder: the Deployments of the three services and the JwtKeyRotation, with a kustomization that
 * takes the component of deploy/gitops in. A commit writes a file.
 */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import type { KubectlResult } from '../cluster/kubectl.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { deploymentOf, type FleetOptions, rotationFor, SERVICE_NAMES } from '../scenario/services.ts';

export interface RepositoryOptions {
  /** An empty or missing folder. */
  readonly folder: string;
  readonly namespace: string;
  readonly fleet: FleetOptions;
  /** Fields that replace those of the JwtKeyRotation. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** In place of the Deployments and the JwtKeyRotation. */
  readonly only?: readonly KubeObject[];
  readonly kubectl: (args: readonly string[]) => Promise<KubectlResult>;
}

export interface Repository {
  /** For `kubectl apply -k`. */
  readonly folder: string;
  /** All objects as one text, for who builds first and then applies. */
  readonly rendered: string;
  /**
   * Changes fields of the JwtKeyRotation; undefined removes one.
   *
   * @throws Error if kustomize refuses the folder
   */
  commit(change: Readonly<Record<string, unknown>>): Promise<void>;
}

export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const { folder, namespace, fleet, only, kubectl } = options;
  mkdirSync(folder, { recursive: true });
  // kustomize does not leave the folder but for another kustomization
  symlinkSync(join(import.meta.dirname, '..', '..', '..', 'deploy'), join(folder, 'deploy'));
  let spec = options.spec;
  const rotation = () => rotationFor({ namespace, spec });
  const kept: readonly (readonly [string, () => KubeObject])[] = [
    ...SERVICE_NAMES.map((name) => [`${name}.yaml`, () => deploymentOf(name, namespace, fleet)] as const),
    ['rotation.yaml', rotation],
  ];
  const files = only?.map((object, index) => [`${index}.yaml`, () => object] as const) ?? kept;
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace,
    resources: files.map(([name]) => name),
    ...(only === undefined && { components: ['deploy/gitops/component'] }),
  };
  const rendered = join(folder, 'rendered.txt');
  const write = (name: string, object: object) => replace(join(folder, name), dump(object, { skipInvalid: true }));
  const render = async () => {
    const { stdout, stderr, code } = await kubectl(['kustomize', folder]);
    if (code !== 0) throw new Error(`kustomize: ${stderr}`);
    replace(rendered, stdout);
  };
  write('kustomization.yaml', kustomization);
  for (const [name, object] of files) write(name, object());
  await render();
  return {
    folder,
    rendered,
    commit: async (change) => {
      spec = { ...spec, ...change };
      write('rotation.yaml', rotation());
      await render();
    },
  };
}

/** Whoever reads the file at this moment sees the old text or the new one. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
