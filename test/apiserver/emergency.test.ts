/** A key has leaked: from the annotation to the last pod that accepted it, on a real API server. */
import { describe, expect, inject, it } from 'vitest';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { forge } from '../support/scenario/forge.ts';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import {
  conditionOf,
  keysOf,
  RESTS_STAGED,
  readState,
  requestRotation,
  restAtDraining,
  waitFor,
  waitForPhase,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const everybody = ['admin', 'autoscraper', 'main', 'main'];
const unled = { flags: ['--no-leader-election'] };

describe.concurrent('an emergency', () => {
  it('in the middle of a rotation kills every key of the Secret, the staged one too, and says when', async () => {
    const scene = await openScene(cluster, { asShown: true, spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    await requestRotation(api, namespace, name, '1');
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    const { secret } = await waitForPhase(api, namespace, name, 'Draining');
    if (secret === undefined) throw new Error('no Secret');
    const { signing, fallbacks } = keysOf(secret);
    const forgery = forge(scene.pods, signing);
    await declareEmergency(scene, 'n1: key found in a log');
    const { keyset, resource, secret: after } = await waitUntilGone(scene, 'n1');
    const lastAccepted = await forgery.stop();
    for (const key of [signing, ...fallbacks]) expect(await scene.accepting(key)).toEqual([]);
    const fresh = scene.keys.signingKeys().at(-1) ?? '';
    expect([signing, ...fallbacks]).not.toContain(fresh);
    expect(await scene.accepting(fresh)).toEqual(everybody);
    expect(Object.keys(after?.data ?? {})).not.toContain('rekey.dev.burnt');
    expect(keyset?.burnt.length).toBe(3);
    expect(keyset?.rotation).toMatchObject({
      trigger: 'Emergency',
      reason: 'key found in a log',
      outcome: 'Completed',
    });
    expect(lastAccepted).toBeLessThanOrEqual(keyset?.emergency?.goneAt ?? 0);
    // told in whole or tenths of seconds
    const { writtenAt = 0 } = keyset?.emergency ?? {};
    expect(resource.status?.emergency?.seconds).toBeGreaterThanOrEqual((lastAccepted - writtenAt) / 1000 - 1);
    expect(conditionOf(resource, 'CompromiseContained')).toMatchObject({
      status: 'False',
      reason: 'AwaitingContainment',
    });
    const annotations = { 'rekey.dev/compromise-contained': 'n1' };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
    await waitFor(
      api,
      namespace,
      name,
      'it is contained',
      (state) => conditionOf(state.resource, 'CompromiseContained')?.status === 'True',
    );
    expect((await readState(api, namespace, name)).keyset?.version).toBe(keyset?.version);
    expect(await scene.close()).toEqual([]);
  });

  it('survives the death of the operator after each of its steps, pause and suspension, and runs once per nonce', async () => {
    const scene = await openScene(cluster, { adopt: false, spec: { suspend: true } });
    const { api, namespace, name } = scene;
    let operator: OperatorProcess = await scene.operator(unled);
    await waitUntilReady(api, namespace, name);
    await api.patch(
      { kind: 'JwtKeyRotation', namespace, name },
      { metadata: { annotations: { 'rekey.dev/paused': 'true' } } },
    );
    await declareEmergency(scene, 'n1');
    for (const step of ['wrote the Secret', 'replaced at once']) {
      // perhaps the one before has done it still, in its last moments, and had no time to say so
      const lines = () => scene.operators().flatMap((each) => each.lines());
      await until(`an operator says that it ${step}`, async () => {
        const isSaid = lines().some(({ message, transition }) => message.includes(step) && transition !== 'adopt');
        return isSaid || (await readState(api, namespace, name)).keyset?.emergency?.goneAt !== undefined;
      });
      operator.kill('SIGKILL');
      await operator.exited;
      operator = await scene.operator(unled);
    }
    const { keyset } = await waitUntilGone(scene, 'n1');
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    await declareEmergency(scene, 'n1: again');
    await declareEmergency(scene, 'n2: another');
    const ends: (string | undefined)[] = [];
    const { resource } = await waitFor(api, namespace, name, 'the second is over', (state) => {
      const { nonce, keyGoneAt } = state.resource.status?.emergency ?? {};
      if (nonce === 'n2') ends.push(keyGoneAt);
      return nonce === 'n2' && keyGoneAt !== undefined;
    });
    // while it runs no end is told, and never that of the first
    const own = resource.status?.emergency?.keyGoneAt;
    expect(ends.filter((end) => end !== undefined && end !== own)).toEqual([]);
    expect(Date.parse(own ?? '')).toBeGreaterThanOrEqual(
      Math.floor((keyset?.emergency?.goneAt ?? Number.NaN) / 1000) * 1000,
    );
    const second = await waitUntilGone(scene, 'n2');
    expect(second.keyset?.version).toBe((keyset?.version ?? 0) + 1);
    expect(scene.keys.signingKeys()).toHaveLength(3);
    expect(await scene.close()).toEqual([]);
  });

  it('is served over a Secret that somebody has edited, and a burnt key that comes back is known', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name, firstKey } = scene;
    const edit = (key: string) =>
      api.patch(
        { kind: 'Secret', namespace, name },
        { data: { JWT_SECRET_KEY: Buffer.from(key).toString('base64'), JWT_SECRET: null } },
      );
    const stranger = 'f'.repeat(64);
    await edit(stranger);
    await waitUntilTold(api, namespace, name, 'ForeignWriter', 'Degraded');
    await declareEmergency(scene, 'n1: who was that?');
    const { keyset } = await waitUntilGone(scene, 'n1');
    expect(keyset?.burnt.length).toBe(3);
    expect([await scene.accepting(firstKey), await scene.accepting(stranger)]).toEqual([[], []]);
    await edit(firstKey);
    await waitUntilTold(api, namespace, name, 'KeyResurrected', 'Degraded');
    expect(await scene.close()).toEqual([]);
  });
});
