/** The command line against a real API server, by the rights of somebody who may not read a Secret. */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';
import { runCommand } from '../../src/cli/cluster-commands.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { REQUEST, REQUESTED_BY } from '../../src/rotation/api/names.ts';
import { AUDIT_KEY } from '../../src/rotation/audit/ledger-config-map.ts';
import { Operations } from '../../src/rotation/people/operations.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/log.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { rekey, type Said, SOURCES } from '../support/scenario/command.ts';
import { readLedgerConfigMap } from '../support/scenario/ledger-config-map.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  readState,
  requestRotation,
  restAtDraining,
  waitFor,
  waitForPhase,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';
import { openPty } from '../support/terminal/pty.ts';

const run = promisify(execFile);
const cluster = inject('cluster');
const program = cluster.programs?.command;

/** What docs/reference/command-line.md asks for, and no more: `update` on the Secret is what the admission policies ask. */
const RIGHTS = [
  { apiGroups: ['rekey.dev'], resources: ['jwtkeyrotations'], verbs: ['get', 'list', 'watch', 'patch'] },
  { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets'], verbs: ['get', 'list', 'patch'] },
  // another test may have installed Rollouts
  { apiGroups: ['argoproj.io'], resources: ['rollouts'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  // for report
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['update'] },
];

interface Caller {
  readonly run: (...args: string[]) => Promise<Said>;
  readonly kubeconfig: string;
}

/** The person whom {@link callerIn} acts for, as the API server knows him. */
const userIn = ({ namespace }: Scene) => `system:serviceaccount:${namespace}:on-call`;

/** @returns what runs a command in the scene's namespace as somebody with these rights */
async function callerIn({ api, namespace }: Scene, user = 'on-call', verbs?: readonly string[]): Promise<Caller> {
  const rules = verbs === undefined ? RIGHTS : RIGHTS.map((rule, i) => (i === 0 ? { ...rule, verbs } : rule));
  await api.create({ kind: 'ServiceAccount', metadata: { namespace, name: user } });
  await api.create({ kind: 'Role', metadata: { namespace, name: user }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user };
  await api.create({
    kind: 'RoleBinding',
    metadata: { namespace, name: user },
    roleRef,
    subjects: [{ kind: 'ServiceAccount', namespace, name: user }],
  });
  const kubeconfig = join(cluster.dir, namespace, `${user}.kubeconfig`);
  await api.serviceAccountKubeconfig(namespace, user, kubeconfig);
  const run: Caller['run'] = (...args) =>
    rekey([...args, '--kubeconfig', kubeconfig, '--namespace', namespace], program);
  await until('the rights are there', async () => (await run('status', 'remotehive-jwt')).code !== 1);
  return { run, kubeconfig };
}

async function generations({ api, namespace }: Scene): Promise<readonly number[]> {
  const of = async (name: string) => (await api.get({ kind: 'Deployment', namespace, name })).metadata.generation ?? 0;
  return Promise.all(['main', 'autoscraper', 'admin'].map(of));
}

/** Runs a command in this process, where somebody types an answer. */
async function typed(kubeconfig: string, answer: string, args: readonly string[]): Promise<Said> {
  const said = { result: '', told: '' };
  const terminal: Terminal = {
    print: (text) => {
      said.result += text;
    },
    tell: (text) => {
      said.told += text;
    },
    closed: () => false,
    interactive: true,
    question: async (text) => {
      said.told += text;
      return answer;
    },
    now: Date.now,
  };
  const access = loadKubeConfig({ kubeconfig });
  const client = new KubeClient({ access, clock: systemClock });
  const log = createLogger({ level: 'error', now: Date.now });
  const connect = ({ namespace = '' }) =>
    new Operations({ client, clock: systemClock, log, namespace, serverTime: systemClock.now });
  const code = await runCommand(args, { terminal, connect });
  await client.close();
  return { code, ...said };
}

/** What a command that waits may tell in between. */
const PROGRESS = new RegExp(
  [
    /^[\w-]+: requesting emergency \S+$/,
    /^[\w-]+: it takes the restarts plus 7s \(5s tokens \+ 1s skew \+ 1s slack\), in which the old key stays accepted after the last pod stopped signing with it$/,
    /^\d\d:\d\d:\d\d {2}(Requested|Preflight|Staging|Staged|Promoting|Draining|Retiring|Burning)(: |, still after )/,
    /^\d\d:\d\d:\d\d {2}(in the way|no longer in the way): /,
    /^\d\d:\d\d:\d\d {2}nothing has changed since the request/,
  ]
    .map(({ source }) => source)
    .join('|'),
);
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

describe.concurrent('the command line', () => {
  it('tells what a rotation will do, and follows one to its end', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const { run } = await callerIn(scene);

    const plan = await run('plan', name, '--now');
    expect(plan).toMatchObject({ code: 0, told: '' });
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
    expect(late.told).toContain('has not ended after 20 s; it is waiting (');
    expect((await run('status')).result).toMatch(/False: TargetPaused/);
    expect(await scene.close()).toEqual([]);
  });

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

  it('is a view on a terminal, which follows a rotation to its end', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const { kubeconfig } = await callerIn(scene);
    const where = ['--kubeconfig', kubeconfig, '--namespace', namespace];
    const argv = [process.execPath, program ?? SOURCES, 'rotate', name, '--wait', ...where];
    const pty = openPty(argv, { columns: 100, rows: 40 });
    await pty.shows('● staged');
    await pty.shows(/next +when the maintenance window opens, in \d/);
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
    const { run } = await callerIn(scene);
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
    expect(JSON.parse((await run('check', name, '-o', 'json')).result)).toEqual([
      { reason: 'NobodyLeads', message: nobody },
    ]);
    for (const verb of ['suspend', 'resume']) expect(await run(verb, name)).toMatchObject({ code: 0, told: nobody });
    const waiting = run('rotate', name, '--wait');
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
      const { stdout } = await run(kubectl, typed, { env: { ...env, KUBECONFIG: cluster.kubeconfig } });
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
      told: `get jwtkeyrotations/other in ns ${namespace}: NotFound (404): jwtkeyrotations.rekey.dev "other" not found\n`,
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
