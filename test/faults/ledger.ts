/**
 * What every container really holds: each one is asked, with tokens signed by every key that the Secret ever had, what it
 * accepts, and a signer for a token, whose key is then known. A container's environment is fixed when it starts, so the
 * answer holds for its whole life. What reads mounted files is asked without end: see reloads.ts.
 */
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { follow } from '../support/cluster/follow.ts';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import type { Pod } from '../support/node/types.ts';
import { serviceClient } from '../support/traffic/client.ts';
import type { PodEndpoint } from '../support/traffic/endpoints.ts';
import { kubernetesEndpoints } from '../support/traffic/kubernetesEndpoints.ts';
import { signToken } from '../support/traffic/tokens.ts';
import type { Fleet } from './fleet.ts';
import type { SecretHistory } from './history.ts';
import { type Life, newLife } from './life.ts';
import { followFiles, type Interview, type Said } from './reloads.ts';

export interface Ledger {
  readonly lives: readonly Life[];
  /** Forgets the dead. */
  restart(): void;
  pods(): readonly Pod[];
  endpoints(): readonly PodEndpoint[];
  /** Resolves when every life has answered for every key of the moment, or cannot any more. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const ASK_EVERY_MS = 60;
const ASK_FILES_EVERY_MS = 200;

export async function keepLedger(
  api: KubeApi,
  namespace: string,
  history: SecretHistory,
  fleet: Fleet,
): Promise<Ledger> {
  const known = new Map<string, Pod>();
  const lives: Life[] = [];
  const asking = new Set<Promise<void>>();
  const following = new Set<Promise<void>>();
  const client = serviceClient();
  const ends = new AbortController();
  const listed = Promise.withResolvers<void>();
  let endpoints: readonly PodEndpoint[] = [];

  const ask = async (life: Life, uid: string): Promise<void> => {
    const open = (): readonly string[] =>
      history.keys().filter((key) => key !== '' && !life.accepts.has(key) && !life.refuses.has(key));
    while (life.until === undefined && !ends.signal.aborted) {
      const url = endpoints.find((endpoint) => endpoint.uid === uid)?.url;
      if (url !== undefined && life.signs === undefined && life.service === 'main') {
        const token = await client.issue(url, 2);
        if (token !== undefined) life.signs = history.keys().find((key) => isSignedBy(token, key));
      }
      for (const key of url === undefined ? [] : open()) {
        const token = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
        const { outcome } = await client.verify(url ?? '', token);
        if (outcome === 'unavailable') break;
        (outcome === 'accepted' ? life.accepts : life.refuses).add(key);
      }
      const done = open().length === 0 && (life.signs !== undefined || life.service !== 'main');
      if (done && url !== undefined) return;
      await sleep(ASK_EVERY_MS);
    }
  };
  const askOnce = async (service: string, uid: string): Promise<Said | undefined> => {
    const url = endpoints.find((endpoint) => endpoint.uid === uid)?.url;
    if (url === undefined) return undefined;
    const token = service === 'main' ? await client.issue(url, 2) : undefined;
    const answers = new Map<string, string>();
    for (const key of history.keys().filter((one) => one !== '')) {
      const canary = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
      answers.set(key, (await client.verify(url, canary)).outcome);
    }
    const those = (outcome: string): ReadonlySet<string> =>
      new Set([...answers].flatMap(([key, answer]) => (answer === outcome ? [key] : [])));
    const signs = token === undefined ? undefined : history.keys().find((key) => isSignedBy(token, key));
    return { accepts: those('accepted'), refuses: those('refused'), signs };
  };
  const interview = (uid: string): Interview => ({
    ask: () => askOnce(known.get(uid)?.metadata.labels?.app ?? '', uid),
    version: () => history.latest()?.resourceVersion ?? 0n,
    isOver: () => ends.signal.aborted,
    pause: () => sleep(ASK_FILES_EVERY_MS),
    reloaded: (life, { version, at }, from) => {
      life.until = version;
      life.endedAt = at;
      const next = newLife(life, from);
      lives.push(next);
      return next;
    },
  });
  const start = (life: Life, uid: string): void => {
    const tasks = fleet === 'files' ? following : asking;
    const task = (fleet === 'files' ? followFiles(life, interview(uid)) : ask(life, uid)).finally(() =>
      tasks.delete(task),
    );
    tasks.add(task);
  };
  const end = (life: Life, resourceVersion: bigint): void => {
    life.until = resourceVersion;
    life.endedAt = Date.now();
  };
  const alive = (pod: string): Life | undefined => lives.find((life) => life.pod === pod && life.until === undefined);
  const change = (pod: Pod): void => {
    const uid = String(pod.metadata.uid);
    known.set(uid, pod);
    endpoints = kubernetesEndpoints([...known.values()]);
    const version = BigInt(String(pod.metadata.resourceVersion));
    const status = pod.status?.containerStatuses?.[0];
    const before = alive(pod.metadata.name);
    const runs = status?.state.running !== undefined;
    if (before !== undefined && (!runs || status?.containerID !== before.container)) end(before, version);
    if (!runs || alive(pod.metadata.name) !== undefined) return;
    const of = {
      pod: pod.metadata.name,
      service: pod.metadata.labels?.app ?? '',
      container: status?.containerID ?? '',
    };
    const life = newLife(of, version, Date.parse(status?.state.running?.startedAt ?? ''));
    lives.push(life);
    start(life, uid);
  };
  const remove = (pod: Pod): void => {
    const life = alive(pod.metadata.name);
    if (life !== undefined) end(life, BigInt(String(pod.metadata.resourceVersion)));
    known.delete(String(pod.metadata.uid));
    endpoints = kubernetesEndpoints([...known.values()]);
  };
  const uidOf = (name: string): string | undefined =>
    [...known.values()].find((pod) => pod.metadata.name === name)?.metadata.uid;
  const forget = history.onRecord(() => {
    for (const life of fleet === 'files' ? [] : lives) {
      const uid = life.until === undefined ? uidOf(life.pod) : undefined;
      if (uid !== undefined) start(life, uid);
    }
  });
  const task = follow<Pod>(
    api,
    { kind: 'Pod', namespace },
    {
      onList: (pods) => {
        const present = new Set(pods.map(({ metadata }) => metadata.uid));
        for (const [uid, pod] of known) if (!present.has(uid)) remove(pod);
        pods.forEach(change);
        listed.resolve();
      },
      onChange: change,
      onDelete: remove,
    },
    ends.signal,
  );
  await listed.promise;
  return {
    lives,
    restart: () => {
      const living = lives.filter(({ until }) => until === undefined);
      lives.splice(0, lives.length, ...living);
    },
    pods: () => [...known.values()],
    endpoints: () => endpoints,
    settled: async () => {
      if (fleet === 'files') await sleep(5 * ASK_FILES_EVERY_MS);
      const limit = sleep(5_000, undefined, { ref: false });
      while (asking.size > 0 && (await Promise.race([Promise.all(asking).then(() => true), limit.then(() => false)])));
    },
    close: async () => {
      forget();
      ends.abort();
      await Promise.all([task, ...asking, ...following]);
      await client.close();
    },
  };
}

/** @returns whether the HMAC of a token is that of this key */
export function isSignedBy(token: string, key: string): boolean {
  const end = token.lastIndexOf('.');
  return createHmac('sha256', key).update(token.slice(0, end)).digest('base64url') === token.slice(end + 1);
}
