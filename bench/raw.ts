/** The anchor: the same writes on the same objects, by nothing but a loop. */
import type { KubeApi } from '../test/support/cluster/kubeapi.ts';
import type { KubeObject } from '../test/support/cluster/kubeobject.ts';
import { rotationName, secretName, targetName } from '../test/support/scenario/single.ts';
import { inParallel, type Member } from './fleet.ts';

/** How many writes of each kind, as `countByKind` has them. */
export type Counts = Readonly<Record<string, number>>;

type WriteOne = (api: KubeApi, member: Member, i: number) => Promise<unknown>;

const MARK = 'bench.rekey.dev/raw';

const WRITES: Readonly<Record<string, WriteOne>> = {
  'patch secrets': (api, { namespace, id }, i) => mark(api, 'Secret', namespace, secretName(id), i),
  'patch deployments': (api, { namespace, id }, i) => mark(api, 'Deployment', namespace, targetName(id), i),
  'create configmaps': (api, { namespace }, i) => api.create(configMap(namespace, `raw-${Date.now()}-${i}`)),
  'patch configmaps': (api, { namespace, id }, i) => mark(api, 'ConfigMap', namespace, `${secretName(id)}-rekey`, i),
  'patch jwtkeyrotations/status': (api, { namespace, id }, i) =>
    api.patch(
      { kind: 'JwtKeyRotation', namespace, name: rotationName(id), subresource: 'status' },
      { status: { progress: `raw ${i}` } },
    ),
  'create events': (api, { namespace, id }, i) => api.create(event(namespace, id, i)),
};

function mark(api: KubeApi, kind: string, namespace: string, name: string, i: number): Promise<unknown> {
  return api.patch({ kind, namespace, name }, { metadata: { annotations: { [MARK]: String(i) } } });
}

function configMap(namespace: string, name: string): KubeObject {
  return { kind: 'ConfigMap', metadata: { namespace, name }, data: { 'ledger.json': '{}' } } as KubeObject;
}

function event(namespace: string, id: string, i: number): KubeObject {
  const involvedObject = { kind: 'JwtKeyRotation', namespace, name: rotationName(id) };
  const metadata = { namespace, name: `raw-${id}.${Date.now()}${i}` };
  return {
    kind: 'Event',
    metadata,
    involvedObject,
    type: 'Normal',
    reason: 'Raw',
    message: 'of the bench',
  } as KubeObject;
}

/** @returns how many seconds the loop takes for these writes, one kind after the other, and what it left out */
export async function rawLoop(api: KubeApi, members: readonly Member[], counts: Counts) {
  const known = Object.entries(counts).filter(([kind]) => WRITES[kind] !== undefined);
  const startedAt = performance.now();
  let writes = 0;
  for (const [kind, count] of known) {
    const all = Array.from({ length: count }, (_, i) => members[i % members.length] as Member);
    await inParallel(all, (member, i) => (WRITES[kind] as WriteOne)(api, member, i));
    writes += count;
  }
  return { seconds: (performance.now() - startedAt) / 1_000, writes };
}
