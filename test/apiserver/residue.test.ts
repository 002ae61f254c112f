/** Copies of a burnt key: an emergency tells where they lie, as far as it may look, and never what they are. */
import { gzipSync } from 'node:zlib';
import { describe, expect, inject, it } from 'vitest';
import { eventsIn } from '../support/scenario/events.ts';
import { letLook } from '../support/scenario/install.ts';
import { type RotationState, waitFor } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

/** Copies of the key, as people and tools make them. */
async function scatter({ api, namespace, name, firstKey }: Scene): Promise<void> {
  const create = (kind: string, object: string, more: object, annotations = {}) =>
    api.create({ kind, metadata: { namespace, name: object, annotations }, ...more });
  await api.patch({ kind: 'Secret', namespace, name }, { data: { OLD: base64(firstKey) } });
  await create('Secret', 'backup', { stringData: { KEY: firstKey, OTHER: 'x'.repeat(64) } });
  const manifest = gzipSync(JSON.stringify({ manifest: `kind: Secret\ndata:\n  KEY: ${base64(firstKey)}\n` }));
  await create('Secret', 'sh.helm.release.v1.shop.v1', {
    type: 'helm.sh/release.v1',
    stringData: { release: base64(manifest) },
  });
  const applied = JSON.stringify({ data: { '.env': `JWT_SECRET_KEY=${firstKey}\n` } });
  await create(
    'ConfigMap',
    'env',
    { data: { '.env': `A=1\nJWT_SECRET_KEY=${firstKey}\n` } },
    { 'kubectl.kubernetes.io/last-applied-configuration': applied },
  );
  const container = { name: 'job', image: 'x', env: [{ name: 'KEY', value: firstKey }] };
  const labels = { app: 'job' };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  await create('Deployment', 'job', {
    apiVersion: 'apps/v1',
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  });
  const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
  await create('CronJob', 'nightly', {
    apiVersion: 'batch/v1',
    spec: { schedule: '0 3 * * *', suspend: true, jobTemplate: { spec: { template: once } } },
  });
  await until('the ReplicaSet is there', async () => {
    const { items } = await api.list({ kind: 'ReplicaSet', namespace });
    return items.some(({ metadata }) => metadata.name.startsWith('job-'));
  });
}

/** @returns the state when the emergency is over */
async function burn({ api, namespace, name }: Scene): Promise<RotationState> {
  const annotations = { 'rekey.dev/emergency': 'n1: a test' };
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  return waitFor(api, namespace, name, 'the emergency is over and told', ({ resource }) => {
    return resource.status?.emergency?.keyGoneAt !== undefined;
  });
}

async function eventNotes({ api, namespace }: Scene): Promise<readonly string[]> {
  return until('the Event is there', async () => {
    const told = await eventsIn(api, namespace);
    const notes = told.filter(({ reason }) => reason === 'KeyResidue').map(({ note }) => note);
    return notes.length > 0 && notes;
  });
}

/** The copies are deleted before the scene is searched for keys: they are this test's own. */
async function close(scene: Scene) {
  const { api, namespace } = scene;
  await api.delete({ kind: 'ConfigMap', namespace, name: 'env' });
  return scene.close();
}

describe.concurrent('copies of a burnt key', () => {
  it('are found where rekey may look: in its own Secret and in workloads', async () => {
    const scene = await openScene(cluster);
    await scatter(scene);
    const { emergency } = (await burn(scene)).resource.status ?? {};
    expect(emergency?.residue).toEqual([
      'CronJob nightly, container job, env KEY',
      'Deployment job, container job, env KEY',
      'Secret remotehive-jwt, data key OLD',
    ]);
    expect(emergency?.residueIncomplete).toContain('no right to list configmaps, replicasets, secrets');
    const [note] = await eventNotes(scene);
    expect(note).toContain('Secret remotehive-jwt, data key OLD');
    expect(await close(scene)).toEqual([]);
  });

  it('are found in Secrets, releases, ConfigMaps and former templates too, with the right to look there', async () => {
    const scene = await openScene(cluster);
    await letLook(scene.api, scene.namespace);
    await scatter(scene);
    const { emergency } = (await burn(scene)).resource.status ?? {};
    const residue = emergency?.residue?.map((place) => place.replace(/job-\w+/, 'job-x'));
    expect(residue).toEqual([
      'ConfigMap env, annotation kubectl.kubernetes.io/last-applied-configuration',
      'ConfigMap env, data key .env',
      'CronJob nightly, container job, env KEY',
      'Deployment job, container job, env KEY',
      'ReplicaSet job-x, container job, env KEY',
      'Secret backup, data key KEY',
      'Secret remotehive-jwt, data key OLD',
      'Secret sh.helm.release.v1.shop.v1, data key release',
    ]);
    expect(emergency?.residueIncomplete).toBeUndefined();
    expect(await close(scene)).toEqual([]);
  });

  it('are told where the emergency itself has removed them, and not made up', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name, firstKey } = scene;
    await letLook(api, namespace);
    const applied = JSON.stringify({ data: { JWT_SECRET_KEY: base64(firstKey) } });
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': applied };
    await api.patch({ kind: 'Secret', namespace, name }, { metadata: { annotations } });
    const { resource, secret } = await burn(scene);
    expect(resource.status?.emergency?.residue).toEqual([
      'Secret remotehive-jwt, annotation kubectl.kubernetes.io/last-applied-configuration (removed by this emergency)',
    ]);
    expect(Object.keys(secret?.metadata.annotations ?? {})).not.toContain(Object.keys(annotations)[0]);
    expect(await scene.close()).toEqual([]);
  });
});
