/**
 * examples/remotehive-like: services that verify with one key, one that does not take the key at all, a worker and a CronJob, with the
 * real libraries. docs/services/walkthrough.md shows what is tried here; with REKEY_SHOW=1 it prints what the page quotes.
 */
import { describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { remotehivePython } from '../support/libraries/remotehive.ts';
import type { Pod } from '../support/node/types.ts';
import { rekey } from '../support/scenario/command.ts';
import { openRemotehive, type Remotehive, ROTATION } from '../support/scenario/remotehive.ts';
import {
  conditionOf,
  requestRotation,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { settled } from '../support/scenario/scene.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import { waitForServices } from '../support/scenario/services.ts';
import type { Traffic } from '../support/traffic/traffic.ts';

const cluster = inject('cluster');
const WHY = 'needs Debian: apt-get download, and /usr/bin/python3 with venv';
const none = !(await remotehivePython());
const isSecret = ({ kind }: KubeObject) => kind === 'Secret';
const isRotation = ({ kind }: KubeObject) => kind === 'JwtKeyRotation';
const everybody = ['admin', 'main', 'scraper'];

/** The command line, whose output the page shows. */
async function command({ place, keys }: Remotehive, name: string, ...args: readonly string[]) {
  const at = ['-n', place.namespace, '--kubeconfig', cluster.kubeconfig];
  const said = await rekey([name, ROTATION, ...args, ...at], cluster.programs?.command);
  expect(scanForKeys([{ name, text: said.result + said.told }], keys.keys())).toEqual([]);
  if (process.env.REKEY_SHOW) console.log(`$ ${name} ${args.join(' ')}\n${said.result}${said.told}[${said.code}]`);
  return said;
}

/** What must stay as it is: the worker's pod, and the CronJob. */
async function untouched({ place }: Remotehive): Promise<readonly string[]> {
  const { api, namespace } = place;
  const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: 'app=worker' });
  const report = await api.get({ kind: 'CronJob', namespace, name: 'report' });
  return [...items.map(({ metadata }) => String(metadata.uid)), `generation ${report.metadata.generation}`];
}

describe.skipIf(none).concurrent(`the services of remotehive (${WHY})`, () => {
  it('with the preload: check says what to change, then a rotation completes and no token is refused', async () => {
    const hive = await openRemotehive(cluster, 'hive-preload');
    const { api, namespace } = hive.place;
    await hive.apply('before');
    await hive.apply('ready', isRotation);
    await waitForServices(api, namespace);
    const traffic = hive.traffic();
    await waitUntilTold(api, namespace, ROTATION, 'TargetNotConsuming');
    const found = await command(hive, 'check');
    expect(found.code).toBe(3);
    expect(found.result).toMatch(/TargetNotConsuming +.*Deployment\/admin/);
    expect(found.result).toMatch(/NotConsumed +.*Deployment\/scraper .*JWT_SECRET_KEY_FALLBACKS/);
    expect(found.told).toContain('is publicly known');
    expect(found.result + found.told).not.toMatch(/worker|report/);
    const refused = await command(hive, 'check', '--canary');
    expect(refused.code).toBe(3);
    expect(refused.result).toMatch(/verdict +Refused: .* the subject may be unknown to the service/);

    // nothing has been written
    expect(hive.keys.versions().filter(({ phase }) => phase !== undefined)).toEqual([]);

    const before = await untouched(hive);
    await hive.apply('with-preload');
    await waitForServices(api, namespace);
    await waitUntilReady(api, namespace, ROTATION);
    const ready = await command(hive, 'check');
    expect(ready).toMatchObject({ code: 0, told: expect.stringContaining('is publicly known') });
    await expectRotation(hive, traffic, before);
  });

  it('with the keyring library: a rotation completes, and no token is refused', async () => {
    const hive = await openRemotehive(cluster, 'hive-keyring');
    const { api, namespace } = hive.place;
    await hive.apply('before', isSecret);
    await hive.apply('with-keyring');
    await waitForServices(api, namespace);
    await waitUntilReady(api, namespace, ROTATION);
    await expectRotation(hive, hive.traffic(), await untouched(hive));
  });

  it('with neither: a rotation is given up while the key is staged, and no token is refused', async () => {
    const hive = await openRemotehive(cluster, 'hive-neither');
    const { api, namespace } = hive.place;
    await hive.apply('before', isSecret);
    await hive.apply('ready', (object) => !isRotation(object));
    await waitForServices(api, namespace);
    // adopted after the pods have started: none of them has the fallbacks, so nobody knows yet
    await hive.apply('ready', isRotation);
    await waitUntilReady(api, namespace, ROTATION);
    const before = await untouched(hive);
    const traffic = hive.traffic();

    const requestedAt = await requestRotation(api, namespace, ROTATION);
    const { keyset } = await waitUntilDone(api, namespace, ROTATION, { requestedAt });
    expect(keyset?.rotation?.outcome).toBe('Aborted');
    await waitForServices(api, namespace);
    // its pods have started since, and it is known before the next one
    await waitUntilTold(api, namespace, ROTATION, 'SingleKeyService');
    const said = await command(hive, 'check');
    expect(said).toMatchObject({ code: 3, result: expect.stringContaining('SingleKeyService') });
    const { rejections } = await settled(traffic);
    expect([rejections, hive.client.refusedRenewals()]).toEqual([[], []]);
    expect(hive.keys.signingKeys()).toHaveLength(1);
    expect(await hive.accepting(hive.keys.signingKeys()[0] ?? '')).toEqual(everybody);
    expect(await untouched(hive)).toEqual(before);
    await hive.close();
  });
});

/** Checks, rotates and looks at everything afterwards; ends the traffic and the scene. */
async function expectRotation(hive: Remotehive, traffic: Traffic, before: readonly string[]): Promise<void> {
  const { api, namespace } = hive.place;
  const [oldKey = ''] = hive.keys.signingKeys();
  const works = await command(hive, 'check', '--canary');
  expect(works.code).toBe(0);
  expect(works.result.match(/verdict +Works: /g)).toHaveLength(4);
  expect(await hive.accepting(oldKey)).toEqual(everybody);

  const rotated = await command(hive, 'rotate', '--wait');
  expect(rotated.code, rotated.told).toBe(0);
  const { keyset, resource } = await waitUntilDone(api, namespace, ROTATION);
  expect(keyset?.rotation?.outcome).toBe('Completed');
  expect(conditionOf(resource, 'Verified')).toMatchObject({ status: 'True', reason: 'Canary' });
  expect(conditionOf(resource, 'WeakKey')?.status).not.toBe('True');
  await command(hive, 'status');
  const { rejections, ...figures } = await settled(traffic);
  expect([rejections, hive.client.refusedRenewals()]).toEqual([[], []]);
  expect(hive.client.renewed()).toBeGreaterThan(0);
  for (const service of everybody) expect(figures.byService[service]?.accepted).toBeGreaterThan(0);
  if (process.env.REKEY_SHOW) console.log(JSON.stringify(figures), 'renewed', hive.client.renewed());
  expect(await hive.accepting(oldKey)).toEqual([]);
  expect(await hive.accepting(hive.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
  expect(await untouched(hive)).toEqual(before);
  await hive.close();
}
