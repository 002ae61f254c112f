import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { isStatus } from './objects.ts';
import type { Pod } from './types.ts';

/** The prefix of all fault annotations. */
const prefix = 'test.rekey.dev/';

/**
 * The annotations by which a test makes a process node misbehave. Those of a
 * pod may stand in its template and are read live; durations are written like
 * "5s", "1.5s" or "200ms".
 */
export const faultAnnotations = {
  /** Node: a Secret "ns/name", or "ns/name@resourceVersion", or a JSON list of them, served to starting containers and mounts as it was. */
  freezeSecret: `${prefix}freeze-secret`,
  /** Node, written by the process node: the value of freezeSecret that it obeys by now. */
  frozenSecret: `${prefix}frozen-secret`,
  /** Pod: each start of a container, with all it reads for it, happens that much later. */
  startDelay: `${prefix}start-delay`,
  /** Pod: a container has read its environment, but its process starts that much later. */
  stallStart: `${prefix}stall-start`,
  /** Pod: SIGKILL to each container, once that long after its first start. */
  crashAfter: `${prefix}crash-after`,
  /** Pod: SIGKILL to each container, once per value; if it is not running, as soon as it is. */
  crashNow: `${prefix}crash-now`,
  /** Pod: after deletion the process hears nothing for that long (but not longer than its grace period). */
  linger: `${prefix}linger`,
  /** Pod: "true" makes readiness probes fail at once. */
  notReady: `${prefix}not-ready`,
} as const;

/** The faults that a pod's annotations ask for; durations in milliseconds. */
export interface PodFaults {
  readonly startDelayMs: number;
  readonly stallStartMs: number;
  readonly crashAfterMs: number | undefined;
  readonly crashNow: string | undefined;
  readonly lingerMs: number;
  readonly notReady: boolean;
}

/** @throws Error for a duration that cannot be read */
export function podFaults(pod: Pod): PodFaults {
  const annotation = (name: keyof typeof faultAnnotations): string | undefined =>
    pod.metadata.annotations?.[faultAnnotations[name]];
  const crashAfter = annotation('crashAfter');
  return {
    startDelayMs: durationMs(annotation('startDelay') ?? '0s'),
    stallStartMs: durationMs(annotation('stallStart') ?? '0s'),
    crashAfterMs: crashAfter === undefined ? undefined : durationMs(crashAfter),
    crashNow: annotation('crashNow'),
    lingerMs: durationMs(annotation('linger') ?? '0s'),
    notReady: annotation('notReady') === 'true',
  };
}

/** One Secret to serve as it was; without a version as it is when the node sees the fault. */
export interface FrozenSecret {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string | undefined;
}

/** Reads the freeze-secret annotation of a Node. */
export function frozenSecrets(node: KubeObject): FrozenSecret[] {
  const text = node.metadata.annotations?.[faultAnnotations.freezeSecret] ?? '';
  const entries = text.startsWith('[')
    ? (JSON.parse(text) as string[])
    : text.split(',').filter((entry) => entry !== '');
  return entries.map((entry) => {
    const [, namespace, name, resourceVersion] = /^([^/@]+)\/([^/@]+)(?:@(\d+))?$/.exec(entry.trim()) ?? [];
    if (namespace === undefined || name === undefined) throw new Error(`not a Secret to freeze: ${entry}`);
    return { namespace, name, resourceVersion };
  });
}

/** @returns milliseconds */
export function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`not a duration: "${text}" (write 5s or 200ms)`);
  return Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
}

/** A Secret by its place. */
type SecretName = Pick<FrozenSecret, 'namespace' | 'name'>;

/**
 * Makes a node serve these Secrets as they are now to every container that
 * starts there, until `thawSecrets`. Resolves when the node obeys, so a Secret
 * changed after that is stale on this node for certain. What other tests have
 * frozen there stays so.
 */
export async function freezeSecrets(api: KubeApi, node: string, secrets: readonly SecretName[]): Promise<void> {
  const entries = await Promise.all(
    secrets.map(async ({ namespace, name }) => {
      const secret = await api.get({ kind: 'Secret', namespace, name });
      return `${namespace}/${name}@${secret.metadata.resourceVersion}`;
    }),
  );
  await setFrozen(api, node, secrets, entries);
}

/** Ends `freezeSecrets`; resolves when the node reads these Secrets fresh again. */
export async function thawSecrets(api: KubeApi, node: string, secrets: readonly SecretName[]): Promise<void> {
  await setFrozen(api, node, secrets, []);
}

/** @param entries what is frozen of these Secrets from now on */
async function setFrozen(
  api: KubeApi,
  name: string,
  secrets: readonly SecretName[],
  entries: readonly string[],
): Promise<void> {
  const ofOthers = (entry: string) =>
    !secrets.some((secret) => entry.startsWith(`${secret.namespace}/${secret.name}@`));
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 50) {
    const { metadata } = await api.get({ kind: 'Node', name });
    const listed = (annotation: string): readonly string[] => JSON.parse(metadata.annotations?.[annotation] ?? '[]');
    const isSet = (all: readonly string[]) =>
      isDeepStrictEqual(
        all.filter((entry) => !ofOthers(entry)),
        entries,
      );
    const asked = listed(faultAnnotations.freezeSecret);
    if (isSet(asked) && isSet(listed(faultAnnotations.frozenSecret))) return;
    if (!isSet(asked)) await askFor(api, metadata, [...asked.filter(ofOthers), ...entries]);
    await sleep(50);
  }
  throw new Error(`the node ${name} did not take the fault freeze-secret within 10 s: is its process node running?`);
}

/** Another test may ask for something else of the same node at the same time: whoever comes second looks again. */
async function askFor(
  api: KubeApi,
  { name, resourceVersion }: KubeObject['metadata'],
  entries: readonly string[],
): Promise<void> {
  const value = entries.length === 0 ? null : JSON.stringify(entries);
  const annotations = { [faultAnnotations.freezeSecret]: value };
  try {
    await api.patch({ kind: 'Node', name }, { metadata: { resourceVersion, annotations } });
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
  }
}

/** Sets (or with null removes) fault annotations on a running pod. */
export async function setPodFaults(
  api: KubeApi,
  pod: { readonly namespace: string; readonly name: string },
  faults: Partial<Record<keyof typeof faultAnnotations, string | null>>,
): Promise<void> {
  const annotations = Object.fromEntries(
    Object.entries(faults).map(([name, value]) => [faultAnnotations[name as keyof typeof faultAnnotations], value]),
  );
  await api.patch({ kind: 'Pod', ...pod }, { metadata: { annotations } });
}
