/**
 * People and other controllers that change the workloads.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KEYSET_VERSION } from '../../../src/rotation/api/names.ts';
import { runKubectl } from '../../support/cluster/kubectl.ts';
import { SERVICES, type Service } from '../lane.ts';
import { during, type WorldContext, type WorldFault } from './world.ts';

const KIND = 'people and controllers';
/** Somebody else restarts pods too: the bound of three is rekey's own. */
const MORE_RESTARTS = { 'few restarts': 'the annotation is taken away, so it is set again' };

const deployment = ({ lane }: WorldContext, name: Service) => ({ kind: 'Deployment', namespace: lane.namespace, name });
const patch = (context: WorldContext, name: Service, spec: object) =>
  context.lane.api.patch(deployment(context, name), { spec });

/** As Flux or Argo CD, which put a template back to what is in Git: there is no such annotation there. */
const strip = (context: WorldContext, name: Service) =>
  patch(context, name, { template: { metadata: { annotations: { [KEYSET_VERSION]: null } } } });

async function kubectl({ lane }: WorldContext, ...args: readonly string[]): Promise<void> {
  // It fails where there is nothing to undo; then nothing has happened.
  await runKubectl(lane.cluster.kubectl, [...args, '--namespace', lane.namespace]);
}

const scaled = (name: string, service: Service, steps: readonly number[], everyMs: number): WorldFault => ({
  name,
  class: KIND,
  run: async (context) => {
    for (const replicas of steps) {
      await patch(context, service, { replicas });
      await sleep(everyMs);
    }
    await patch(context, service, { replicas: SERVICES[service] });
  },
});

const reverted = (name: string, services: readonly Service[], times: number, everyMs: number): WorldFault => ({
  name,
  class: KIND,
  without: MORE_RESTARTS,
  run: async (context) => {
    for (let i = 0; i < times; i += 1) {
      for (const service of services) await strip(context, service);
      await sleep(everyMs);
    }
  },
});

export const PEOPLE: readonly WorldFault[] = [
  reverted('GitOps takes the annotation from main', ['main'], 1, 0),
  reverted('GitOps takes the annotation from admin', ['admin'], 1, 0),
  reverted('GitOps takes all annotations each second, for 5 s', ['main', 'admin'], 5, 1_000),
  scaled('main is scaled to 4 for 3 s', 'main', [4], 3_000),
  scaled('main is scaled to 1 for 2 s', 'main', [1], 2_000),
  scaled('admin is scaled to 3 for 3 s', 'admin', [3], 3_000),
  scaled('an autoscaler moves main each second, for 5 s', 'main', [3, 5, 2, 4, 1], 1_000),
  {
    name: 'kubectl rollout undo main',
    class: KIND,
    without: MORE_RESTARTS,
    run: (context) => kubectl(context, 'rollout', 'undo', 'deployment/main'),
  },
  {
    name: 'kubectl rollout undo admin',
    class: KIND,
    without: MORE_RESTARTS,
    run: (context) => kubectl(context, 'rollout', 'undo', 'deployment/admin'),
  },
  {
    name: 'kubectl rollout restart of both',
    class: KIND,
    run: (context) => kubectl(context, 'rollout', 'restart', 'deployment/main', 'deployment/admin'),
  },
  {
    name: 'main is paused for 3 s',
    class: KIND,
    run: (context) =>
      during(
        context,
        3_000,
        () => patch(context, 'main', { paused: true }),
        () => patch(context, 'main', { paused: null }),
      ),
  },
  {
    name: 'a budget lets no pod be evicted, and one node serves the Secret as it was, for 4 s',
    class: KIND,
    lags: true,
    run: async (context) => {
      const { PODS } = await import('./pods.ts');
      const { api, namespace } = context.lane;
      const budget = { kind: 'PodDisruptionBudget', metadata: { namespace, name: 'none' } };
      const spec = { maxUnavailable: 0, selector: { matchLabels: { app: 'main' } } };
      const stale = PODS[0];
      await during(
        context,
        4_000,
        () => Promise.all([api.create({ ...budget, spec }), stale?.run(context)]),
        () => api.delete({ kind: 'PodDisruptionBudget', namespace, name: 'none' }),
      );
    },
  },
  {
    name: 'another Deployment uses the Secret, for 3 s',
    class: KIND,
    run: (context) => {
      const { api, namespace, name } = context.lane;
      const container = {
        ...{ name: 'x', image: 'rekey.dev/none:latest', envFrom: [{ secretRef: { name } }] },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      };
      const pod = { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } };
      const labels = { app: 'stranger' };
      const template = { metadata: { labels }, spec: { ...pod, containers: [container] } };
      const spec = { replicas: 0, selector: { matchLabels: labels }, template };
      return during(
        context,
        3_000,
        () => api.create({ kind: 'Deployment', metadata: { namespace, name: 'stranger' }, spec }),
        () => api.delete({ kind: 'Deployment', namespace, name: 'stranger' }),
      );
    },
  },
];
