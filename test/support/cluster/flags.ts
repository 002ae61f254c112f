import { join } from 'node:path';

const services = '10.96.0.0/16';
/** The address of the Service "kubernetes". */
export const apiServerService = '10.96.0.1';
/** The addresses of pods on nodes with a kubelet. */
export const podAddresses = '10.244.0.0/16';

/** Every request once, when it was answered: who, what, from where and with which result. Never a body, so never a key. */
export const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
`;

/** @param ports of etcd: for clients and, though there are no others, for peers */
export function etcdFlags(
  dir: string,
  ip: string,
  ports: { readonly etcdClient: number; readonly etcdPeer: number },
): string[] {
  const client = `http://${ip}:${ports.etcdClient}`;
  const peer = `http://${ip}:${ports.etcdPeer}`;
  return [
    ...['--data-dir', join(dir, 'etcd')],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ...['--log-level', 'error'],
    // What a test writes need not survive a power failure.
    '--unsafe-no-fsync',
  ];
}

/** Flags of kube-apiserver: RBAC and Node authorisation, client certificates, ServiceAccount tokens. */
export function apiServerFlags(
  dir: string,
  ip: string,
  ports: { readonly apiServer: number; readonly etcdClient: number },
  { auditLog, hasNodes }: { readonly auditLog: boolean; readonly hasNodes: boolean },
): string[] {
  const pki = (file: string): string => join(dir, 'pki', file);
  const audit = [
    ...['--audit-policy-file', join(dir, 'audit-policy.yaml'), '--audit-log-path', join(dir, 'log', 'audit.log')],
    // A test reads the log right after the request.
    ...['--audit-log-mode', 'blocking'],
    // Megabytes: what is counted in it must not be in an older file.
    ...['--audit-log-maxsize', '4096'],
  ];
  return [
    ...['--etcd-servers', `http://${ip}:${ports.etcdClient}`],
    ...['--bind-address', ip, '--advertise-address', ip, '--secure-port', String(ports.apiServer)],
    ...['--tls-cert-file', pki('apiserver.crt'), '--tls-private-key-file', pki('apiserver.key')],
    ...['--client-ca-file', pki('ca.crt')],
    ...['--service-account-key-file', pki('sa.key'), '--service-account-signing-key-file', pki('sa.key')],
    ...['--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-cluster-ip-range', services],
    ...['--authorization-mode', 'Node,RBAC'],
    '--allow-privileged',
    // The Service "kubernetes" may not have an endpoint on loopback.
    ...['--endpoint-reconciler-type', hasNodes ? 'lease' : 'none'],
    // A kubelet makes a certificate of its own, which nobody signs: it is asked for logs only.
    ...(hasNodes ? ['--kubelet-client-certificate', pki('admin.crt'), '--kubelet-client-key', pki('admin.key')] : []),
    ...(hasNodes ? ['--kubelet-preferred-address-types', 'InternalIP'] : []),
    ...(auditLog ? audit : []),
  ];
}

/** Flags of kube-controller-manager, tuned so that a Deployment of a few pods settles quickly. */
export function controllerManagerFlags(dir: string, hasNodes: boolean): string[] {
  // The pods of process nodes have loopback addresses, which endpoints refuse: these would retry for ever.
  const noEndpoints = '-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller';
  // A test says for how long a kubelet keeps what it has read: this one would say it anew.
  const real = ['--allocate-node-cidrs', '--cluster-cidr', podAddresses, '--controllers', '*,-ttl-controller'];
  return [
    ...clientFlags(dir, 'kube-controller-manager'),
    ...['--service-account-private-key-file', join(dir, 'pki', 'sa.key'), '--root-ca-file', join(dir, 'pki', 'ca.crt')],
    '--use-service-account-credentials',
    ...['--service-cluster-ip-range', services],
    ...(hasNodes ? real : ['--controllers', `*,${noEndpoints}`]),
    ...['--kube-api-qps', '300', '--kube-api-burst', '600'],
    ...['--concurrent-deployment-syncs', '10', '--concurrent-replicaset-syncs', '10'],
    ...['--horizontal-pod-autoscaler-sync-period', '1s'],
    ...['--node-monitor-period', '1s', '--node-monitor-grace-period', '40s'],
  ];
}

/** Flags of kube-scheduler. */
export function schedulerFlags(dir: string): string[] {
  return [...clientFlags(dir, 'kube-scheduler'), ...['--kube-api-qps', '300', '--kube-api-burst', '600']];
}

/** No leader election for one of each, and no port: nobody scrapes them. */
function clientFlags(dir: string, user: string): string[] {
  const kubeconfig = join(dir, `${user}.kubeconfig`);
  return [
    ...[
      '--kubeconfig',
      kubeconfig,
      '--authentication-kubeconfig',
      kubeconfig,
      '--authorization-kubeconfig',
      kubeconfig,
    ],
    ...['--leader-elect=false', '--secure-port', '0'],
  ];
}
