/** The command line where something is missing: an operator, a right, a resource, a command; and for somebody else. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';
import { REQUEST, REQUESTED_BY } from '../../src/rotation/api/names.ts';
import { callersOf, userIn } from '../support/scenario/caller.ts';
import { rekey } from '../support/scenario/command.ts';
import { readState } from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const execute = promisify(execFile);
const cluster = inject('cluster');
const program = cluster.programs?.command;
const callerIn = callersOf(cluster);

describe.concurrent('the command line in trouble', () => {
  it('ends where it would wait for nothing: no operator, no right to watch, a resource that is deleted', async () => {
    const scene = await openScene(cluster, { adopt: false, fleet: { only: [] } });
    const { api, namespace, name } = scene;
    const [{ run }, blind] = await Promise.all([callerIn(scene), callerIn(scene, 'blind', ['get', 'patch'])]);
    const unwatched = await blind.run('rotate', name, '--wait');
    expect(unwatched).toMatchObject({ code: 1, told: expect.stringContaining('list jwtkeyrotations') });
    const unanswered = await run('rotate', name, '--wait', '--timeout', '17s');
    expect(unanswered).toMatchObject({ code: 3, told: expect.stringContaining('check that the operator is running') });
    const leaked = await run('emergency', name, '--yes', '--reason', 'a log', '--no-wait', '-o', 'json');
    const { annotations } = (await readState(api, namespace, name)).resource.metadata;
    expect(annotations?.[REQUEST.emergency]).toBe(`${(JSON.parse(leaked.result) as { nonce: string }).nonce}: a log`);
    const asked = async () => (await readState(api, namespace, name)).resource.metadata.annotations?.[REQUEST.rotateAt];
    const before = await asked();
    // longer than a timer of Node can be
    const deleted = run('rotate', name, '--wait', '--timeout', '90d');
    await until('it is asked for again', async () => (await asked()) !== before);
    await api.delete({ kind: 'JwtKeyRotation', namespace, name });
    expect(await deleted).toMatchObject({
      code: 1,
      told: expect.stringContaining(`JwtKeyRotation ${name} was deleted`),
    });
    expect(await scene.close()).toEqual([]);
  });

  it('says at once that no operator leads, and since when, whatever is asked for', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const { run, kubeconfig } = await callerIn(scene);
    const metadata = { namespace, name: 'lease-view' };
    const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get'] }];
    await api.create({ kind: 'Role', metadata, rules });
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name };
    await api.create({ kind: 'RoleBinding', metadata, roleRef, subjects });
    const told = async () => (await run('status', name)).result;
    await until('status names the leader', async () => / operator +\S+ leads; it last reported 20/.test(await told()));

    scene.operators().at(-1)?.kill('SIGKILL');
    // its Lease is as good as new for a while
    await until('nobody leads', async () => (await told()).includes('NO OPERATOR LEADS since 20'));
    expect((await run('status', name)).code).toBe(3);
    const nobody = expect.stringContaining(`NO OPERATOR LEADS since 20`);
    expect(await run('status')).toMatchObject({ code: 3, told: nobody });
    // on a busy machine a pod may not answer just then, which is found too
    const found = JSON.parse((await run('check', name, '-o', 'json')).result);
    expect(found).toContainEqual({ reason: 'NobodyLeads', message: nobody });
    for (const verb of ['suspend', 'resume']) expect(await run(verb, name)).toMatchObject({ code: 0, told: nobody });
    const heard = Promise.withResolvers<void>();
    const onTold = (text: string) => text.includes('NO OPERATOR LEADS') && heard.resolve();
    const asked = ['rotate', name, '--wait', '--kubeconfig', kubeconfig, '--namespace', namespace];
    const waiting = rekey(asked, program, {}, undefined, onTold);
    await heard.promise;
    const again = await scene.operator();
    const done = await waiting;
    expect(done).toMatchObject({ code: 0, told: nobody, result: expect.stringContaining('Completed') });
    expect(done.told).toContain('an operator leads again: ');
    expect(await again.stop()).toMatchObject({ code: 0 });
    await until('it is known that the Lease was given back', async () => (await told()).includes('NO OPERATOR LEADS'));
    expect(await scene.close()).toEqual([]);
  });

  it('acts as somebody else where it is told to, and completes names in kubectl', async () => {
    const scene = await openScene(cluster, { adopt: false, fleet: { only: [] } });
    const { namespace, name } = scene;
    await callerIn(scene);
    const admin = (...args: string[]) =>
      rekey([...args, '--kubeconfig', cluster.kubeconfig, '--namespace', namespace], program);
    const mine = ['--as', userIn(scene)];
    expect(await admin('status', name, ...mine)).toMatchObject({ code: 3, told: '' });
    expect((await admin('status', name, '--as', 'nobody')).told).toContain('User "nobody" cannot get');
    // only one of its groups may do all
    const all = await admin('status', name, '--as', 'nobody', '--as-group', 'others', '--as-group', 'system:masters');
    expect(all).toMatchObject({ code: 3, told: '' });
    expect(await admin('status', name, '--as-group', 'others')).toMatchObject({
      code: 2,
      told: '--as-uid and --as-group need a user to act as: add --as\n',
    });
    // a request carries the name that it was made by
    await admin('rotate', name, ...mine);
    const { annotations } = (await readState(scene.api, namespace, name)).resource.metadata;
    expect(annotations?.[REQUESTED_BY]).toContain(` by ${userIn(scene)}`);

    if (program !== undefined) {
      const [kubectl = '', ...first] = cluster.kubectl.slice(0, -2);
      const env = { PATH: [dirname(program), dirname(process.execPath), '/usr/bin:/bin'].join(':'), HOME: cluster.dir };
      const typed = [...first, '__complete', 'rekey', 'status', '-n', namespace, ''];
      const { stdout } = await execute(kubectl, typed, { env: { ...env, KUBECONFIG: cluster.kubeconfig } });
      expect(stdout.split('\n').map((line) => line.trim())).toEqual([name, ':4', '']);
    }
    expect(await scene.close()).toEqual([]);
  });

  it('says what is wrong: no such resource, no right, no such command', async () => {
    const scene = await openScene(cluster, { adopt: false, fleet: { only: [] } });
    const { namespace, name } = scene;
    const { run } = await callerIn(scene);
    expect(await run('status', 'other')).toMatchObject({
      code: 1,
      told: `no JwtKeyRotation other in namespace ${namespace}; there is ${name}\n`,
    });
    // no operator runs here
    expect(await run('status', name)).toMatchObject({
      code: 3,
      result: expect.stringContaining('has not reconciled it yet'),
    });
    expect(await run('check', name)).toMatchObject({ code: 3, result: expect.stringContaining('NotSeen') });
    expect(await run('status', '-A')).toMatchObject({ code: 1, told: expect.stringContaining('Forbidden') });
    expect(await run('rotate')).toMatchObject({ code: 2, told: 'give names, --selector or --all\n' });
    expect(await run('rotate', '-l', '')).toMatchObject({
      code: 2,
      told: expect.stringContaining('for all, use --all'),
    });
    expect(await run('status', '')).toMatchObject({ code: 2 });
    expect(await run('status', '-w')).toMatchObject({ code: 2 });
    expect(await run('rotat')).toMatchObject({ code: 2, told: expect.stringContaining('Did you mean rotate?') });
    expect(await run('plan', name, '-o', 'xml')).toMatchObject({ code: 2 });
    expect(await rekey(['status', '--kubeconfig', '/dev/null'], program)).toMatchObject({ code: 1 });
    const help = await rekey(['--help'], program);
    expect(help).toMatchObject({ code: 0, told: '' });
    expect(await scene.close()).toEqual([]);
  });
});
