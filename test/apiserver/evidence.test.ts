/** What rekey claims it has seen: services that answer seldom or to anything, pods of others, and containers beside those that are asked. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { faultAnnotations } from '../support/node/faults.ts';
import type { Pod } from '../support/node/types.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { CANARY, deletePod, openPlace, type Place } from '../support/scenario/place.ts';
import {
  conditionOf,
  type RotationState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { KEY, type Running, runningDeployment, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const REPLICAS = 2;
const FAULTY: Running = { image: 'rekey.dev/test-jwt:latest', spec: { replicas: REPLICAS } };
let place: Place;
beforeAll(async () => {
  place = await openPlace(cluster, 'evidence');
  await place.operator();
});
afterAll(() => place.close());

async function completes(at: ReturnType<Place['at']>, requestedAt?: string): Promise<void> {
  const asked = requestedAt ?? (await requestRotation(at.api, at.namespace, at.name));
  const { keyset } = await waitUntilDone(at.api, at.namespace, at.name, { requestedAt: asked });
  expect(keyset?.rotation?.outcome).toBe('Completed');
}

describe.concurrent('nothing is claimed that was not seen', () => {
  it('of a service that limits requests and has the burnt key from a second place: no end is told before every pod has refused it', async () => {
    const id = 'limited';
    const env = { LIMIT: '3/300' };
    await place.make(id, { ...FAULTY, env: { ...env, ALSO_ACCEPTS: KEY } });
    await declareEmergency(place.at(id), 'n1: leaked');
    const { api, namespace, name } = place.at(id);
    const isTold = ({ resource }: RotationState) => conditionOf(resource, 'Degraded')?.reason === 'KeyStillAccepted';
    const isOver = ({ keyset }: RotationState) => keyset?.emergency?.goneAt !== undefined;
    const state = await waitFor(api, namespace, name, 'KeyStillAccepted', (now) => isTold(now) || isOver(now));
    expect(isOver(state)).toBe(false);
    expect(state.resource.status?.emergency?.keyGoneAt).toBeUndefined();
    await place.deploy(id, { ...FAULTY, env });
    await waitUntilGone(place.at(id), 'n1');
    expect(await place.accepting(id, KEY)).toBe(0);
    // as they were, three times each, and those of the new version as often
    expect(place.ever(id)).toBeLessThanOrEqual((1 + 3 + 3) * REPLICAS);
  });

  it('of a service that looks up key ids and checks no signature: it is not taken for one that verifies', async () => {
    const id = 'kid';
    await place.make(id, { ...FAULTY, env: { VERIFY: 'kid' } }, {}, { JWT_KEY_ID: 'prod-2024' });
    const { api, namespace, name } = place.at(id);
    // long before anybody wants to rotate
    await waitUntilTold(api, namespace, name, 'CanaryVoid');
    await requestRotation(api, namespace, name);
    await waitFor(api, namespace, name, 'the rotation does not begin', ({ resource }) => {
      return resource.status?.phase === 'Preflight';
    });
    const { keyset } = await waitUntilTold(api, namespace, name, 'CanaryVoid');
    expect([keyset?.phase, keyset?.version, keyset?.history.at(-1)?.sign]).toEqual(['Steady', 1, 'prod-2024']);
  });

  it('of the pod of a Job that has the labels of a target: it is not one of its pods', async () => {
    const id = 'job';
    await place.make(id, { spec: { replicas: 1 } });
    const { api, namespace, name } = place.at(id);
    const { spec } = runningDeployment(namespace, id) as unknown as { spec: { template: { spec: object } } };
    const template = { ...spec.template, spec: { ...spec.template.spec, restartPolicy: 'Never' } };
    await api.create({ kind: 'Job', metadata: { namespace, name: 'batch' }, spec: { template } } as never);
    const { resource } = await waitUntilTold(api, namespace, name, 'UnlistedConsumer');
    expect(conditionOf(resource, 'Ready')?.message).toContain('Job/batch reads a key of Secret');
    // listed, it is waited for, and nobody ends it
    const targets = [
      { name: targetName(id), canary: CANARY },
      { kind: 'Job', name: 'batch', roles: ['Signer'] },
    ];
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec: { targets, rolloutTimeout: '10s' } });
    const requestedAt = await requestRotation(api, namespace, name);
    const waiting = await waitUntilTold(api, namespace, name, 'JobRunning');
    expect(waiting.keyset?.phase).toBe('Promoting');
    const { items } = await api.list<Pod>({
      kind: 'Pod',
      namespace,
      labelSelector: 'batch.kubernetes.io/job-name=batch',
    });
    expect(items.map(({ metadata }) => metadata.deletionTimestamp)).toEqual([undefined]);
    await api.delete({ kind: 'Job', namespace, name: 'batch' }, { propagationPolicy: 'Background' });
    await completes(place.at(id), requestedAt);
  });

  it('of a pod that outlives its workload: it may sign for as long as it is Terminating', async () => {
    const id = 'removed';
    await place.make(id, { spec: { replicas: 1 } });
    const { api, namespace, name } = place.at(id);
    const shown = JSON.stringify(
      runningDeployment(namespace, 'gone', { annotations: { [faultAnnotations.linger]: '60m' } }),
    );
    const edited = shown.replaceAll(secretName('gone'), secretName(id)).replace('Seconds":10,', 'Seconds":3600,');
    await api.create(JSON.parse(edited));
    const running = await until('its pod runs', async () => {
      const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: `app=${targetName('gone')}` });
      return items.find(({ status }) => status?.phase === 'Running');
    });
    await api.delete({ kind: 'Deployment', namespace, name: targetName('gone') }, { propagationPolicy: 'Background' });
    await waitFor(api, namespace, name, 'it is told as Terminating', ({ resource }) => {
      const { reason, message = '' } = conditionOf(resource, 'Ready') ?? {};
      return (
        reason === 'UnlistedConsumer' &&
        message.includes(`Pod/${running.metadata.name}`) &&
        message.includes('Terminating')
      );
    });
    await deletePod(api, namespace, running.metadata.name, 0);
    await completes(place.at(id));
  });

  it('of a sidecar that has the key: that another container of its pod has started again does not count for it', async () => {
    const own = await openPlace(cluster, 'sidecar');
    const id = 'sidecar';
    await own.operator({ settleDelay: '5s' });
    const env = [
      { name: 'PORT', value: '8001' },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ];
    const { spec } = runningDeployment(own.namespace, id) as unknown as {
      spec: { template: { spec: { containers: object[] } } };
    };
    const sidecar = {
      ...spec.template.spec.containers[0],
      name: 'sidecar',
      restartPolicy: 'Always',
      env,
      readinessProbe: undefined,
      ports: [],
    };
    await own.make(
      id,
      { ...FAULTY, spec: { replicas: 1 }, initContainers: [sidecar] },
      { targets: [{ name: targetName(id) }] },
    );
    const { api, namespace, name } = own.at(id);
    const target = { kind: 'JwtKeyRotation', namespace, name };
    const pause = (value: string | null) =>
      api.patch(target, { metadata: { annotations: { 'rekey.dev/paused': value } } });
    const requestedAt = await requestRotation(api, namespace, name);
    const { keyset } = await waitFor(
      api,
      namespace,
      name,
      'the key is staged',
      (now) => now.keyset?.phase === 'Staging',
    );
    await pause('true');
    // skew and settle delay after the write, the container that does not matter starts again
    const late = (keyset?.history.at(-1)?.writtenAt ?? 0) + 8_000;
    await until('that is past', async () => Date.now() > late);
    const address = own.pods(id)[0]?.status?.podIP;
    await fetch(`http://${address}:8000/exit`, { method: 'POST' }).catch(() => undefined);
    await until(
      'it has started again',
      async () => own.pods(id)[0]?.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    await pause(null);
    await completes(own.at(id), requestedAt);
    // as it was; with the staged key, signing with it, and without the old one
    expect(own.ever(id)).toBe(4);
    await own.close();
  });
});
