/** A scene in which everything but the Secret is as a folder in Git has it. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { runKubectl } from '../cluster/kubectl.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { waitUntilReady } from '../scenario/rotation.ts';
import { openScene, type Scene } from '../scenario/scene.ts';
import { waitForServices } from '../scenario/services.ts';
import { type Applier, applyOnce, type Pipeline, startPipeline } from './appliers.ts';
import { openRepository, type Repository } from './repository.ts';

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

export interface Kept {
  readonly scene: Scene;
  readonly repository: Repository;
  /** Applies the repository once a second. */
  pipeline(): Applier;
}

/**
 * Nobody else has written the JwtKeyRotation.
 *
 * @param way who has applied it first
 * @param spec fields that replace those of the JwtKeyRotation
 */
export async function openKept(cluster: ProvidedCluster, way: Pipeline, spec: object = {}): Promise<Kept> {
  const kubectl = (args: readonly string[]) => runKubectl(cluster.kubectl, args);
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
  return { scene, repository, pipeline: () => startPipeline(way, kubectl, repository) };
}
