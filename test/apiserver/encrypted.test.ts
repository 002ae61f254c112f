/**
 * The ways out of docs/gitops/encrypted.md: a Secret that Sealed Secrets or Flux has written is left alone and named, and after the
 * steps of the page rekey takes it over with the key that it has. The garbage collector is the real one, and so is Flux's engine.
 */
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { startFlux } from '../support/gitops/appliers.ts';
import { findFlux } from '../support/gitops/flux.ts';
import { openRepository } from '../support/gitops/repository.ts';
import {
  conditionOf,
  keysOf,
  requestRotation,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

async function kubectl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runKubectl(cluster.kubectl, args);
  expect(code, stderr).toBe(0);
}

const SEALED = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'sealedsecrets.bitnami.com' },
  spec: {
    group: 'bitnami.com',
    scope: 'Namespaced',
    names: { kind: 'SealedSecret', plural: 'sealedsecrets', singular: 'sealedsecret' },
    versions: [
      {
        ...{ name: 'v1alpha1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** It holds the first key still, and a rotation replaces it. */
async function expectTakenOver({ api, namespace, name, firstKey }: Scene): Promise<void> {
  await waitUntilReady(api, namespace, name);
  expect(keysOf(await api.get({ kind: 'Secret', namespace, name })).signing).toBe(firstKey);
  const requestedAt = await requestRotation(api, namespace, name);
  const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
  expect(keyset?.rotation?.outcome).toBe('Completed');
}

describe.concurrent('a Secret that is encrypted in Git', () => {
  it('is taken over from Sealed Secrets, and is not collected with the SealedSecret', async () => {
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name } = scene;
    await api.patch({ kind: 'CustomResourceDefinition', name: SEALED.metadata.name }, SEALED, 'apply', 'test');
    await kubectl('wait', '--for=condition=Established', 'crd/sealedsecrets.bitnami.com', '--timeout=2m');
    const made = await runKubectl(
      cluster.kubectl,
      ['create', '-f', '-', '-o', 'json'],
      JSON.stringify({ apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret', metadata: { namespace, name } }),
    );
    const { uid = '' } = (JSON.parse(made.stdout) as KubeObject).metadata;
    // as the controller of Sealed Secrets makes it
    const owner = { apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret', name, uid, controller: true };
    await api.patch({ kind: 'Secret', namespace, name }, { metadata: { ownerReferences: [owner] } });
    const other = { kind: 'Secret', namespace, name: 'still-owned' };
    await api.create({ kind: 'Secret', metadata: { namespace, name: other.name, ownerReferences: [owner] } });
    await scene.operator();
    const { resource } = await waitUntilTold(api, namespace, name, 'ForeignWriter');
    expect(conditionOf(resource, 'Ready')?.message).toContain(
      `Secret ${name} is written by Sealed Secrets (ownerReferences: SealedSecret ${name} of bitnami.com/v1alpha1), which would undo a rotation`,
    );
    expect(scene.keys.versions().map(({ keysetVersion }) => keysetVersion)).not.toContain(1);
    // docs/gitops/encrypted.md
    const remove = '[{"op":"remove","path":"/metadata/ownerReferences"}]';
    await kubectl('patch', 'secret', '-n', namespace, name, '--type', 'json', '-p', remove);
    const marks = ['sealedsecrets.bitnami.com/managed-', 'sealedsecrets.bitnami.com/patch-'];
    await kubectl('annotate', 'secret', '-n', namespace, name, ...marks);
    await kubectl('delete', 'sealedsecret', '-n', namespace, name);
    await until('what is still owned is gone', async () => (await api.find(other)) === undefined);
    await expectTakenOver(scene);
    expect(await scene.close()).toEqual([]);
  });

  /** It takes minutes to build: `make gitops` runs this. */
  it.runIf(process.env.REKEY_GITOPS !== undefined)('is taken over from Flux, which has decrypted it', async () => {
    const program = await findFlux((line) => process.stderr.write(`${line}\n`));
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name, firstKey } = scene;
    const decrypted = {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { namespace, name } },
      stringData: { JWT_SECRET_KEY: firstKey },
    };
    const options = {
      namespace,
      fleet: {},
      spec: {},
      kubectl: (args: readonly string[]) => runKubectl(cluster.kubectl, args),
    };
    const folder = join(cluster.dir, namespace, 'git');
    const repository = await openRepository({ ...options, folder, only: [decrypted] });
    const flux = startFlux(program, { kubeconfig: cluster.kubeconfig, namespace }, repository);
    await until('Flux has applied it', async () => flux.rounds().length > 1);
    expect(flux.rounds()[0]?.error).toBeUndefined();
    // the file is gone from Git
    await flux.stop();
    await scene.operator();
    const { resource } = await waitUntilTold(api, namespace, name, 'ForeignWriter');
    expect(conditionOf(resource, 'Ready')?.message).toContain('Flux (label kustomize.toolkit.fluxcd.io/name)');
    // docs/gitops/encrypted.md
    const group = 'kustomize.toolkit.fluxcd.io';
    await kubectl('label', 'secret', '-n', namespace, name, `${group}/name-`, `${group}/namespace-`);
    const forget = '{"metadata":{"managedFields":[{}]}}';
    await kubectl('patch', 'secret', '-n', namespace, name, '--type', 'merge', '-p', forget);
    await expectTakenOver(scene);
    expect(await scene.close()).toEqual([]);
  });
});
