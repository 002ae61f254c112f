/**
 * A namespace of its own with the three services, a Secret, traffic and operators: what a test on the real API server
 * stands on. At its end everything that the operators said is searched for key bytes.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeApi } from '../cluster/kubeapi.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import type { Pod } from '../node/types.ts';
import { signToken } from '../traffic/tokens.ts';
import { startTraffic, type Traffic, type TrafficReport } from '../traffic/traffic.ts';
import { createNamespace, installOperator, letIn, letLead, letMark, operatorKubeconfig } from './install.ts';
import { type KeyRecorder, recordKeys } from './key-recorder.ts';
import { type OperatorOptions, type OperatorProcess, startOperator } from './operator.ts';
import { waitUntilReady } from './rotation.ts';
import { type Leak, scanForKeys } from './secrets-scan.ts';
import {
  createSecret,
  deployServices,
  type FleetOptions,
  rotationFor,
  SECRET_NAME,
  SERVICE_NAMES,
  type ServiceOptions,
  waitForServices,
} from './services.ts';
import { acceptingPods } from './verdicts.ts';
import { type PodWatch, watchPods } from './watchPods.ts';

/** Life of a token in a scene, seconds. Old keys drain in this and two more. */
export const TOKEN_TTL_SECONDS = 5;
/** A healthy small fleet: one pod of each verifier, two signers. */
const SMALL = { main: { replicas: 2 }, autoscraper: { replicas: 1 }, admin: { replicas: 1 } } as const;

/** Those of the manifests are in Node and Python, which take longer to start. */
const QUICK: ServiceOptions = { language: 'go' };

export interface SceneOptions {
  readonly fleet?: FleetOptions;
  /** Fields that replace those of the spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /**
   * Whether all is as users have it: services in the languages of the manifests, and the settle delay that the operator has by itself.
   * Default: services in Go, which start at once, and the settle delay that process nodes need.
   */
  readonly asShown?: boolean;
  /** Whether the targets read mounted files, and rekey may mark their pods. */
  readonly files?: boolean;
  /** Whether an operator runs from the start and the Secret is adopted before the test goes on. Default true. */
  readonly adopt?: boolean;
}

export interface Scene {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Of the resource and of the Secret. */
  readonly name: string;
  readonly pods: PodWatch;
  readonly keys: KeyRecorder;
  /** The key that was there before rekey. */
  readonly firstKey: string;
  readonly kubeconfig: string;
  operator(options?: Partial<OperatorOptions>): Promise<OperatorProcess>;
  /** Those that were started, oldest first. */
  operators(): readonly OperatorProcess[];
  traffic(tokensPerSecond?: number): Traffic;
  /** The services whose pods, Terminating ones aside, accept a token signed with this key, sorted, once per pod. */
  accepting(key: string): Promise<readonly string[]>;
  /** Ends everything. @returns where key bytes were found; must be empty */
  close(): Promise<readonly Leak[]>;
}

function isStaying({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined;
}

export async function openScene(
  cluster: Pick<ProvidedCluster, 'kubeconfig' | 'dir' | 'programs'>,
  options: SceneOptions = {},
): Promise<Scene> {
  const { fleet = {}, spec = {}, asShown = false, files = false, adopt = true } = options;
  const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
  const namespace = `scene-${randomUUID().slice(0, 8)}`;
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir, { recursive: true });
  await installOperator(api);
  await createNamespace(api, namespace);
  await Promise.all([letIn(api, namespace, SECRET_NAME), letLead(api, namespace)]);
  if (files) await letMark(api, namespace);
  const keys = await recordKeys(api, namespace, SECRET_NAME);
  const firstKey = await createSecret(api, namespace);
  await deployServices(api, namespace, {
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    prestopSeconds: 0.5,
    ...fleet,
    services: Object.fromEntries(
      SERVICE_NAMES.map((name) => [name, { ...(!asShown && QUICK), ...(fleet.services?.[name] ?? SMALL[name]) }]),
    ),
  });
  const pods = await watchPods(api, namespace);
  await waitForServices(api, namespace);
  const times = { maxTokenTTL: `${TOKEN_TTL_SECONDS}s`, clockSkew: '1s', retire: { slack: '1s' } };
  await api.create(rotationFor({ namespace, files, spec: { ...times, ...spec } }));

  const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
  const logFile = join(dir, 'operator.log');
  const operators: OperatorProcess[] = [];
  const traffics: Traffic[] = [];
  const said: string[] = [];
  const scene: Scene = {
    api,
    namespace,
    name: SECRET_NAME,
    pods,
    keys,
    firstKey,
    kubeconfig,
    operator: async (more = {}) => {
      const started = await startOperator({
        program: cluster.programs?.operator,
        ...(asShown && { settleDelay: undefined }),
        kubeconfig,
        namespaces: [namespace],
        leaseNamespace: namespace,
        logFile,
        ...more,
      });
      operators.push(started);
      return started;
    },
    operators: () => [...operators],
    traffic: (tokensPerSecond = 4) => {
      const started = startTraffic({
        endpoints: pods.endpoints,
        tokensPerSecond,
        tokenTtlSeconds: TOKEN_TTL_SECONDS,
        issuers: ['main'],
      });
      traffics.push(started);
      return started;
    },
    accepting: async (key) => {
      const token = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
      // a watch may be behind, and show a pod that is on its way out as one that stays
      const staying = async () => {
        const { items } = await api.list<Pod>({ kind: 'Pod', namespace });
        const names = new Set(items.filter(isStaying).map(({ metadata }) => metadata.name));
        return pods.endpoints().filter(({ pod, terminating }) => !terminating && names.has(pod));
      };
      const accepted = await acceptingPods(staying, token);
      return accepted.map((pod) => pod.replace(/-[^-]+-[^-]+$/, '')).sort();
    },
    close: async () => {
      await Promise.all(traffics.map((traffic) => traffic.stop()));
      for (const operator of operators) said.push(await operator.metrics().catch(() => ''));
      await Promise.all(operators.map((operator) => operator.stop()));
      const [events, resources] = await Promise.all([
        api.raw({ path: `/apis/events.k8s.io/v1/namespaces/${namespace}/events` }),
        api.raw({ path: `/apis/rekey.dev/v1alpha1/namespaces/${namespace}/jwtkeyrotations` }),
      ]);
      const annotations =
        (await api.find({ kind: 'Secret', namespace, name: SECRET_NAME }))?.metadata.annotations ?? {};
      const log = { name: 'log', text: operators.length === 0 ? '' : readFileSync(logFile, 'utf8') };
      const metrics = { name: 'metrics', text: said.join('') };
      const told = { events, resources, annotations };
      const texts = Object.entries(told).map(([what, value]) => ({ name: what, text: JSON.stringify(value) }));
      const leaks = scanForKeys([log, metrics, ...texts], keys.keys());
      await Promise.all([keys.close(), pods.close()]);
      await api.delete({ kind: 'Namespace', name: namespace });
      await api.close();
      return leaks;
    },
  };
  if (adopt) {
    await scene.operator();
    await waitUntilReady(api, namespace, SECRET_NAME);
  }
  return scene;
}

/** Waits until every token of the traffic has been checked to its end. */
export async function settled(traffic: Traffic): Promise<TrafficReport> {
  await traffic.drain();
  return traffic.stop();
}
