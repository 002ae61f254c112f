/** Configuration of the programs of a real node. All paths are those inside the node's mount namespace. */
import { podAddresses } from '../support/cluster/flags.ts';

/** What a scene may change of the kubelet. */
export interface KubeletSettings {
  /** How it learns of changed Secrets; its own default is Watch. */
  readonly changeDetection?: 'Watch' | 'Cache' | 'Get';
  /** Pods are evicted while less memory than this is available, such as `2Gi`. */
  readonly evictBelow?: string;
  /** How often it looks at a pod of which it hears nothing; its own default is a minute. */
  readonly syncFrequency?: string;
}

/** The image of the container that holds the namespaces of a pod. */
export const PAUSE_IMAGE = 'localhost/rekey-pause:e2e';

/** For containerd 1.6. Without CAP_SYS_RESOURCE nobody may lower oom_score_adj, and runc would fail. */
export const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/run/cni"
`;

/** Every packet is routed, none bridged: addresses of Services work without the module br_netfilter. */
export const cniConfig = JSON.stringify({
  ...{ cniVersion: '0.4.0', name: 'pods' },
  plugins: [
    {
      ...{ type: 'ptp', ipMasq: false },
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: podAddresses.replace('/16', '/24') }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
});

/** @param cgroup folder of our own below the root of the cgroups: the kubelet ends what it does not know below it */
export function kubeletConfig(cgroup: string, pki: string, settings: KubeletSettings): string {
  const { changeDetection = 'Watch', evictBelow = '100Mi', syncFrequency = '1m' } = settings;
  return JSON.stringify({
    ...{ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' },
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${pki}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    ...{ cgroupDriver: 'cgroupfs', cgroupRoot: `/${cgroup}`, failCgroupV1: false, enforceNodeAllocatable: ['none'] },
    ...{ failSwapOn: false, oomScoreAdj: 0, resolvConf: '' },
    // there is no registry to pull an image from again
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': evictBelow, 'nodefs.available': '1%', 'imagefs.available': '1%' },
    evictionPressureTransitionPeriod: '5s',
    configMapAndSecretChangeDetectionStrategy: changeDetection,
    syncFrequency,
  });
}

/** The sysctls of conntrack belong to the machine, not to the node. */
export function kubeProxyConfig(kubeconfig: string, node: string): string {
  return JSON.stringify({
    ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode: 'iptables' },
    ...{ clientConnection: { kubeconfig }, clusterCIDR: podAddresses, hostnameOverride: node, oomScoreAdj: 0 },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}
