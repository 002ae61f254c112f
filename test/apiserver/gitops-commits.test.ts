/** What a commit can ask for, applied once a second: a rotation, another schedule, other windows. */
import { describe, expect, inject, it } from 'vitest';
import { PIPELINES, type Pipeline } from '../support/gitops/appliers.ts';
import { openKept } from '../support/gitops/kept.ts';
import { readState, waitFor, waitUntilDone } from '../support/scenario/rotation.ts';
import { settled } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const YEARLY = { rotationPeriod: undefined, schedule: '0 3 1 1 *', timeZone: 'Etc/UTC' };
const pipelines = Object.keys(PIPELINES) as Pipeline[];

describe.concurrent('by commit', () => {
  it.each(pipelines)('a reason starts one rotation, however often it is applied: %s', async (way) => {
    const { scene, repository, pipeline } = await openKept(cluster, way);
    const { api, namespace, name } = scene;
    const outcomes = async () => (await readState(api, namespace, name)).resource.status?.history ?? [];
    const applier = pipeline();
    const traffic = scene.traffic();
    await repository.commit({ forceRotation: { reason: 'first' } });
    await waitFor(api, namespace, name, 'the first is under way', ({ keyset }) => keyset?.rotation?.reason === 'first');
    // another commit meanwhile waits for its turn
    await repository.commit({ forceRotation: { reason: 'second' } });
    await waitFor(
      api,
      namespace,
      name,
      'the second is over',
      ({ keyset, resource }) => {
        const { phase, rotation } = keyset ?? {};
        return phase === 'Steady' && rotation?.reason === 'second' && resource.status?.history?.length === 2;
      },
      { timeoutMs: 480_000 },
    );
    const rounds = applier.rounds().length;
    await until('it is applied four times more', async () => applier.rounds().length > rounds + 3);
    expect((await outcomes()).map(({ reason, outcome, trigger }) => [reason, outcome, trigger])).toEqual([
      ['second', 'Completed', 'ForceRotation'],
      ['first', 'Completed', 'ForceRotation'],
    ]);
    await applier.stop();
    expect(applier.rounds().flatMap(({ error }) => error ?? [])).toEqual([]);
    expect((await settled(traffic)).rejections).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it.each(pipelines)('a schedule and a window change, and each run has one rotation: %s', async (way) => {
    const night = [{ schedule: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, duration: '1h' }];
    const { scene, repository, pipeline } = await openKept(cluster, way, { ...YEARLY, maintenanceWindows: night });
    const { api, namespace, name } = scene;
    const applier = pipeline();
    const seen = (await readState(api, namespace, name)).resource.status;
    expect(seen?.nextRotationTime).toMatch(/-01-01T03:00:00.000Z$/);

    // a minute that is not over yet
    const soon = new Date(Date.now() + 90_000);
    const schedule = `${soon.getUTCMinutes()} ${soon.getUTCHours()} ${soon.getUTCDate()} ${soon.getUTCMonth() + 1} *`;
    await repository.commit({ schedule });
    await waitFor(
      api,
      namespace,
      name,
      'it rests staged',
      ({ keyset, resource }) => keyset?.rotation?.trigger === 'Schedule' && resource.status?.phase === 'Staged',
    );

    // the schedule goes back while the rotation is under way: the run is not lost
    await repository.commit({ schedule: YEARLY.schedule });
    await waitFor(
      api,
      namespace,
      name,
      'the yearly one is announced',
      ({ resource }) => resource.status?.nextRotationTime?.endsWith('-01-01T03:00:00.000Z') === true,
    );
    // pods may just be asked again
    await waitFor(
      api,
      namespace,
      name,
      'it rests staged still',
      ({ keyset, resource }) => keyset?.phase === 'Staging' && resource.status?.phase === 'Staged',
    );
    await repository.commit({ maintenanceWindows: undefined });
    const { keyset, resource } = await waitUntilDone(api, namespace, name);
    expect(keyset?.rotation).toMatchObject({ trigger: 'Schedule', outcome: 'Completed' });
    expect(resource.status?.history).toHaveLength(1);
    expect(resource.status?.nextRotationTime).toMatch(/-01-01T03:00:00.000Z$/);

    // and back to the schedule whose run was served: it does not run again
    await repository.commit({ schedule });
    await waitFor(
      api,
      namespace,
      name,
      'it is seen',
      ({ resource: { metadata, status } }) =>
        status?.observedGeneration === metadata.generation &&
        status?.nextRotationTime !== resource.status?.nextRotationTime,
    );
    const after = await readState(api, namespace, name);
    expect(after.keyset).toMatchObject({ phase: 'Steady', version: keyset?.version });
    await applier.stop();
    expect(applier.rounds().flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });
});
