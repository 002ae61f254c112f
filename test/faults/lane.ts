/**
 * A namespace with two services, a Secret and a fault proxy, in which rotation follows on rotation: what a plan runs on.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../support/cluster/controlplane.ts';
import { follow } from '../support/cluster/follow.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { readKubeconfig } from '../support/cluster/kubeconfig.ts';
import type { ProvidedCluster } from '../support/cluster/provided.ts';
import { FaultProxy } from '../support/faultproxy/proxy.ts';
import {
  createNamespace,
  installOperator,
  letIn,
  letLead,
  letMark,
  operatorKubeconfig,
} from '../support/scenario/install.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import {
  createSecret,
  deployServices,
  newKey,
  rotationFor,
  SECRET_NAME,
  type ServiceOptions,
  waitForServices,
} from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';
import type { AuditTail } from './audit-tail.ts';
import { type Fleet, SERVICES_OF, SPECS_OF, TOKEN_TTL_SECONDS } from './fleet.ts';
import { recordSecret, type SecretHistory } from './history.ts';
import { keepLedger, type Ledger } from './ledger.ts';

/** Both sign up to the names of clients at the proxy. */
export const CLIENTS = ['a', 'b', 'c'] as const;
export const SERVICES = { main: 2, admin: 1 } as const;
export type Service = keyof typeof SERVICES;

export interface LaneOptions {
  readonly cluster: ProvidedCluster;
  readonly audit: AuditTail;
  /** Where the cluster is ours alone. */
  readonly control?: ControlPlane;
  /** `env` if absent. */
  readonly fleet?: Fleet;
  /** Language of the services, if their fleet leaves that open. */
  readonly language?: ServiceOptions['language'];
}

export interface Lane {
  readonly fleet: Fleet;
  readonly cluster: ProvidedCluster;
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  readonly dir: string;
  readonly proxy: FaultProxy;
  /** By client. */
  readonly kubeconfigs: ReadonlyMap<string, string>;
  readonly history: SecretHistory;
  readonly ledger: Ledger;
  readonly audit: AuditTail;
  readonly control: ControlPlane | undefined;
  /** The resource as a watch last told it. */
  resource(): Resource | undefined;
  close(): Promise<void>;
}

/** Does not adopt the Secret: that is the first run's part. */
export async function openLane({ cluster, audit, control, language, fleet = 'env' }: LaneOptions): Promise<Lane> {
  const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
  const namespace = `faults-${randomUUID().slice(0, 8)}`;
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir, { recursive: true });
  await installOperator(api);
  await createNamespace(api, namespace);
  await Promise.all([letIn(api, namespace, SECRET_NAME), letLead(api, namespace)]);
  if (fleet === 'files') await letMark(api, namespace);
  // OTHER, the label and the annotation are somebody else's: they must be there at the end.
  await createSecret(api, namespace, { data: { JWT_SECRET_KEY: newKey(), OTHER: 'kept' } });
  const theirs = { labels: { 'example.com/team': 'a' }, annotations: { 'example.com/note': 'kept' } };
  await api.patch({ kind: 'Secret', namespace, name: SECRET_NAME }, { metadata: theirs });
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 } };
  const service = (replicas: number): ServiceOptions => ({
    ...{ replicas, strategy },
    ...(language && { language }),
    ...SERVICES_OF[fleet],
  });
  await deployServices(api, namespace, {
    only: ['main', 'admin'],
    services: { main: service(SERVICES.main), admin: service(SERVICES.admin) },
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    prestopSeconds: 0.3,
  });
  const history = await recordSecret(api, namespace, SECRET_NAME);
  const ledger = await keepLedger(api, namespace, history, fleet);
  await waitForServices(api, namespace);
  await api.create(rotationFor({ namespace, spec: SPECS_OF[fleet] }));
  const credentials = readKubeconfig(await operatorKubeconfig(api, join(dir, 'operator.kubeconfig')));
  const proxy = await FaultProxy.start({ credentials, pki: cluster.pki, dir });
  const kubeconfigs = new Map<string, string>();
  for (const client of CLIENTS) kubeconfigs.set(client, await proxy.kubeconfigFor(client));

  let resource: Resource | undefined;
  const ends = new AbortController();
  const set = (next: Resource | undefined): void => {
    resource = next;
  };
  const watching = follow<Resource>(
    api,
    { kind: 'JwtKeyRotation', namespace },
    { onList: ([first]) => set(first), onChange: set, onDelete: () => set(undefined) },
    ends.signal,
  );
  await until('the resource is seen', async () => resource);
  return {
    ...{ fleet, cluster, api, namespace, name: SECRET_NAME, dir, proxy, kubeconfigs, history, ledger, audit, control },
    resource: () => resource,
    close: async () => {
      ends.abort();
      await Promise.all([watching, ledger.close(), history.close()]);
      await proxy.close();
      await api.delete({ kind: 'Namespace', name: namespace }).catch(() => undefined);
      await api.close();
    },
  };
}
