/** Receivers of spec.notifications hear of a rotation, with the rights that the reference tells to give. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Message } from '../../src/rotation/report/notifications.ts';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import { readState, requestRotation, waitFor, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const PATH = '/services/T0SECRETPATH';

/** A receiver that fails once. */
async function receive() {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(Buffer.concat(chunks).toString());
    response.writeHead(request.url !== PATH || bodies.length === 1 ? 500 : 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}` };
}

async function letRead(api: KubeApi, namespace: string, secret: string): Promise<void> {
  const metadata = { name: 'rekey-notifications', namespace };
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [secret], verbs: ['get'] }];
  await api.create({ kind: 'Role', metadata, rules });
  await api.create({
    ...{ kind: 'RoleBinding', metadata },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'rekey', namespace: 'rekey-system' }],
  });
}

describe('a receiver', () => {
  it('that fails once is told of the rotation all the same, and of no key byte', async () => {
    const { bodies, url } = await receive();
    const urlFrom = { secretKeyRef: { name: 'hooks', key: 'url' } };
    const notifications = [
      { urlFrom, on: ['Failed'] },
      { urlFrom, on: ['Completed'] },
    ];
    const scene = await openScene(cluster, { adopt: false, spec: { notifications } });
    const { api, namespace, name } = scene;
    const data = { url: Buffer.from(`${url}\n`).toString('base64') };
    await api.create({ kind: 'Secret', metadata: { name: 'hooks', namespace }, data });
    await letRead(api, namespace, 'hooks');
    const operator = await scene.operator({ flags: ['--allow-private-webhooks'] });
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt });
    const told = await waitFor(
      ...([api, namespace, name, 'the message is noted as delivered'] as const),
      ({ resource }) => resource.status?.notified !== undefined,
    );

    const { rotation } = told.keyset ?? {};
    const messages = bodies.map((body) => JSON.parse(body) as Message);
    expect(messages).toHaveLength(2);
    expect(messages[1]).toEqual(messages[0]);
    expect(messages[0]).toEqual({
      ...{ id: `${rotation?.id}/Completed`, event: 'Completed', outcome: 'Completed' },
      ...{ resource: name, namespace, environment: 'test' },
      ...{ trigger: 'Annotation', actor: rotation?.actor, reason: rotation?.reason },
      ...{ from: rotation?.from, to: rotation?.to },
      startedAt: new Date(rotation?.startedAt ?? 0).toISOString(),
      finishedAt: new Date(rotation?.finishedAt ?? 0).toISOString(),
    });
    expect(told.resource.status?.notified).toEqual([`${rotation?.id}/Completed Json hooks/url`]);
    expect(scanForKeys([{ name: 'messages', text: bodies.join('\n') }], scene.keys.keys())).toEqual([]);
    const metrics = await until('the metric counts', async () => {
      const text = await operator.metrics();
      return text.includes('result="delivered"') && text;
    });
    expect(metrics).toMatch(/rekey_notification_total\{.*result="retried"\} 1/);

    // a second operator knows from the status that it has been told
    await operator.stop();
    const second = await scene.operator({ flags: ['--allow-private-webhooks'] });
    await second.waitForLine(({ message }) => message.includes('leader') || message === 'started');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(bodies).toHaveLength(2);
    expect((await readState(api, namespace, name)).resource.status?.notified).toHaveLength(1);
    const said = JSON.stringify([operator.lines(), second.lines(), (await readState(api, namespace, name)).resource]);
    expect(said).not.toContain('T0SECRETPATH');
    expect(await scene.close()).toEqual([]);
  });

  it('is told of an emergency when the key is burnt, and when it is dead', async () => {
    const { bodies, url } = await receive();
    const notifications = [{ urlFrom: { secretKeyRef: { name: 'hooks', key: 'url' } } }];
    const scene = await openScene(cluster, { adopt: false, spec: { notifications } });
    const { api, namespace, name } = scene;
    const data = { url: Buffer.from(url).toString('base64') };
    await api.create({ kind: 'Secret', metadata: { name: 'hooks', namespace }, data });
    await letRead(api, namespace, 'hooks');
    await scene.operator({ flags: ['--allow-private-webhooks'] });
    await waitUntilReady(api, namespace, name);
    const annotations = { 'rekey.dev/emergency': 'n1: found in a log' };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
    const { keyset } = await waitFor(
      ...([api, namespace, name, 'both messages are noted as delivered'] as const),
      ({ resource }) => resource.status?.notified?.length === 2,
    );
    const writtenAt = new Date(keyset?.emergency?.writtenAt ?? 0).toISOString();
    const messages = bodies.map((body) => JSON.parse(body) as Message);
    const common = { event: 'Emergency', reason: 'found in a log', signInAgain: true, tokensIssuedBefore: writtenAt };
    for (const message of messages) expect(message).toMatchObject(common);
    const last = messages.filter(({ seconds }) => seconds !== undefined);
    expect(last).toHaveLength(1);
    expect(last[0]?.finishedAt).toBe(new Date(keyset?.emergency?.goneAt ?? 0).toISOString());
    expect(messages.length - last.length).toBe(2);
    expect(scanForKeys([{ name: 'messages', text: bodies.join('\n') }], scene.keys.keys())).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });
});
