/**
 * Each alert of deploy/monitoring fires in a real Prometheus while its fault is there, reaches a real Alertmanager, and clears once the
 * fault is gone; and each panel of the dashboard has data. Prometheus' times are made short: see support/monitoring/prometheus.ts.
 *
 * Runs with `make alerts`, which sets REKEY_PROMETHEUS.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { hastened, type Monitoring, startMonitoring } from '../support/monitoring/prometheus.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import { openPlace, type Place } from '../support/scenario/place.ts';
import { type ApiProxy, startApiProxy } from '../support/scenario/proxy.ts';
import { requestRotation, waitUntilDone } from '../support/scenario/rotation.ts';
import { type Running, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const run = randomUUID();
/** Each resource has a key of its own, or all would tell of KeyReuse. */
const ownKey = (id: string) => createHash('sha256').update(`${run}-${id}`).digest('hex');
const FAULTY: Running = { image: 'rekey.dev/test-jwt:latest', spec: { replicas: 1 } };
const ADMISSION = 'admissionregistration.k8s.io/v1';
const isAsked = process.env.REKEY_PROMETHEUS !== undefined;

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'monitoring', 'dashboard.json'), 'utf8'),
) as { readonly panels: readonly Panel[] };

let place: Place;
let monitoring: Monitoring;
let proxy: ApiProxy;
let operator: OperatorProcess;
/** What the alerts that were seen to fire and to clear are called. */
const seen = new Set<string>();

/** @returns an operator that Prometheus scrapes, in the place of the one before */
async function startScraped(): Promise<OperatorProcess> {
  const started = await place.operator({ kubeconfig: proxy.kubeconfig, flags: ['--allow-private-webhooks'] });
  monitoring.scrape(new URL(started.url).host);
  return started;
}

const make = (id: string, running: Running = { spec: { replicas: 1 } }, spec = {}, key = ownKey(id)) =>
  place.make(id, running, spec, { JWT_SECRET_KEY: key });

const rotate = async (id: string) => {
  const { api, namespace, name } = place.at(id);
  await waitUntilDone(api, namespace, name, { requestedAt: await requestRotation(api, namespace, name) });
};

const edit = (id: string, spec: object) => {
  const { api, namespace, name } = place.at(id);
  return api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec });
};

/** The last word of Alertmanager on an alert of one resource, or of the operator. */
const lastTold = (alert: string, id?: string) =>
  monitoring.told().findLast(({ labels }) => {
    return labels.alertname === alert && (id === undefined || labels.name === place.at(id).name);
  });

async function fires(alert: string, id?: string): Promise<void> {
  const told = await until(`${alert} fires`, async () => {
    const last = lastTold(alert, id);
    return last?.status === 'firing' && last;
  });
  // what a person reads has no hole in it
  expect(told.annotations.summary).not.toContain('<no value>');
  expect(told.annotations.next).not.toContain('<no value>');
  if (id !== undefined) expect(told.labels.namespace).toBe(place.namespace);
}

async function clears(alert: string, id?: string): Promise<void> {
  await until(`${alert} clears`, async () => lastTold(alert, id)?.status === 'resolved');
  seen.add(alert);
}

describe.runIf(isAsked)('each alert fires and clears, in a real Prometheus and Alertmanager', () => {
  beforeAll(async () => {
    place = await openPlace(cluster, 'monitoring');
    const started = await startMonitoring(join(cluster.dir, `${place.namespace}-prometheus`));
    if (started === undefined) throw new Error('the Debian packages of Prometheus cannot be downloaded here');
    monitoring = started;
    proxy = await startApiProxy(cluster.kubeconfig);
    operator = await startScraped();
  });
  afterAll(async () => {
    await place?.close();
    await monitoring?.close();
    await proxy?.close();
  });

  describe.concurrent('that tells of a resource', () => {
    it('RekeyKeyReuse: two Secrets have one key, until one is rotated', async () => {
      await make('reuse-a', undefined, {}, ownKey('reuse'));
      await make('reuse-b', undefined, {}, ownKey('reuse'));
      await fires('RekeyKeyReuse', 'reuse-b');
      await rotate('reuse-b');
      await clears('RekeyKeyReuse', 'reuse-b');
    });

    it('RekeyWeakKey and RekeyNothingHappened: an old key that can be guessed, until it is rotated', async () => {
      await make('weak', undefined, {}, 'your-super-secret-jwt-key-change-in-production');
      await fires('RekeyWeakKey', 'weak');
      await fires('RekeyNothingHappened', 'weak');
      await rotate('weak');
      await clears('RekeyWeakKey', 'weak');
      await clears('RekeyNothingHappened', 'weak');
    });

    it('RekeyKeyOverdue: a rotation that is due does not begin, until it may', async () => {
      await make('overdue', undefined, { rotationPeriod: '8s', suspend: true });
      await fires('RekeyKeyOverdue', 'overdue');
      await edit('overdue', { rotationPeriod: '90d', suspend: false });
      await clears('RekeyKeyOverdue', 'overdue');
    });

    it('RekeyMissedRun: a scheduled start passes, until a rotation is completed', async () => {
      await make('missed');
      const soon = new Date(Date.now() + 60_000);
      const schedule = `${soon.getUTCMinutes()} ${soon.getUTCHours()} * * *`;
      const deployment = { kind: 'Deployment', namespace: place.namespace, name: targetName('missed') };
      // a restart would be asked for in vain, so none begins
      await place.api.patch(deployment, { spec: { paused: true } });
      await edit('missed', { schedule, rotationPeriod: null, startingDeadlineSeconds: 60 });
      await fires('RekeyMissedRun', 'missed');
      await place.api.patch(deployment, { spec: { paused: false } });
      await rotate('missed');
      await clears('RekeyMissedRun', 'missed');
    });

    it('RekeyRotationStalled and RekeyDegraded: a service has the old key from a second place, until that is mended', async () => {
      await make('stalled', { ...FAULTY, env: { ALSO_ACCEPTS: ownKey('stalled') } });
      const { api, namespace, name } = place.at('stalled');
      const requestedAt = await requestRotation(api, namespace, name);
      await fires('RekeyRotationStalled', 'stalled');
      await fires('RekeyDegraded', 'stalled');
      await place.deploy('stalled', FAULTY);
      await waitUntilDone(api, namespace, name, { requestedAt });
      await clears('RekeyRotationStalled', 'stalled');
      await clears('RekeyDegraded', 'stalled');
    });

    it('RekeyBurntKeyAccepted: a service has the leaked key from a second place, until that is mended', async () => {
      const key = ownKey('burnt');
      await make('burnt', { ...FAULTY, env: { ALSO_ACCEPTS: key } });
      await declareEmergency(place.at('burnt'), 'n1: leaked');
      await fires('RekeyBurntKeyAccepted', 'burnt');
      await place.deploy('burnt', FAULTY);
      await waitUntilGone(place.at('burnt'), 'n1');
      await clears('RekeyBurntKeyAccepted', 'burnt');
    });

    it('RekeyNotificationFailed: a receiver refuses one message, and takes the next', async () => {
      let code = 410;
      const receiver = createServer((_, response) => void response.writeHead(code).end());
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      const { port } = receiver.address() as AddressInfo;
      const data = { url: Buffer.from(`http://127.0.0.1:${port}/`).toString('base64') };
      await place.api.create({ kind: 'Secret', metadata: { name: 'hooks', namespace: place.namespace }, data });
      const notifications = [{ urlFrom: { secretKeyRef: { name: 'hooks', key: 'url' } }, on: ['Completed'] }];
      await make('hook', undefined, { notifications });
      await rotate('hook');
      await fires('RekeyNotificationFailed', 'hook');
      code = 200;
      await clears('RekeyNotificationFailed', 'hook');
      receiver.close();
    });
  });

  describe('that tells of the operator', () => {
    it('RekeyWriteRefused: a policy denies a write of the Secret, until it goes', async () => {
      await make('refused');
      const name = `rekey-${place.namespace}`;
      const rule = { apiGroups: [''], apiVersions: ['*'], operations: ['UPDATE'], resources: ['secrets'] };
      const policy = {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: 'false', message: 'not on a Friday' }],
      };
      const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': place.namespace } };
      const binding = { policyName: name, validationActions: ['Deny'], matchResources: { namespaceSelector } };
      const kinds = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'] as const;
      for (const [kind, spec] of [
        [kinds[0], policy],
        [kinds[1], binding],
      ] as const)
        await place.api.create({ apiVersion: ADMISSION, kind, metadata: { name }, spec } as never);
      const { api, namespace, name: rotation } = place.at('refused');
      const requestedAt = await requestRotation(api, namespace, rotation);
      await fires('RekeyWriteRefused');
      for (const kind of kinds) await api.delete({ kind, name });
      await waitUntilDone(api, namespace, rotation, { requestedAt });
      await clears('RekeyWriteRefused');
    });

    it('RekeyDown: no operator runs, until one does', async () => {
      await operator.stop();
      await fires('RekeyDown');
      operator = await startScraped();
      await clears('RekeyDown');
    });

    it('RekeyNoLeader: somebody else holds the Lease, until it runs out', async () => {
      await operator.stop();
      const lease = { kind: 'Lease', namespace: place.namespace, name: 'rekey' };
      const renewTime = new Date().toISOString().replace('Z', '000Z');
      const spec = { holderIdentity: 'somebody', leaseDurationSeconds: 20, acquireTime: renewTime, renewTime };
      await place.api.patch(lease, { spec });
      operator = await startScraped();
      await fires('RekeyNoLeader');
      await clears('RekeyNoLeader');
    });

    it('RekeyApiUnreachable: the API server does not answer, until it does', async () => {
      proxy.cut();
      // without the API server the lease is lost, the process ends, and its kubelet starts it again
      await operator.exited;
      operator = await startScraped();
      await fires('RekeyApiUnreachable');
      proxy.mend();
      await clears('RekeyApiUnreachable');
      await operator.waitUntilReady();
    });
  });

  it('and none is left out', () => {
    const alerts = hastened().flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect([...seen].sort()).toEqual(alerts.toSorted());
  });

  it('each panel of the dashboard has data, while keys change and after', async () => {
    await make('shown');
    const { api, namespace, name } = place.at('shown');
    const empty = new Set(dashboard.panels);
    const look = async () => {
      for (const panel of empty) {
        const filled = panel.targets.map(({ expr }) =>
          expr.replaceAll('$namespace', namespace).replaceAll('$name', name),
        );
        const answers = await Promise.all(filled.map(monitoring.query));
        if (answers.every((series) => series.length > 0)) empty.delete(panel);
      }
      return empty.size === 0;
    };
    const titles = () => [...empty].map(({ title }) => title).join(', ');
    const requestedAt = await requestRotation(api, namespace, name);
    await until('each panel had data', look, {}, titles);
    await waitUntilDone(api, namespace, name, { requestedAt });
  });
});
