/** The operator dies after each of its writes, or is there twice: the writes of the Secret are the same, and one key is made. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import { requestRotation, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene, type Scene, settled } from '../support/scenario/scene.ts';

const cluster = inject('cluster');
/** No lease: the worst case, in which nothing but the writes themselves keeps two operators apart. */
const unled = { flags: ['--no-leader-election'] };

interface Deployment extends KubeObject {
  readonly spec: { readonly template: KubeObject };
}

/** What the operator has written so far, in one text: it changes with each write. */
async function written({ api, namespace, keys }: Scene): Promise<string> {
  const { items } = await api.list<Deployment>({ kind: 'Deployment', namespace });
  const stamps = items.map(({ spec }) => spec.template.metadata.annotations?.['rekey.dev/keyset-version']);
  return JSON.stringify([keys.versions().length, stamps]);
}

async function expectOneRotation(scene: Scene, traffic: Parameters<typeof settled>[0]) {
  const report = await settled(traffic);
  expect(report.rejections).toEqual([]);
  const phases = scene.keys.versions().map((version) => version.phase);
  expect(phases).toEqual([undefined, 'Steady', 'Staging', 'Promoting', 'Draining', 'Retiring', 'Steady']);
  expect(scene.keys.signingKeys()).toHaveLength(2);
  const [, newKey = ''] = scene.keys.signingKeys();
  expect(await scene.accepting(newKey)).toEqual(['admin', 'autoscraper', 'main', 'main']);
  expect(await scene.accepting(scene.firstKey)).toEqual([]);
  expect(await scene.close()).toEqual([]);
}

describe.concurrent('an operator', () => {
  it('that is killed after each of its writes makes the same writes and one key', async () => {
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name } = scene;
    let operator: OperatorProcess = await scene.operator(unled);
    await waitUntilReady(api, namespace, name);
    const traffic = scene.traffic();
    let seen = await written(scene);
    const requestedAt = await requestRotation(api, namespace, name);
    const over = new AbortController();
    const killedAfter = new Set<string | undefined>();
    const killing = (async () => {
      while (!over.signal.aborted) {
        await sleep(20);
        const now = await written(scene);
        if (now === seen) continue;
        seen = now;
        killedAfter.add(scene.keys.versions().at(-1)?.phase);
        operator.kill('SIGKILL');
        await operator.exited;
        operator = await scene.operator(unled);
      }
    })();
    await waitUntilDone(api, namespace, name, { requestedAt, timeoutMs: 300_000 });
    over.abort();
    await killing;
    // five writes of the Secret and seven of Deployments: how many can be told apart is a matter of the machine
    expect([...killedAfter]).toEqual(expect.arrayContaining(['Staging', 'Promoting', 'Draining', 'Retiring']));
    await expectOneRotation(scene, traffic);
  });

  it('that is there twice without a lease makes the same writes and one key', async () => {
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name } = scene;
    await Promise.all([scene.operator(unled), scene.operator(unled)]);
    await waitUntilReady(api, namespace, name);
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt });
    await expectOneRotation(scene, traffic);
  });

  it('hands the rotation over to the standby when it is told to stop', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const standby = await scene.operator();
    await standby.waitForLine(({ message }) => message === 'another replica leads');
    const requestedAt = await requestRotation(api, namespace, name);
    const [leader] = scene.operators();
    await leader?.waitForLine(({ transition }) => transition === 'stage');
    expect(await leader?.stop()).toMatchObject({ code: 0 });
    await standby.waitForLine(({ message }) => message === 'started leading');
    await waitUntilDone(api, namespace, name, { requestedAt });
    await expectOneRotation(scene, traffic);
  });
});
