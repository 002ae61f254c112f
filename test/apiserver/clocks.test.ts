/** What rekey concludes where clocks differ and a watch is silent: from times that can be compared, and from what it has read afresh. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { readKubeconfig } from '../support/cluster/kubeconfig.ts';
import { FaultProxy } from '../support/faultproxy/proxy.ts';
import { countCalls } from '../support/scenario/audit.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { letIn, OPERATOR_USER, operatorKubeconfig } from '../support/scenario/install.ts';
import { openPlace } from '../support/scenario/place.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  type RotationState,
  requestRotation,
  waitFor,
  waitForPhase,
  waitUntilReady,
} from '../support/scenario/rotation.ts';
import { openScene, settled } from '../support/scenario/scene.ts';
import { rotationFor, waitForServices } from '../support/scenario/services.ts';
import { emptyDeployment, secretName } from '../support/scenario/single.ts';

const cluster = inject('cluster');
const RESTARTED = () => ({
  spec: { template: { metadata: { annotations: { restartedAt: new Date().toISOString() } } } },
});
const clock = (ms: number) => ({
  nodeFlags: ['--import', join(import.meta.dirname, '..', 'support', 'scenario', 'clock-ahead.mjs')],
  env: { CLOCK_AHEAD_MS: String(ms) },
});

describe.concurrent('nothing is concluded from what may be old', () => {
  it('by an operator whose clock is behind: who has just started before a write has not read it', async () => {
    const targets = (
      rotationFor({ namespace: '', withoutCanary: ['admin'] }) as unknown as { spec: { targets: unknown } }
    ).spec.targets;
    const scene = await openScene(cluster, { adopt: false, spec: { clockSkew: '60s', targets } });
    const { api, namespace, name } = scene;
    const restart = async () => {
      await api.patch({ kind: 'Deployment', namespace, name: 'admin' }, RESTARTED());
      await waitForServices(api, namespace);
    };
    await scene.operator(clock(-58_000));
    await waitUntilReady(api, namespace, name);
    const traffic = scene.traffic();
    await restart();
    await requestRotation(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Draining');
    const [, newKey = ''] = scene.keys.signingKeys();
    expect(await scene.accepting(newKey)).toEqual(['admin', 'autoscraper', 'main', 'main']);
    expect((await settled(traffic)).rejections).toEqual([]);
    await restart();
    await declareEmergency(scene, 'n1: leaked');
    await waitUntilGone(scene, 'n1');
    for (const key of [scene.firstKey, newKey]) expect(await scene.accepting(key)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('by an operator whose clock is ahead: new pods are not taken for old ones, again and again', async () => {
    const scene = await openScene(cluster, { adopt: false, spec: { clockSkew: '60s' } });
    const { api, namespace, name, firstKey } = scene;
    await scene.operator(clock(50_000));
    await waitUntilReady(api, namespace, name);
    const slots = scene.pods.pods().length;
    await declareEmergency(scene, 'n1: leaked');
    await waitUntilGone(scene, 'n1');
    expect(await scene.accepting(firstKey)).toEqual([]);
    const calls = countCalls(cluster.auditLogPath, { user: OPERATOR_USER, namespace, writes: true });
    const deletes = calls.find(({ verb, resource }) => verb === 'delete' && resource === 'pods')?.count ?? 0;
    expect(deletes).toBeGreaterThan(0);
    expect(deletes).toBeLessThanOrEqual(3 * slots);
    expect(await scene.close()).toEqual([]);
  });

  it('by a watch that has gone silent: the resource and who uses the Secret are read afresh before a key leaves', async () => {
    const own = await openPlace(cluster, 'silent');
    const { api, namespace } = own;
    const ids = ['longer', 'paused', 'stranger'] as const;
    const dir = join(cluster.dir, `${namespace}-proxy`);
    mkdirSync(dir, { recursive: true });
    await letIn(api, namespace, ...ids.map(secretName));
    const credentials = readKubeconfig(await operatorKubeconfig(api, join(dir, 'operator.kubeconfig')));
    const proxy = await FaultProxy.start({ credentials, pki: cluster.pki, dir });
    let silent = false;
    const failures: unknown[] = [];
    proxy.begin({
      faultOfCall: () => undefined,
      faultOfLine: ({ what }) =>
        silent && /^(jwtkeyrotations|deployments)/.test(what) ? { kind: 'hold', ms: 600_000 } : undefined,
      processOf: () => 1,
      signal: () => undefined,
      failed: (error) => void failures.push(error),
    });
    await own.operator({ kubeconfig: await proxy.kubeconfigFor('a') });
    await Promise.all(ids.map((id) => own.make(id, { spec: { replicas: 1 } }, RESTS_STAGED)));
    const each = (work: (name: string) => Promise<unknown>) => Promise.all(ids.map((id) => work(own.at(id).name)));
    await each((name) => requestRotation(api, namespace, name));
    await each((name) => waitForPhase(api, namespace, name, 'Staged'));
    await each((name) => goOn(api, namespace, name, '40s'));
    await each((name) => waitForPhase(api, namespace, name, 'Draining'));
    silent = true;
    const edit = (id: string, body: object) =>
      api.patch({ kind: 'JwtKeyRotation', namespace, name: own.at(id).name }, body);
    await edit('longer', { spec: { maxTokenTTL: '1h' } });
    await edit('paused', { metadata: { annotations: { 'rekey.dev/paused': 'true' } } });
    await api.create(emptyDeployment(namespace, 'stranger', 'stranger'));
    const leavesAt = ({ resource }: RotationState) =>
      Date.parse(/leaves at (\S+Z)/.exec(conditionOf(resource, 'Rotating')?.message ?? '')?.[1] ?? '');
    const isTold = {
      longer: (state: RotationState) => leavesAt(state) > Date.now() + 1_800_000,
      paused: ({ resource }: RotationState) => conditionOf(resource, 'Ready')?.reason === 'Paused',
      stranger: ({ resource }: RotationState) => conditionOf(resource, 'Ready')?.reason === 'UnlistedConsumer',
    };
    for (const id of ids) {
      const isMoving = ({ keyset }: RotationState) => keyset?.phase !== 'Draining';
      const state = await waitFor(
        api,
        namespace,
        own.at(id).name,
        `${id} is told`,
        (now) => isTold[id](now) || isMoving(now),
      );
      expect([id, state.keyset?.phase]).toEqual([id, 'Draining']);
    }
    expect(failures).toEqual([]);
    await own.close();
    await proxy.close();
  });
});
