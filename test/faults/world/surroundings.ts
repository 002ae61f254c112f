/**
 * Clock, lease, rights and control plane.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../support/cluster/controlplane.ts';
import { letIn } from '../../support/scenario/install.ts';
import { during, type WorldContext, type WorldFault } from './world.ts';

const SECOND = 1_000;
const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

const clock = (name: string, aheadMs: number, ms: number): WorldFault => ({
  name: `the operator's clock is ${name}, for ${ms / 1000} s`,
  class: 'clock',
  run: (context) =>
    during(
      context,
      ms,
      async () => context.setClock(aheadMs),
      async () => context.setClock(0),
    ),
});

/** A person sets the clock right as soon as rekey asks for it: until then the rotation rests. */
const wrongClock = (name: string, aheadMs: number): WorldFault => ({
  name: `the operator's clock is ${name}`,
  class: 'clock',
  run: async ({ lane, over, setClock }) => {
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    setClock(aheadMs);
    const isTold = () => lane.resource()?.status?.conditions?.some(({ reason }) => reason === 'ClockSkew') === true;
    while (!isOver && !isTold()) await sleep(50);
    setClock(0);
  },
});

const lease = ({ lane }: WorldContext) => ({ kind: 'Lease', namespace: lane.namespace, name: 'rekey' });

/** Stops a process of the control plane where it stands. */
const frozen = (part: string, ms: number): WorldFault => ({
  name: `${part} stands still for ${ms / 1000} s`,
  class: 'control plane',
  exclusive: true,
  moments: [300],
  run: (context) => {
    const pid = pidOf(context.control, part);
    return during(
      context,
      ms,
      async () => process.kill(pid, 'SIGSTOP'),
      async () => process.kill(pid, 'SIGCONT'),
    );
  },
});

function pidOf(control: ControlPlane | undefined, part: string): number {
  const pid = control?.pids()[part];
  if (pid === undefined) throw new Error(`there is no ${part} to stop`);
  return pid;
}

export const SURROUNDINGS: readonly WorldFault[] = [
  clock('2 s ahead', 2 * SECOND, 4_000),
  clock('2 s behind', -2 * SECOND, 4_000),
  clock('a minute ahead', 60 * SECOND, 4_000),
  clock('a minute behind', -60 * SECOND, 4_000),
  clock('an hour ahead', HOUR, 4_000),
  clock('an hour behind', -HOUR, 4_000),
  clock('ten years ahead', 10 * YEAR, 4_000),
  clock('ten years behind', -10 * YEAR, 4_000),
  wrongClock('an hour ahead', HOUR),
  wrongClock('ten years ahead', 10 * YEAR),
  {
    name: 'the lease is deleted',
    class: 'lease and rights',
    run: async (context) => {
      await context.lane.api.delete(lease(context)).catch(() => undefined);
    },
  },
  {
    name: 'the lease is deleted, with a standby',
    class: 'lease and rights',
    replicas: 2,
    run: async (context) => {
      await context.lane.api.delete(lease(context)).catch(() => undefined);
    },
  },
  {
    name: 'somebody else has the lease for 3 s',
    class: 'lease and rights',
    run: async (context) => {
      const { api } = context.lane;
      await api.patch(lease(context), { spec: { holderIdentity: 'somebody' } }).catch(() => undefined);
      await sleep(3_000);
      await api.delete(lease(context)).catch(() => undefined);
    },
  },
  {
    name: 'the rights in the namespace are taken away for 3 s',
    class: 'lease and rights',
    without: { 'only our rights': 'they are taken away by the plan' },
    run: (context) => {
      const { api, namespace, name } = context.lane;
      const binding = { kind: 'RoleBinding', namespace, name: 'rekey' };
      return during(
        context,
        3_000,
        () => api.delete(binding),
        () => letIn(api, namespace, name),
      );
    },
  },
  frozen('etcd', 5_000),
  frozen('kube-apiserver', 5_000),
  frozen('kube-controller-manager', 5_000),
  frozen('kube-scheduler', 5_000),
  {
    name: 'kube-apiserver is killed and started again after 3 s',
    class: 'control plane',
    exclusive: true,
    moments: [300],
    run: async ({ control }) => {
      await control?.stopApiServer();
      await sleep(3_000);
      await control?.startApiServer();
    },
  },
];
