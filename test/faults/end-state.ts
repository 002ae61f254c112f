/**
 * How things stand when a run is over: what the pods accept, and all that was told to people.
 */
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { accepts } from '../support/traffic/client.ts';
import { signToken } from '../support/traffic/tokens.ts';
import { type SecretRecord, verifyOf } from './history.ts';
import type { Lane } from './lane.ts';
import type { Workload } from './plan.ts';

export interface PodAnswer {
  readonly pod: string;
  readonly acceptsNew: string;
  readonly acceptsOld: string;
}

/** Asks every ready pod about the key that signs, and about every key of the run that it must have forgotten. */
export async function askPods({ ledger, history }: Lane, workload: Workload): Promise<readonly PodAnswer[]> {
  const latest = history.latest();
  if (latest === undefined) return [];
  const kept = new Set(stillKnown(history.records, workload).flatMap((record) => [...verifyOf(record)]));
  const retired = history.keys().filter((key) => key !== '' && !kept.has(key));
  const token = (key: string): Promise<string> => signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
  const ready = ledger.endpoints().filter((endpoint) => endpoint.ready);
  return Promise.all(
    ready.map(async ({ pod, url }) => {
      const old = await Promise.all(retired.map(async (key) => accepts(url, await token(key))));
      return {
        pod,
        acceptsNew: await accepts(url, await token(latest.sign)),
        acceptsOld: old.find((answer) => answer !== 'refused') ?? 'refused',
      };
    }),
  );
}

/** Retired lazily, keys are forgotten when pods next start: those of a rotation at the latest in the next one. */
function stillKnown(records: readonly SecretRecord[], workload: Workload): readonly SecretRecord[] {
  if (workload !== 'lazy') return records.slice(-1);
  return records.slice(records.findLastIndex(({ phase }) => phase === 'Staging'));
}

/** Events, status and annotations of the run; the Events are deleted, so that the next run has its own. */
export async function textsOf({
  api,
  namespace,
  name,
}: Lane): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  const [events, resource, secret] = await Promise.all([
    api.raw({ path }),
    api.find({ kind: 'JwtKeyRotation', namespace, name }),
    api.find<KubeObject>({ kind: 'Secret', namespace, name }),
  ]);
  await api.raw({ method: 'DELETE', path });
  const told = { events, resource, annotations: secret?.metadata.annotations };
  return Object.entries(told).map(([what, value]) => ({ name: what, text: JSON.stringify(value) ?? '' }));
}
