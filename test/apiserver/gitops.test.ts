/**
 * What is in Git is applied once a second through a whole rotation, by pipelines with kubectl and by Flux's own engine: no token
 * is refused, no pod is replaced more often than without them, no key comes back. And what a commit can ask for.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import {
  type Applier,
  applyOnce,
  PIPELINES,
  type Pipeline,
  startFlux,
  startPipeline,
} from '../support/gitops/appliers.ts';
import { judgeByLua } from '../support/gitops/argocd.ts';
import { findFlux } from '../support/gitops/flux.ts';
import { openRepository, type Repository } from '../support/gitops/repository.ts';
import { watchStatuses } from '../support/gitops/statuses.ts';
import { rekey } from '../support/scenario/command.ts';
import {
  readState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene, settled } from '../support/scenario/scene.ts';
import { revisions, waitForServices } from '../support/scenario/services.ts';

const cluster = inject('cluster');
const kubectl = (args: readonly string[]) => runKubectl(cluster.kubectl, args);
const quick = { language: 'go' } as const;
const FLEET = {
  tokenTtlSeconds: 5,
  prestopSeconds: 0.5,
  services: {
    main: { ...quick, replicas: 2 },
    autoscraper: { ...quick, replicas: 1 },
    admin: { ...quick, replicas: 1 },
  },
};
const TIMES = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };
const RESTARTS = { main: 3, autoscraper: 2, admin: 2 };
const YEARLY = { rotationPeriod: undefined, schedule: '0 3 1 1 *', timeZone: 'Etc/UTC' };
const pipelines = Object.keys(PIPELINES) as Pipeline[];

interface Kept {
  readonly scene: Scene;
  readonly repository: Repository;
}

/** All of it is as Git has it, and nobody else has written the JwtKeyRotation. */
async function openKept(way: Pipeline, spec: object = {}): Promise<Kept> {
  const scene = await openScene(cluster, { adopt: false, fleet: FLEET });
  const { api, namespace, name } = scene;
  await api.delete({ kind: 'JwtKeyRotation', namespace, name });
  // the rights come with the component
  for (const kind of ['RoleBinding', 'Role']) await api.delete({ kind, namespace, name: 'rekey' });
  const folder = join(cluster.dir, namespace, 'git');
  const repository = await openRepository({ folder, namespace, fleet: FLEET, spec: { ...TIMES, ...spec }, kubectl });
  const { error } = await applyOnce(way, kubectl, repository);
  expect(error).toBeUndefined();
  await waitForServices(api, namespace);
  await scene.operator();
  // as docs/gitops/pipelines.md has it
  const seen = await kubectl(['get', '-n', namespace, 'jkr', name, '-o', 'jsonpath={.metadata.generation}']);
  for (const wanted of [`jsonpath={.status.observedGeneration}=${seen.stdout}`, 'condition=Ready']) {
    const waited = await kubectl(['wait', '-n', namespace, `jkr/${name}`, `--for=${wanted}`, '--timeout=4m']);
    expect(waited.code, waited.stderr).toBe(0);
  }
  await waitUntilReady(api, namespace, name);
  return { scene, repository };
}

/** The fields of targets that the field manager rekey owns, as paths. */
async function owned({ api, namespace }: Scene): Promise<readonly string[]> {
  const { items } = await api.list<KubeObject>({ kind: 'Deployment', namespace });
  const paths = items.flatMap(({ metadata }) => {
    const { managedFields = [] } = metadata as unknown as { readonly managedFields?: readonly Owned[] };
    return managedFields.flatMap(({ manager, fieldsV1 }) => (manager === 'rekey' ? pathsIn(fieldsV1) : []));
  });
  return [...new Set(paths)];
}

interface Owned {
  readonly manager: string;
  readonly fieldsV1: object;
}

function pathsIn(fields: object): readonly string[] {
  return Object.entries(fields).flatMap(([name, below]) => {
    const own = name.replace(/^f:/, '/');
    return Object.keys(below as object).length === 0 ? [own] : pathsIn(below as object).map((path) => `${own}${path}`);
  });
}

const counted = async ({ api, namespace }: Scene) => revisions(api, namespace);
const since = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) =>
  Object.fromEntries([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]));

/** A rotation under traffic, while somebody applies. */
async function expectUndisturbed({ scene }: Kept, applier: Applier): Promise<void> {
  const { api, namespace, name } = scene;
  const before = await counted(scene);
  const statuses = await watchStatuses(api, namespace, name);
  const traffic = scene.traffic();
  const requestedAt = await requestRotation(api, namespace, name);
  const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
  const { rejections, ...figures } = await settled(traffic);
  await applier.stop();
  await statuses.close();
  const rounds = applier.rounds();
  if (process.env.REKEY_SHOW)
    console.log(JSON.stringify({ figures, rounds: rounds.length, statuses: statuses.seen().length }));
  expect(rejections).toEqual([]);
  expect(keyset?.rotation?.outcome).toBe('Completed');
  expect(since(before, await counted(scene))).toEqual(RESTARTS);
  // they were there all the time, and after the first round they changed nothing
  expect(rounds.length).toBeGreaterThan(5);
  expect(rounds.flatMap(({ error }) => error ?? [])).toEqual([]);
  expect(rounds.slice(1).flatMap(({ changed }) => changed)).toEqual([]);
  expect(await scene.accepting(scene.firstKey)).toEqual([]);
  expect(scene.keys.versions().map(({ signing }) => signing)).toEqual(
    [...scene.keys.versions().map(({ signing }) => signing)].sort((a, b) => a - b),
  );
  // what the Application of docs/gitops/argocd.md ignores is one field, and no other
  expect(await owned(scene)).toEqual(['/spec/template/metadata/annotations/rekey.dev/keyset-version']);
  // at no time did Argo CD have a reason to stop a sync
  const judged = await judgeByLua(statuses.seen());
  expect(judged.flatMap(({ status, error }) => error ?? status)).not.toContain('Degraded');
  expect(judged.at(-1)?.status).toBe('Healthy');
  expect(await scene.close()).toEqual([]);
}

describe.concurrent('through a rotation, once a second', () => {
  it.each(pipelines)('%s of a kustomization with the component disturbs nothing', async (way) => {
    const kept = await openKept(way);
    await expectUndisturbed(kept, startPipeline(way, kubectl, kept.repository));
  });
});

/** It takes minutes to build: `make flux` runs these. */
describe.runIf(process.env.REKEY_FLUX !== undefined)('Flux', () => {
  let program = '';
  beforeAll(async () => {
    program = await findFlux((line) => process.stderr.write(`${line}\n`));
  }, 1_800_000);

  it('corrects drift once a second through a rotation and disturbs nothing', async () => {
    const kept = await openKept('kubectl apply --server-side');
    const { kubeconfig } = cluster;
    await expectUndisturbed(kept, startFlux(program, { kubeconfig, namespace: kept.scene.namespace }, kept.repository));
  });

  it('leaves what people ask with the command line, and takes back what they write with plain kubectl', async () => {
    const { scene, repository } = await openKept('kubectl apply --server-side');
    const { api, namespace, name } = scene;
    const applier = startFlux(program, { kubeconfig: cluster.kubeconfig, namespace }, repository);
    const more = async (rounds: number) => {
      const before = applier.rounds().length;
      await expect.poll(() => applier.rounds().length).toBeGreaterThan(before + rounds);
    };
    const { metadata: before } = await api.get({ kind: 'JwtKeyRotation', namespace, name });
    const asked = await rekey(
      ['pause', '-n', namespace, name, '--kubeconfig', cluster.kubeconfig],
      cluster.programs?.command,
    );
    expect(asked.code, asked.told).toBe(0);
    await waitUntilTold(api, namespace, name, 'Paused');
    await kubectl(['annotate', 'jkr', '-n', namespace, name, 'rekey.dev/rotate-requested-at=1']);
    await kubectl([
      'annotate',
      'jkr',
      '-n',
      namespace,
      name,
      '--field-manager=us',
      'rekey.dev/withdraw-requested-at=1',
    ]);
    await more(3);
    const { metadata } = await api.get({ kind: 'JwtKeyRotation', namespace, name });
    const added = Object.keys(metadata.annotations ?? {}).filter((each) => !(each in (before.annotations ?? {})));
    expect(added.sort()).toEqual(['rekey.dev/paused', 'rekey.dev/requested-by', 'rekey.dev/withdraw-requested-at']);
    await applier.stop();
    expect(await scene.close()).toEqual([]);
  });
});

describe.concurrent('by commit', () => {
  it.each(pipelines)('a reason starts one rotation, however often it is applied: %s', async (way) => {
    const { scene, repository } = await openKept(way);
    const { api, namespace, name } = scene;
    const outcomes = async () => (await readState(api, namespace, name)).resource.status?.history ?? [];
    const applier = startPipeline(way, kubectl, repository);
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
    await expect.poll(() => applier.rounds().length).toBeGreaterThan(rounds + 3);
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
    const { scene, repository } = await openKept(way, { ...YEARLY, maintenanceWindows: night });
    const { api, namespace, name } = scene;
    const applier = startPipeline(way, kubectl, repository);
    const seen = (await readState(api, namespace, name)).resource.status;
    expect(seen?.nextRotationTime).toMatch(/-01-01T03:00:00.000Z$/);

    // the next minute but one, once: it is not over before it is announced
    const soon = new Date(Date.now() + 90_000);
    const schedule = `${soon.getUTCMinutes()} ${soon.getUTCHours()} ${soon.getUTCDate()} ${soon.getUTCMonth() + 1} *`;
    await repository.commit({ schedule });
    await waitFor(
      api,
      namespace,
      name,
      'it is announced',
      ({ resource }) => resource.status?.nextRotationTime?.startsWith(soon.toISOString().slice(0, 16)) === true,
    );
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
    expect((await readState(api, namespace, name)).resource.status?.phase).toBe('Staged');
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
