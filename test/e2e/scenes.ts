/** The scenes in the order in which they are played. */
import type { E2eCluster } from './cluster.ts';
import type { Outcome } from './outcome.ts';
import { apiServer, kubelet, memory, operator, reboot } from './scenes/disturb.ts';
import { policy } from './scenes/policy.ts';
import { cache, get, sidecar, subPath } from './scenes/shapes.ts';
import { cutover, emergency, env, files, lie, preStaged } from './scenes/ways.ts';

export interface Scene {
  readonly name: string;
  readonly about: string;
  /** @param namespace of its own */
  readonly run: (cluster: E2eCluster, namespace: string) => Promise<Outcome>;
}

export const SCENES: readonly Scene[] = [
  { name: 'env', about: 'a rotation; services read their environment', run: env },
  { name: 'lie', about: 'tokens live longer than maxTokenTTL says: the traffic must see it', run: lie },
  { name: 'files', about: 'a rotation; two services read mounted files and are not restarted', run: files },
  { name: 'emergency', about: 'a leaked key dies: FailClosed', run: emergency },
  { name: 'cutover', about: 'services that know one key', run: cutover },
  { name: 'prestaged', about: 'two rotations; the second begins with the promotion', run: preStaged },
  { name: 'kubelet', about: 'the kubelet is killed, and starts again', run: kubelet },
  { name: 'reboot', about: 'the power of the node is cut', run: reboot },
  { name: 'operator', about: 'the leading operator is evicted', run: operator },
  { name: 'apiserver', about: 'the API server is away', run: apiServer },
  { name: 'cache', about: 'the kubelet caches Secrets, and containers crash', run: cache },
  { name: 'get', about: 'the kubelet reads Secrets when it syncs, and containers crash', run: get },
  { name: 'sidecar', about: 'a native sidecar verifies too', run: sidecar },
  { name: 'subpath', about: 'files mounted one by one; rekey makes the Secret', run: subPath },
  { name: 'policy', about: 'NetworkPolicies are enforced, for the operator and the services', run: policy },
  { name: 'memory', about: 'the kubelet evicts a pod for want of memory', run: memory },
];
