/**
 * What is in Git is applied once a second through a whole rotation, by pipelines with kubectl and by Flux's own engine: no token
 * is refused, no pod is replaced more often than without them, no key comes back. What a commit can ask for: gitops-commits.test.ts.
 */
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { type Applier, PIPELINES, type Pipeline, startFlux } from '../support/gitops/appliers.ts';
import { judgeByLua, outOfSync } from '../support/gitops/argocd.ts';
import { findFlux } from '../support/gitops/flux.ts';
import { type Kept, openKept } from '../support/gitops/kept.ts';
import { watchStatuses } from '../support/gitops/statuses.ts';
import { rekey } from '../support/scenario/command.ts';
import { readState, requestRotation, waitUntilDone, waitUntilTold } from '../support/scenario/rotation.ts';
import { type Scene, settled } from '../support/scenario/scene.ts';
import { revisions } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const kubectl = (args: readonly string[]) => runKubectl(cluster.kubectl, args);
const RESTARTS = { main: 3, autoscraper: 2, admin: 2 };
const pipelines = Object.keys(PIPELINES) as Pipeline[];

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
  expect(rounds.length).toBeGreaterThan(2);
  expect(rounds.flatMap(({ error }) => error ?? [])).toEqual([]);
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
    const kept = await openKept(cluster, way);
    const applier = kept.pipeline();
    await expectUndisturbed(kept, applier);
    const [, ...later] = applier.rounds();
    expect(later.flatMap(({ changed }) => changed)).toEqual([]);
  });
});

/** It takes minutes to build: `make gitops` runs these. */
describe.runIf(process.env.REKEY_GITOPS !== undefined)('Flux', () => {
  let program = '';
  beforeAll(async () => {
    program = await findFlux((line) => process.stderr.write(`${line}\n`));
  }, 1_800_000);

  it('corrects drift once a second through a rotation and disturbs nothing', async () => {
    const kept = await openKept(cluster, 'kubectl apply --server-side');
    const { kubeconfig } = cluster;
    await expectUndisturbed(kept, startFlux(program, { kubeconfig, namespace: kept.scene.namespace }, kept.repository));
  });

  it('leaves what people ask with the command line, and takes back what they write with plain kubectl', async () => {
    const { scene, repository } = await openKept(cluster, 'kubectl apply --server-side');
    const { api, namespace, name } = scene;
    const applier = startFlux(program, { kubeconfig: cluster.kubeconfig, namespace }, repository);
    const more = async (rounds: number) => {
      const before = applier.rounds().length;
      await until(`Flux has applied ${rounds} times more`, async () => applier.rounds().length > before + rounds);
    };
    const { metadata: before } = await api.get({ kind: 'JwtKeyRotation', namespace, name });
    const flags = ['-n', namespace, '--kubeconfig', cluster.kubeconfig];
    const asked = await rekey(['pause', name, ...flags], cluster.programs?.command);
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
    // a suspension stays, too, as long as Git says nothing of it
    const suspended = async () => (await readState(api, namespace, name)).resource.spec.suspend;
    expect((await rekey(['suspend', name, ...flags], cluster.programs?.command)).code).toBe(0);
    await more(3);
    expect(await suspended()).toBe(true);
    await repository.commit({ suspend: false });
    await until('Git has its way', async () => (await suspended()) === false);
    await applier.stop();
    expect(await scene.close()).toEqual([]);
  });
});

/** It takes minutes to build: `make gitops` runs these. */
describe.runIf(process.env.REKEY_GITOPS !== undefined).concurrent('Argo CD', () => {
  it.each(pipelines)(
    'sees no difference after a rotation and a suspension, but one if Git has the stamp: %s',
    async (way) => {
      const { scene, repository } = await openKept(cluster, way);
      const { api, namespace, name } = scene;
      const requestedAt = await requestRotation(api, namespace, name);
      await waitUntilDone(api, namespace, name, { requestedAt });
      const flags = ['-n', namespace, '--kubeconfig', cluster.kubeconfig];
      expect((await rekey(['suspend', name, ...flags], cluster.programs?.command)).code).toBe(0);
      const kept = loadAll(readFileSync(repository.rendered, 'utf8')) as KubeObject[];
      const pairs = await Promise.all(
        kept.map(async (config) => {
          const live = await api.get({ kind: config.kind ?? '', namespace, name: config.metadata.name });
          return { config, live };
        }),
      );
      const log = (line: string) => process.stderr.write(`${line}\n`);
      expect(pairs.length).toBeGreaterThan(5);
      expect(await outOfSync(pairs, log)).toEqual(pairs.map(() => false));
      const targets = pairs.filter(({ config }) => config.kind === 'Deployment');
      const exported = targets.map(({ config, live }) => ({ config: stamped(config), live }));
      expect(await outOfSync(exported, log)).toEqual(targets.map(() => true));
      expect(await scene.close()).toEqual([]);
    },
  );
});

/** As somebody has exported it from the cluster before. */
function stamped(deployment: KubeObject): KubeObject {
  const { template, ...spec } = deployment.spec as { readonly template: { readonly metadata: object } };
  const metadata = { ...template.metadata, annotations: { 'rekey.dev/keyset-version': '1' } };
  return { ...deployment, spec: { ...spec, template: { ...template, metadata } } };
}
