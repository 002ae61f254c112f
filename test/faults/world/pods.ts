/**
 * Nodes and pods that misbehave.
 */
import { faultAnnotations, setPodFaults } from '../../support/node/faults.ts';
import type { Service } from '../lane.ts';
import { freeze, thaw } from './freeze.ts';
import { during, type WorldContext, type WorldFault } from './world.ts';

const KIND = 'nodes and pods';
type PodFault = Parameters<typeof setPodFaults>[2];

async function eachPod(
  { lane }: WorldContext,
  service: Service,
  most: number,
  act: (pod: { readonly namespace: string; readonly name: string }) => Promise<unknown>,
): Promise<void> {
  const pods = lane.ledger.pods().filter(({ metadata }) => metadata.labels?.app === service);
  const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).slice(0, most);
  // A pod that has gone meanwhile needs no fault any more.
  await Promise.all(
    alive.map(({ metadata }) => act({ namespace: lane.namespace, name: metadata.name }).catch(() => undefined)),
  );
}

const strike = (name: string, service: Service, most: number, faults: PodFault): WorldFault => ({
  name,
  class: KIND,
  run: (context) => eachPod(context, service, most, (pod) => setPodFaults(context.lane.api, pod, faults)),
});

/** A fault of the pods that exist, for a time. */
const lasting = (name: string, service: Service, ms: number, fault: keyof PodFault, value: string): WorldFault => ({
  name,
  class: KIND,
  run: (context) => {
    const set = (to: string | null) => () =>
      eachPod(context, service, 9, (pod) => setPodFaults(context.lane.api, pod, { [fault]: to }));
    return during(context, ms, set(value), set(null));
  },
});

const stale = (name: string, nodes: number, ms: number): WorldFault => ({
  name,
  class: KIND,
  lags: true,
  run: (context) => {
    const { api, cluster, namespace, name: secret } = context.lane;
    const each = (act: typeof freeze) => () =>
      Promise.all(cluster.nodes.slice(0, nodes).map((node) => act(api, node.name, namespace, secret)));
    return during(context, ms, each(freeze), each(thaw));
  },
});

/** A change of the template in mid-rotation, as by a deploy, with which each new pod has the fault. */
const deployed = (
  name: string,
  service: Service,
  annotation: keyof typeof faultAnnotations,
  value: string,
): WorldFault => ({
  name,
  class: KIND,
  run: (context) => {
    const target = { kind: 'Deployment', namespace: context.lane.namespace, name: service };
    const set = (to: string | null) => () => {
      const annotations = { [faultAnnotations[annotation]]: to };
      return context.lane.api.patch(target, { spec: { template: { metadata: { annotations } } } });
    };
    return during(context, Number.POSITIVE_INFINITY, set(value), set(null));
  },
});

export const PODS: readonly WorldFault[] = [
  stale('one node serves the Secret as it was, for 4 s', 1, 4_000),
  stale('both nodes serve the Secret as it was, for 4 s', 2, 4_000),
  strike('a pod of main crashes', 'main', 1, { crashNow: '1' }),
  strike('all pods of main crash', 'main', 9, { crashNow: '1' }),
  strike('the pod of admin crashes', 'admin', 9, { crashNow: '1' }),
  strike('old pods of main linger for 6 s', 'main', 9, { linger: '6s' }),
  strike('old pods of admin linger for 6 s', 'admin', 9, { linger: '6s' }),
  lasting('pods of main are not ready, for 3 s', 'main', 3_000, 'notReady', 'true'),
  lasting('the pod of admin is not ready, for 3 s', 'admin', 3_000, 'notReady', 'true'),
  deployed('a new main starts 2 s late', 'main', 'startDelay', '2s'),
  deployed('a new main has read the Secret 2 s before it starts', 'main', 'stallStart', '2s'),
  deployed('a new admin has read the Secret 2 s before it starts', 'admin', 'stallStart', '2s'),
  deployed('a new main crashes once after 1 s', 'main', 'crashAfter', '1s'),
  {
    name: 'a pod of main is deleted',
    class: KIND,
    run: (context) => eachPod(context, 'main', 1, (pod) => context.lane.api.delete({ kind: 'Pod', ...pod })),
  },
  {
    name: 'all pods are deleted without grace',
    class: KIND,
    run: async (context) => {
      const kill = (pod: object) => context.lane.api.delete({ kind: 'Pod', ...pod }, { gracePeriodSeconds: 0 });
      await Promise.all([eachPod(context, 'main', 9, kill), eachPod(context, 'admin', 9, kill)]);
    },
  },
];
