import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { isStatus } from './objects.ts';
import { pause } from './probes.ts';
import { now } from './status.ts';

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const renewMs = 10_000;
const retryMs = 500;

interface NodeCondition {
  readonly type: string;
  readonly status: string;
}

/** Creates the Node and its Lease, replacing those of a node of the same name that was killed. */
export async function registerNode(api: KubeApi, name: string, ip: string): Promise<void> {
  const { gitVersion } = await api.raw<{ readonly gitVersion: string }>({ path: '/version' });
  await unregisterNode(api, name);
  const resources = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '100Gi', pods: '110' };
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
    'node.kubernetes.io/instance-type': 'process-node',
  };
  await api.create({
    kind: 'Node',
    metadata: { name, labels },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: conditions(),
      addresses: [
        { type: 'InternalIP', address: ip },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        ...{ machineID: name, systemUUID: name, bootID: name, kernelVersion: 'none', osImage: 'process node' },
        ...{ containerRuntimeVersion: 'process://1', kubeletVersion: gitVersion, kubeProxyVersion: '' },
        ...{ operatingSystem: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
      },
    },
  });
  // Admission taints every new Node as not ready; a change of its status makes the controller look at it now.
  await reportReady(api, name);
}

/** Removes the Node and its Lease; what is not there is fine. */
export async function unregisterNode(api: KubeApi, name: string): Promise<void> {
  const targets = [
    { kind: 'Node', name },
    { kind: 'Lease', namespace: leaseNamespace, name },
  ];
  for (const target of targets) {
    await api.delete(target).catch((error: unknown) => {
      if (!isStatus(error, 404)) throw error;
    });
  }
}

/** Whether the Node is reported as ready; after an outage the control plane may have decided otherwise. */
export function isReady(node: KubeObject): boolean {
  const status = node.status as { readonly conditions?: readonly NodeCondition[] } | undefined;
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Writes the conditions of a Node that is well. */
export async function reportReady(api: KubeApi, name: string): Promise<void> {
  await api.patch({ kind: 'Node', name, subresource: 'status' }, { status: { conditions: conditions() } }, 'strategic');
}

/** Renews the Node's Lease until the signal aborts. */
export async function renewLease(api: KubeApi, name: string, signal: AbortSignal): Promise<void> {
  const target = { kind: 'Lease', namespace: leaseNamespace, name };
  while (!signal.aborted) {
    const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime: microTime() };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    const isRenewed = await api.patch(target, lease, 'apply', 'process-node').then(
      () => true,
      () => false,
    );
    await pause(isRenewed ? renewMs : retryMs, signal);
  }
}

function conditions() {
  const time = { lastHeartbeatTime: now(), lastTransitionTime: now() };
  const pressures = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
    ...{ type, status: 'False', reason: 'ProcessNode', message: 'not measured' },
    ...time,
  }));
  return [
    ...pressures,
    { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the process node runs', ...time },
  ];
}

/** The time of a Lease has six digits. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
