/** `kubectl rekey plan`, `rotate --wait`, `history` and `report` against a real API server, by the rights of somebody who may not read a Secret. */
import { describe, expect, inject, it } from 'vitest';
import { AUDIT_KEY } from '../../src/rotation/audit/ledger-config-map.ts';
import { callersOf, linesOf, PROGRESS, userIn } from '../support/scenario/caller.ts';
import { SOURCES } from '../support/scenario/command.ts';
import { readLedgerConfigMap } from '../support/scenario/ledger-config-map.ts';
import { goOn, RESTS_STAGED, readState, restAtDraining, waitUntilTold } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';
import { openPty } from '../support/terminal/pty.ts';

const cluster = inject('cluster');
const program = cluster.programs?.command;
const callerIn = callersOf(cluster);

async function generations({ api, namespace }: Scene): Promise<readonly number[]> {
  const of = async (name: string) => (await api.get({ kind: 'Deployment', namespace, name })).metadata.generation ?? 0;
  return Promise.all(['main', 'autoscraper', 'admin'].map(of));
}

describe.concurrent('what the command line tells of a rotation', () => {
  // tests run at once, so what is polled must know its test
  it('tells what a rotation will do, and follows one to its end', async ({ expect }) => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const { run } = await callerIn(scene);

    // on a busy machine a pod is not ready at times
    let said = '';
    const plan = await until(
      'nothing blocks a rotation',
      async () => {
        const told = await run('plan', name, '--now');
        said = told.result;
        return told.code === 0 && told;
      },
      {},
      () => said,
    );
    expect(plan.told).toBe('');
    for (const line of [
      /way +Overlap/,
      /refused tokens +none/,
      /2 +Staging .*\n +restarts Deployment\/main, Deployment\/autoscraper, Deployment\/admin\n/,
      /3 +Promoting .*\n +restarts Deployment\/main\n/,
      /4 +Draining .*\n +lasts 7s: 5s tokens \+ 1s skew \+ 1s slack\n/,
      /Deployment\/main +2 +3\n/,
      /Deployment\/admin +1 +2\n/,
      /Blocked by\n {2}nothing/,
    ])
      expect(plan.result).toMatch(line);

    const before = (await readState(api, namespace, name)).resource.status?.currentKeyId;
    const restarts = await generations(scene);
    const done = await run('rotate', '--all', '--wait');
    // as often as was planned; the generation of a Deployment counts the stamps on its template
    const since = (await generations(scene)).map((generation, i) => generation - (restarts[i] ?? 0));
    expect(since).toEqual([3, 2, 2]);
    const { resource, keyset } = await readState(api, namespace, name);
    const { currentKeyId: after = '' } = resource.status ?? {};
    expect(done).toMatchObject({ code: 0, result: expect.stringContaining(`${name}: Completed: `) });
    expect(after).not.toBe(before);
    expect(done.result).toContain(`→ ${after}\n`);
    // which of its steps it shows is up to chance: a watch may be told of several at once
    for (const line of linesOf(done.told)) expect(line).toMatch(PROGRESS);
    // how many there are does not depend on the pods, but something may come in the way for a moment
    const phases = linesOf(done.told).filter((line) => /^\S+ {2}(?!in the way|no longer)\w+: /.test(line));
    expect(phases.length).toBeLessThanOrEqual(6);
    expect(keyset?.rotation).toMatchObject({ trigger: 'Annotation', actor: userIn(scene), outcome: 'Completed' });

    // a pod is unready for a moment wherever the machine is busy
    const ready = /Deployment\/main +2\/2 +2\/2 +\d+ +Canary/;
    await until('status shows that all is ready', async () => ready.test((await run('status', name)).result));
    const [json, all, history] = await Promise.all([
      run('status', name, '-o', 'json'),
      run('status', '-o', 'wide'),
      run('history', name),
    ]);
    expect(JSON.parse(json.result)).toMatchObject({ kind: 'JwtKeyRotation', status: { currentKeyId: after } });
    expect(all.result).toMatch(new RegExp(`${namespace} +${name} +Steady +True +${after} `));
    expect(history.result).toMatch(new RegExp(`Completed +\\S+ → ${after} +Annotation +${userIn(scene)} `));

    await until('the audit log names who asked', async () => {
      return (await readLedgerConfigMap(scene, AUDIT_KEY))?.includes(`"actor":"${userIn(scene)}"`) === true;
    });

    const report = await run('report', name);
    expect(report).toMatchObject({ code: 0, told: '' });
    expect(report.result).toMatch(new RegExp(`^${namespace}/${name}: rotation 1, Completed\\n`));
    expect(report.result).toContain(`started by   Annotation, ${userIn(scene)}`);

    // paused targets are in the way, for the operator and for the plan
    for (const target of ['main', 'admin']) {
      await api.patch({ kind: 'Deployment', namespace, name: target }, { spec: { paused: true } });
    }
    const paused = ['main', 'admin'].map((target) => {
      return { reason: 'TargetPaused', message: expect.stringContaining(`Deployment/${target} is paused`) };
    });
    // the rotation before may still be restarting a pod on a busy machine
    const check = async () => {
      const { code, result } = await run('check', name, '-o', 'json');
      expect(code).toBe(3);
      return JSON.parse(result) as unknown;
    };
    await expect.poll(check).toEqual(paused);
    const counted = async () =>
      (await run('status', name)).result.includes('one more thing is in the way: kubectl rekey');
    await until('the condition counts the other', counted);
    await expect.poll(check).toEqual(paused);
    await waitUntilTold(api, namespace, name, 'TargetPaused');
    const late = await run('rotate', name, '--wait', '--timeout', '20s');
    expect(late).toMatchObject({ code: 3, told: expect.stringContaining('TargetPaused: ') });
    expect(late.told).toContain('has not ended after 20 s; in the way: ');
    expect((await run('status')).result).toMatch(/False: TargetPaused/);
    expect(await scene.close()).toEqual([]);
  });

  it('is a view on a terminal, which follows a rotation to its end', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const { kubeconfig } = await callerIn(scene);
    const where = ['--kubeconfig', kubeconfig, '--namespace', namespace];
    const argv = [process.execPath, program ?? SOURCES, 'rotate', name, '--wait', ...where];
    const pty = openPty(argv, { columns: 100, rows: 40 });
    await pty.shows('● staged');
    await pty.shows(/next +promoting, when the maintenance window opens, in \d/);
    await pty.shows(/Deployment\/main +█{20} {2}2\/2/);
    await restAtDraining(api, namespace, name);
    await pty.shows('● draining');
    await pty.shows(/next +retiring in (59m|1h)/);
    await goOn(api, namespace, name);
    expect(await pty.ended()).toBe(0);
    const screen = pty.screen();
    expect(screen.filter((line) => line.startsWith(`${namespace}/${name}`))).toHaveLength(1);
    expect(screen.join('\n')).toMatch(/→ ✓ done\n/);
    expect(screen.at(-1)).toMatch(new RegExp(`^${name}: Completed: k-\\S+ → k-\\S+$`));
    expect(pty.raw().lastIndexOf('\u001b[?25h')).toBeGreaterThan(pty.raw().lastIndexOf('\u001b[?25l'));
    expect(await scene.close()).toEqual([]);
  });

  it('says which tokens a cutover will refuse, waits for a window, and pauses', async () => {
    const scene = await openScene(cluster, {
      fleet: { services: { main: { replicas: 0 }, autoscraper: { replicas: 0 }, admin: { replicas: 0 } } },
      spec: {
        ...{ strategy: 'Cutover', allowCutover: true },
        maintenanceWindows: [{ kind: 'Allow', schedule: '0 3 29 2 *', duration: '2h' }],
      },
    });
    const { api, namespace, name } = scene;
    const { run } = await callerIn(scene);
    const plan = await run('plan', name, '--now', '-o', 'yaml');
    expect(plan.result).toMatch(/^way: Cutover$/m);
    const text = (await run('plan', name, '--now')).result;
    expect(text).toMatch(/refused tokens +every token signed before that has not expired, up to 5s old/);
    expect(text).toMatch(/2 +Switching .*\n.*\n +waits for the maintenance window at 20\d\d-02-29T03:00:00Z \(in \d+d/);

    expect((await run('pause', name)).code).toBe(0);
    await waitUntilTold(api, namespace, name, 'Paused');
    expect((await run('suspend', name)).code).toBe(0);
    const held = JSON.parse((await run('check', name, '-o', 'json')).result) as { reason: string }[];
    expect(held.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Paused', 'Suspended']));
    expect((await run('resume', name)).code).toBe(0);
    const { metadata, spec } = (await readState(api, namespace, name)).resource;
    expect([metadata.annotations?.['rekey.dev/paused'], spec.suspend]).toEqual([undefined, false]);
    expect(await scene.close()).toEqual([]);
  });
});
