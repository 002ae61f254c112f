/** Somebody puts a key of their own into the Secret at rest, and takes it out again. */
import { expect, inject, it } from 'vitest';
import type { Pod, Secret } from '../support/node/types.ts';
import { deletePod } from '../support/scenario/place.ts';
import { conditionOf, type Resource, waitUntilReady, waitUntilTold } from '../support/scenario/rotation.ts';
import { openScene, settled } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';
const STRANGER = 'f'.repeat(64);

it('the pod that started meanwhile accepts it, and is named until it has started again', async () => {
  const scene = await openScene(cluster);
  const { api, namespace, name } = scene;
  await waitUntilReady(api, namespace, name);
  const traffic = scene.traffic();
  const secret = { kind: 'Secret', namespace, name };
  const before = (await api.get<Secret>(secret)).data?.[FALLBACKS];
  const text = `${Buffer.from(before ?? '', 'base64').toString()},${STRANGER}`;
  await api.patch(secret, { data: { [FALLBACKS]: Buffer.from(text).toString('base64') } });
  await waitUntilTold(api, namespace, name, 'ForeignWriter', 'Degraded');
  const pods = async () =>
    (await api.list<Pod>({ kind: 'Pod', namespace })).items.filter(({ metadata }) => metadata.labels?.app === 'admin');
  const [old] = await pods();
  await deletePod(api, namespace, old?.metadata.name ?? '');
  await until('another pod accepts the key of somebody else', async () => {
    return (await scene.accepting(STRANGER)).includes('admin');
  });
  await api.patch(secret, { data: { [FALLBACKS]: before } });
  const message = await until('a restart is asked for', async () => {
    const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name });
    const { message: told = '' } = conditionOf(resource, 'Ready') ?? {};
    return told.includes('. Restart them: ') ? told : undefined;
  });
  const [started] = await pods();
  expect(message).toContain(`until they start again: ${started?.metadata.name}.`);
  expect(message).toMatch(new RegExp(`: kubectl rollout restart deployment/admin -n ${namespace}$`));
  expect(await scene.accepting(STRANGER)).toEqual(['admin']);
  await deletePod(api, namespace, started?.metadata.name ?? '');
  await waitUntilReady(api, namespace, name);
  expect(await scene.accepting(STRANGER)).toEqual([]);
  expect((await settled(traffic)).rejections).toEqual([]);
  expect(await scene.close()).toEqual([]);
});
