/** Writes that fail, and an admission webhook that keeps them waiting: nothing is said that was not done, and tries are bounded. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { readKubeconfig } from '../support/cluster/kubeconfig.ts';
import { createPki } from '../support/cluster/pki.ts';
import { FaultProxy } from '../support/faultproxy/proxy.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { conditionOf, requestRotation, waitFor, waitForPhase, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';

const cluster = inject('cluster');
const HOST = '127.0.0.1';
const dirOf = (name: string) => {
  const dir = join(cluster.dir, name);
  mkdirSync(dir, { recursive: true });
  return dir;
};

describe.concurrent('a write of the Secret', () => {
  it('that fails in an emergency is told at once, tried in growing pauses, and done when it may be', async () => {
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name, firstKey } = scene;
    const dir = dirOf(`${namespace}-proxy`);
    const proxy = await FaultProxy.start({ credentials: readKubeconfig(scene.kubeconfig), pki: cluster.pki, dir });
    let fails = false;
    let tries = 0;
    const failures: unknown[] = [];
    proxy.begin({
      faultOfCall: ({ call: { verb, resource } }) => {
        if (!fails || verb !== 'patch' || resource !== 'secrets') return undefined;
        tries += 1;
        return { kind: 'answer', status: 500, reason: 'InternalError' };
      },
      faultOfLine: () => undefined,
      processOf: () => 1,
      signal: () => undefined,
      failed: (error) => void failures.push(error),
    });
    await scene.operator({ kubeconfig: await proxy.kubeconfigFor('a') });
    await waitUntilReady(api, namespace, name);
    fails = true;
    await declareEmergency(scene, 'n1: leaked');
    const { resource } = await waitFor(api, namespace, name, 'the failure is told', ({ resource: now }) => {
      return conditionOf(now, 'Ready')?.reason === 'WriteFailed';
    });
    expect(resource.status?.phase).toBe('Degraded');
    expect(conditionOf(resource, 'Degraded')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('EMERGENCY NOT SERVED: "write burn n1" fails'),
    });
    // whatever wakes the resource meanwhile
    const before = tries;
    for (let i = 0; i < 50; i += 1) {
      await api.patch(
        { kind: 'Secret', namespace, name },
        { metadata: { annotations: { 'example.com/i': String(i) } } },
      );
      await sleep(200);
    }
    expect(tries - before).toBeLessThanOrEqual(5);
    expect(await scene.accepting(firstKey)).not.toEqual([]);
    fails = false;
    await waitUntilGone(scene, 'n1');
    expect(await scene.accepting(firstKey)).toEqual([]);
    expect(failures).toEqual([]);
    expect(await scene.close()).toEqual([]);
    await proxy.close();
  });

  it('gets through although an admission webhook never answers, if the API server may go on without it', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const dir = dirOf(`${namespace}-webhook`);
    await createPki(cluster.pki, join(dir, 'pki'), HOST);
    const read = (file: string) => readFileSync(join(dir, 'pki', file), 'utf8');
    let asked = 0;
    const webhook = createServer({ key: read('apiserver.key'), cert: read('apiserver.crt') }, () => {
      asked += 1;
    });
    await new Promise<void>((resolve) => webhook.listen(0, HOST, resolve));
    const { port } = webhook.address() as AddressInfo;
    const metadata = { name: `hangs-${namespace}` };
    await api.create({
      ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata },
      webhooks: [
        {
          ...{
            name: 'hangs.example.com',
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            failurePolicy: 'Ignore',
          },
          clientConfig: {
            url: `https://${HOST}:${port}/`,
            caBundle: Buffer.from(read('ca.crt')).toString('base64'),
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['secrets'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        },
      ],
    });
    // its time limit is what Kubernetes sets by itself: ten seconds
    await sleep(2_000);
    await requestRotation(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Staging');
    expect(asked).toBe(1);
    await api.delete({ kind: 'ValidatingWebhookConfiguration', name: metadata.name });
    webhook.closeAllConnections();
    webhook.close();
    expect(await scene.close()).toEqual([]);
  });
});
