/** `kubectl rekey emergency` and `contained`, by the rights of somebody who may not read a Secret. */
import { describe, expect, inject, it } from 'vitest';
import { callersOf, linesOf, PROGRESS, typed, userIn } from '../support/scenario/caller.ts';
import { conditionOf, RESTS_STAGED, readState, waitForPhase } from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const callerIn = callersOf(cluster);

describe.concurrent('the command line in an emergency', () => {
  it('burns every key when one has leaked, and says when the last pod accepted one', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const { run, kubeconfig } = await callerIn(scene);
    const nothing = async () => (await readState(api, namespace, name)).resource.metadata.annotations ?? {};

    // what is not meant like that changes nothing
    expect(await run('emergency', name)).toMatchObject({ code: 2, told: expect.stringContaining('--reason') });
    expect((await run('emergency', name, '--reason', 'found in a log')).told).toContain('add --yes');
    const leak = await run('emergency', name, '--yes', '--reason', `found ${scene.firstKey} in a log`);
    expect(leak).toMatchObject({ code: 2, told: expect.stringContaining('looks like a key') });
    expect(leak.told).not.toContain(scene.firstKey);
    const doubt = await typed(kubeconfig, 'other', ['emergency', name, '--reason', 'a log', '-n', namespace]);
    expect(doubt).toMatchObject({ code: 1, told: expect.stringContaining('not confirmed; nothing was done') });
    expect(doubt.told).toContain('deletes at once the pods of Deployment/main (2), Deployment/autoscraper (1)');
    expect(await run('contained', name)).toMatchObject({ code: 1, told: expect.stringContaining('no emergency') });
    expect(Object.keys(await nothing()).filter((key) => key.startsWith('rekey.dev/'))).toEqual([]);

    // a rotation that somebody follows is cut off
    const rotation = run('rotate', name, '--wait');
    await waitForPhase(api, namespace, name, 'Staged');
    const said = await run('emergency', name, '--yes', '--reason', 'found in a log');
    expect(await rotation).toMatchObject({ code: 1, result: expect.stringContaining('Interrupted by an emergency') });
    const { resource, keyset } = await readState(api, namespace, name);
    const { emergency } = resource.status ?? {};
    expect(said.code).toBe(0);
    expect(said.result).toContain(`emergency ${emergency?.nonce} is over`);
    expect(said.result).toMatch(
      new RegExp(`not later than ${emergency?.seconds} s after the write, [0-9]+s after the request`),
    );
    // pods of both templates are counted, and a watch may show none of it
    for (const line of linesOf(said.told)) expect(line).toMatch(PROGRESS);
    expect(keyset?.rotation).toMatchObject({ actor: userIn(scene), reason: 'found in a log' });
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect((await run('status', name)).result).toContain('when you have found the cause: kubectl rekey contained');

    expect(await run('contained', name)).toMatchObject({ code: 0 });
    await until('it is contained', async () => {
      return conditionOf((await readState(api, namespace, name)).resource, 'CompromiseContained')?.status === 'True';
    });
    expect(
      Object.keys(await nothing())
        .filter((key) => key.startsWith('rekey.dev/'))
        .sort(),
    ).toEqual(['rekey.dev/compromise-contained', 'rekey.dev/requested-by', 'rekey.dev/rotate-requested-at']);
    const containedBy = conditionOf((await readState(api, namespace, name)).resource, 'CompromiseContained');
    expect(containedBy?.message).toMatch(new RegExp(`was found, says ${userIn(scene)}$`));
    expect(await scene.close()).toEqual([]);
  });
});
