/** With the rights that `rbac` prints, and no other, the operator rotates and burns; each rule of them is needed. */
import { describe, expect, inject, it } from 'vitest';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { grantLeast, refusedTo, unneeded, verbsOf } from '../support/scenario/least-rights.ts';
import { conditionOf, requestRotation, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { deploymentOf } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

/** What breaks without a rule, by its verb and resource: docs/rbac.md has it in words. No rule may lack a line. */
const BREAKS: Readonly<Record<string, string>> = {
  'get secrets': 'the keys cannot be read: no pass gets as far as a decision',
  'list secrets': 'a change of the Secret by others is seen late',
  'watch secrets': 'a change of the Secret by others is seen late',
  'patch secrets': 'no write: WriteRefused, the rotation stays where it is',
  'get configmaps': 'no write, because the ledger of burnt keys is not known',
  'patch configmaps': 'the audit log lacks the rotation, and AuditWriteFailed is told',
  'create configmaps': 'there is no audit log, and AuditWriteFailed is told',
  'patch deployments': 'no restart: Forbidden',
  'patch statefulsets': 'no restart: Forbidden',
  'patch daemonsets': 'no restart: Forbidden',
  'create pods/eviction': 'a stale pod of an OnDelete StatefulSet stays: Forbidden',
  'delete pods': 'pods accept a burnt key: the emergency shows Forbidden',
  'list poddisruptionbudgets': 'DisruptionBlocked is told in the middle of a rotation, and not before',
  'list horizontalpodautoscalers': 'no warning that a target has too few pods',
};

const canary = (port: number) => ({ path: '/auth/verify', port });

/** A service of examples/manifests as a workload of another kind and name, with the same port. */
async function createAs(
  { api, namespace }: Scene,
  service: 'autoscraper' | 'admin',
  kind: 'StatefulSet' | 'DaemonSet',
  name: string,
  edit: object = {},
): Promise<void> {
  const shown = deploymentOf(service, namespace, { prestopSeconds: 0.5, services: { [service]: { language: 'go' } } });
  const { strategy: _, replicas: __, template, ...spec } = shown.spec as Record<string, unknown>;
  const labels = { app: name };
  const own = kind === 'StatefulSet' ? { replicas: 1, serviceName: 'none' } : {};
  await api.create({
    ...{ apiVersion: 'apps/v1', kind, metadata: { namespace, name } },
    spec: {
      ...{ ...spec, ...own, ...edit },
      selector: { matchLabels: labels },
      template: { ...(template as object), metadata: { labels } },
    },
  } as never);
}

describe.concurrent('the Role that rbac prints', () => {
  it('is enough for a rotation and an emergency, lacks nothing that is asked for, and has no rule that is not needed', async () => {
    const verifier = { roles: ['Verifier'] };
    const targets = [
      { kind: 'Deployment', name: 'main', canary: canary(8000) },
      { kind: 'StatefulSet', name: 'rolling', ...verifier, canary: canary(8001) },
      { kind: 'StatefulSet', name: 'on-delete', ...verifier, canary: canary(8001) },
      { kind: 'DaemonSet', name: 'everywhere', ...verifier, canary: canary(8002) },
    ];
    const notifications = [{ urlFrom: { secretKeyRef: { name: 'hooks', key: 'url' } }, on: ['Completed'] }];
    const spec = { targets, notifications };
    const scene = await openScene(cluster, { adopt: false, fleet: { only: ['main'] }, spec });
    const { api, namespace, name } = scene;
    // an address that rekey reads, and connects to nothing at
    await api.create({
      kind: 'Secret',
      metadata: { namespace, name: 'hooks' },
      stringData: { url: 'https://127.0.0.1' },
    });
    await createAs(scene, 'autoscraper', 'StatefulSet', 'rolling');
    await createAs(scene, 'autoscraper', 'StatefulSet', 'on-delete', { updateStrategy: { type: 'OnDelete' } });
    await createAs(scene, 'admin', 'DaemonSet', 'everywhere');
    const rules = await grantLeast(cluster, scene);
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    await declareEmergency(scene, 'n1: drill');
    const { resource } = await waitUntilGone(scene, 'n1');
    expect(conditionOf(resource, 'Ready')?.status).toBe('True');
    expect(refusedTo(cluster, scene)).toEqual([]);
    // its pods are evicted, and it has no new template; the resource does not say that it is OnDelete, and it need not stay so
    expect(unneeded(cluster, scene, rules)).toEqual(['patch statefulsets on-delete']);
    expect(verbsOf(rules).filter((line) => BREAKS[line] === undefined)).toEqual([]);
    expect(Object.keys(BREAKS).filter((line) => !verbsOf(rules).includes(line))).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('is enough to create the Secret, if it is asked to be', async () => {
    const targets = [{ kind: 'Deployment', name: 'main', canary: canary(8000) }];
    // pods would have a key that nobody knows
    const fleet = { only: ['main'], services: { main: { replicas: 0 } } } as const;
    const scene = await openScene(cluster, { adopt: false, fleet, spec: { targets } });
    const { api, namespace, name } = scene;
    const rules = await grantLeast(cluster, scene, '--create-secret');
    await api.delete({ kind: 'Secret', namespace, name });
    await scene.operator();
    await until('there is a Secret', () => api.find({ kind: 'Secret', namespace, name }));
    expect(refusedTo(cluster, scene)).toEqual([]);
    expect(verbsOf(rules)).toContain('create secrets');
    expect(unneeded(cluster, scene, rules)).not.toContain('create secrets');
    expect(await scene.close()).toEqual([]);
  });

  it('is enough where targets read mounted files', async () => {
    const targets = [{ kind: 'Deployment', name: 'main', source: 'File', canary: canary(8000) }];
    const services = { main: { language: 'node', mounted: true, replicas: 1 } } as const;
    const fleet = { only: ['main'], services } as const;
    const scene = await openScene(cluster, { adopt: false, files: true, fleet, spec: { targets } });
    const { api, namespace, name } = scene;
    const rules = await grantLeast(cluster, scene);
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    expect(refusedTo(cluster, scene)).toEqual([]);
    expect(verbsOf(rules)).toContain('patch pods');
    expect(unneeded(cluster, scene, rules)).not.toContain('patch pods');
    expect(await scene.close()).toEqual([]);
  });
});
