/** `kubectl rekey rotate`, `withdraw` and `abort` while other requests wait or a rotation is under way. */
import { describe, expect, inject, it } from 'vitest';
import { REQUEST } from '../../src/rotation/api/names.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { callersOf, userIn } from '../support/scenario/caller.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  readState,
  requestRotation,
  restAtDraining,
  waitFor,
  waitForPhase,
} from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const callerIn = callersOf(cluster);

describe.concurrent('what the command line asks for', () => {
  it('shows what is queued, takes it back, and begins nothing by itself after an abort', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const { run } = await callerIn(scene);
    const resource = { kind: 'JwtKeyRotation', namespace, name };
    const person = userIn(scene);
    const statusOf = async () => (await readState(api, namespace, name)).resource.status;
    const waiting = (count: number) =>
      waitFor(api, namespace, name, `${count} requests wait`, ({ resource: { status } }) => {
        return (status?.queued ?? []).length === count;
      });

    expect(await run('withdraw', name)).toMatchObject({
      code: 1,
      told: expect.stringContaining('no request is waiting'),
    });
    expect((await run('rotate', name)).result).toBe(`${name}: rotation requested\n`);
    await waitForPhase(api, namespace, name, 'Staged');
    const first = (await statusOf())?.rotation;
    expect(first).toMatchObject({ trigger: 'Annotation', actor: person });

    // one by hand and one from Git, both behind it
    const second = await run('rotate', name);
    expect(second.result).toMatch(/queued behind the rotation under way \(Stag(ing|ed): /);
    expect(second.result).toContain(`: ${first?.reason}, requested by ${person}); it starts`);
    await api.patch(resource, { spec: { forceRotation: { reason: 'ticket 7' } } });
    await waiting(2);
    expect((await run('status', name)).result).toMatch(
      new RegExp(`queued +rekey.dev/rotate-requested-at is .*, requested by ${person}; starts when`),
    );
    const back = await run('withdraw', name);
    expect(back).toMatchObject({ code: 0, told: '' });
    const takenBack = `withdrawn: rekey.dev/rotate-requested-at is .*, requested by ${person}\\n.*withdrawn: ticket 7, requested`;
    expect(back.result).toMatch(new RegExp(takenBack));
    // Staging again while a pod is unready for a moment
    const phase = expect.stringMatching(/^Stag(ing|ed)$/);
    expect(await statusOf()).toMatchObject({ phase, withdrawnForceReason: 'ticket 7' });

    // one more, which an abort ends
    const third = run('rotate', name, '--wait');
    await waiting(1);
    const aborted = await run('abort', name, '--wait');
    expect(aborted).toMatchObject({
      code: 0,
      result: expect.stringContaining('the abort cancels this queued request too'),
    });
    expect(aborted.result).toContain('Aborted: ');
    expect(await third).toMatchObject({
      code: 1,
      told: expect.stringContaining('a withdrawal or an abort cancelled it'),
    });
    const over = await waitFor(api, namespace, name, 'it rests', ({ resource: { status } }) => {
      return status?.phase === 'Steady';
    });
    expect(over.keyset?.rotation).toMatchObject({ id: first?.id, outcome: 'Aborted' });
    expect(over.keyset?.rotation?.failure?.message).toContain(
      `requested by ${person}: rekey.dev/abort-requested-at is`,
    );
    expect(over.resource.status).not.toHaveProperty('queued');
    expect(over.resource.status).not.toHaveProperty('rotation');
    // what is withdrawn stays where it is, and stays withdrawn
    expect(over.resource.spec.forceRotation.reason).toBe('ticket 7');

    // by kubectl, without a name: the one before does not stand for it
    await requestRotation(api, namespace, name, 'by hand');
    await waitForPhase(api, namespace, name, 'Staged');
    const fourth = (await statusOf())?.rotation;
    expect(fourth).toMatchObject({ reason: `${REQUEST.rotateAt} is by hand` });
    expect(fourth?.actor).toMatch(/^field manager \S+ \(not verified\)$/);
    await until('Events have told it', async () => {
      const { items } = await api.list<KubeObject & { readonly reason?: string; readonly message?: string }>({
        kind: 'Event',
        namespace,
      });
      const notes = (wanted: string) => items.filter(({ reason }) => reason === wanted).map(({ message }) => message);
      const withdrawn = notes('RequestWithdrawn').filter((note) => note?.includes(`(requested by ${person})`));
      return notes('RotationQueued').length === 3 && withdrawn.length === 2;
    });
    expect(await scene.close()).toEqual([]);
  });

  it('goes back, and says who still signs', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const { run } = await callerIn(scene);
    const { currentKeyId } = (await readState(api, namespace, name)).resource.status ?? {};
    expect((await run('rotate', name)).code).toBe(0);
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Draining');
    expect((await run('plan', name)).result).toMatch(/starts +under way, in phase Draining/);
    const back = run('abort', name, '--wait');
    await waitFor(api, namespace, name, 'it goes back', ({ resource }) => {
      return conditionOf(resource, 'Rotating')?.reason === 'RollingBack';
    });
    expect((await run('plan', name)).result).toMatch(/starts +after what is under way: RollingBack/);
    await goOn(api, namespace, name);
    expect(await back).toMatchObject({
      code: 0,
      result: expect.stringContaining(`RolledBack: ${currentKeyId} still signs`),
    });
    expect(await scene.close()).toEqual([]);
  });
});
