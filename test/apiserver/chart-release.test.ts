/** A release of the Helm chart: its rights are enough for a rotation, and what it leaves behind goes on. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { type LocalCluster, startLocalCluster } from '../support/cluster/local-cluster.ts';
import { type Helm, helmFor, RELEASE, set } from '../support/helm/helm.ts';
import { exampleImages } from '../support/node/images.ts';
import { createNamespace, OPERATOR_NAMESPACE, operatorKubeconfig } from '../support/scenario/install.ts';
import { startOperator } from '../support/scenario/operator.ts';
import { requestRotation, waitForPhase, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import {
  createSecret,
  deployServices,
  rotationFor,
  SECRET_NAME,
  waitForServices,
} from '../support/scenario/services.ts';

const cluster = inject('cluster');
const repoRoot = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-chart-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a release', () => {
  const namespace = 'shop';
  let own: LocalCluster;
  let on: Helm;
  beforeAll(async () => {
    const images = exampleImages(repoRoot, join(cluster.dir, 'service'));
    const empty = join(dir, 'no-crds');
    mkdirSync(empty);
    own = await startLocalCluster({ dir: join(dir, 'cluster'), images, nodeCount: 1, repoRoot: empty, log: () => {} });
    on = await helmFor(dir, own.controlPlane.kubeconfig);
  });
  afterAll(() => own?.stop());

  async function succeed(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await on(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  }

  it('gives the rights of a rotation, is upgraded and rolled back in the middle of it, and leaves all that is rotated', async () => {
    const api = KubeApi.fromKubeconfig(own.controlPlane.kubeconfig);
    await createNamespace(api, namespace);
    // the operator runs as a process, by the account of the chart
    const values = { replicas: 0, namespaces: [{ name: namespace, secrets: [SECRET_NAME] }] };
    const said = await succeed('install', ...RELEASE, '--create-namespace', ...set(values));
    expect(said).toContain(`shop: ${SECRET_NAME}`);
    await createSecret(api, namespace);
    const service = { language: 'go', replicas: 1 } as const;
    await deployServices(api, namespace, {
      tokenTtlSeconds: 5,
      services: { main: service, autoscraper: service, admin: service },
    });
    await waitForServices(api, namespace);
    const spec = { maxTokenTTL: '15s', clockSkew: '1s', retire: { slack: '1s' } };
    await api.create(rotationFor({ namespace, spec }));
    const operator = await startOperator({
      program: cluster.programs?.operator,
      kubeconfig: await operatorKubeconfig(api, join(dir, 'operator.kubeconfig')),
      leaseNamespace: OPERATOR_NAMESPACE,
      logFile: join(dir, 'operator.log'),
    });
    try {
      await waitUntilReady(api, namespace, SECRET_NAME);
      await requestRotation(api, namespace, SECRET_NAME);
      await waitForPhase(api, namespace, SECRET_NAME, 'Draining');
      await succeed('upgrade', ...RELEASE, ...set({ ...values, podAnnotations: { note: 'changed' } }));
      await succeed('rollback', 'rekey', '1', '--namespace', OPERATOR_NAMESPACE);
      const { resource } = await waitUntilDone(api, namespace, SECRET_NAME);
      expect(resource.status?.history?.[0]).toMatchObject({ outcome: 'Completed' });
    } finally {
      await operator.stop();
    }
    const uninstalled = await succeed('uninstall', 'rekey', '--namespace', OPERATOR_NAMESPACE);
    expect(uninstalled).toContain('jwtkeyrotations.rekey.dev');
    const left = { kind: 'JwtKeyRotation', namespace, name: SECRET_NAME } as const;
    expect((await api.get(left)).metadata.deletionTimestamp).toBeUndefined();
    expect(await api.find({ kind: 'Secret', namespace, name: SECRET_NAME })).toBeDefined();
    await waitForServices(api, namespace);
    expect(await api.find({ kind: 'Role', namespace, name: 'rekey' })).toBeUndefined();
    // installed again, it is the owner of the CRD that it has left
    await succeed('install', ...RELEASE, ...set(values));

    // the CRD stays when it is somebody else's, and is taken back when Helm is told so
    await succeed('upgrade', ...RELEASE, ...set({ ...values, 'crd.install': false }));
    const crd = { kind: 'CustomResourceDefinition', name: 'jwtkeyrotations.rekey.dev' } as const;
    await api.patch(crd, { metadata: { annotations: { 'meta.helm.sh/release-name': null } } });
    const refused = await on('upgrade', ...RELEASE, ...set(values));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('meta.helm.sh/release-name');
    await succeed('upgrade', ...RELEASE, '--take-ownership', ...set(values));
    expect((await api.get(left)).metadata.deletionTimestamp).toBeUndefined();
    await api.close();
  });
});
