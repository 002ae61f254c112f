/**
 * One wave of restarts until all of it is proven, against `kubectl rollout restart` until the old pods are gone; and one write of
 * the Secret against `kubectl patch`. In pairs on one control plane, in an order that chance decides; the audit log is the clock.
 */
import { randomUUID } from 'node:crypto';
import { REQUEST } from '../src/rotation/api/names.ts';
import { runKubectl } from '../test/support/cluster/kubectl.ts';
import type { KubeObject } from '../test/support/cluster/kubeobject.ts';
import { callsIn, isWrite } from '../test/support/scenario/audit.ts';
import { createNamespace, letIn } from '../test/support/scenario/install.ts';
import { envFromSecret, rotationName, rotationOf, secretName, targetName } from '../test/support/scenario/single.ts';
import { until } from '../test/support/scenario/until.ts';
import { ownCalls } from './calls.ts';
import { annotate, inParallel, isReady, type Member, untilAll } from './fleet.ts';
import type { Figures } from './measures.ts';
import { PATHS, PORT, SERVED } from './served.ts';
import type { Stage } from './stage.ts';

const REPLICAS = 2;
const PATIENCE = { timeoutMs: 600_000, everyMs: 250 };
/** What the namespaces of tests ask of each pod. */
const RESTRICTED = {
  pod: { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } },
  container: { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
};
/** Tokens live so short that a rotation takes seconds. */
const TIMES = { maxTokenTTL: '1s', clockSkew: '1s' };

/** Seconds of one wave, and milliseconds of one write. */
interface Sample {
  readonly waveSeconds: number;
  readonly writeMs: number;
}

interface Pair {
  readonly ours: Sample;
  readonly kubectl: Sample;
}

/**
 * @param deployments how many share the key
 * @param pairs the first one warms up and does not count
 */
export async function wave(stage: Stage, deployments: number, pairs: number): Promise<Figures> {
  const member = await furnish(stage, deployments);
  const samples: Pair[] = [];
  for (let i = 0; i <= pairs; i += 1) {
    const byKubectl = () => waveByKubectl(stage, member, deployments);
    const byRekey = () => waveByRekey(stage, member, deployments);
    const first = Math.random() < 0.5 ? byRekey : byKubectl;
    const one = await first();
    const other = await (first === byRekey ? byKubectl : byRekey)();
    const pair = first === byRekey ? { ours: one, kubectl: other } : { ours: other, kubectl: one };
    process.stderr.write(`wave of ${deployments}${i === 0 ? ' (warm-up)' : ''}: ${JSON.stringify(pair)}\n`);
    if (i > 0) samples.push(pair);
  }
  await stage.api.delete({ kind: 'Namespace', name: member.namespace });
  return {
    ...besideKubectl('waveSeconds', ['kubectlSeconds', 'waveRatio'], samples),
    ...besideKubectl('writeMs', ['kubectlWriteMs', 'writeRatio'], samples),
  };
}

/** Of ours, and by these names of those of kubectl and of the ratios. */
function besideKubectl(
  measure: keyof Sample,
  [theirs, ratio]: readonly [string, string],
  samples: readonly Pair[],
): Figures {
  const of = (value: (pair: Pair) => number) => samples.map(value);
  return {
    ...spread(
      measure,
      of(({ ours }) => ours[measure]),
    ),
    ...spread(
      theirs,
      of(({ kubectl }) => kubectl[measure]),
    ),
    ...spread(
      ratio,
      of(({ ours, kubectl }) => ours[measure] / kubectl[measure]),
    ),
  };
}

/** The least, the median (of an even number, the greater of the two in the middle) and the most. */
function spread(name: string, values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (i: number) => Number((sorted[i] ?? Number.NaN).toFixed(3));
  return { [`${name}Min`]: at(0), [name]: at(Math.floor(sorted.length / 2)), [`${name}Max`]: at(sorted.length - 1) };
}

async function furnish({ api }: Stage, deployments: number): Promise<Member> {
  const member = { namespace: `wave-${deployments}-${randomUUID().slice(0, 6)}`, id: 'wave' };
  const { namespace, id } = member;
  await createNamespace(api, namespace);
  await letIn(api, namespace, secretName(id));
  const stringData = { JWT_SECRET_KEY: `${randomUUID()}${randomUUID()}`.replaceAll('-', '') };
  await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData } as KubeObject);
  const names = Array.from({ length: deployments }, (_, i) => targetName(`${id}-${i}`));
  await inParallel(names, (name) => api.create(deploymentOf(namespace, name, id)));
  await untilOnlyFresh(api, namespace, deployments, new Set());
  const targets = names.map((name) => ({ name, canary: { path: PATHS.verify, port: PORT } }));
  await api.create(rotationOf(namespace, rotationName(id), id, { ...TIMES, targets }));
  await untilAll(api, [member], 'it is taken over', (status) => isReady(status) && status.phase === 'Steady');
  return member;
}

function deploymentOf(namespace: string, name: string, id: string): KubeObject {
  const labels = { app: name };
  const readinessProbe = { httpGet: { path: PATHS.ready, port: PORT }, periodSeconds: 1 };
  const container = { name: 'app', image: SERVED, envFrom: envFromSecret(id), readinessProbe, ...RESTRICTED.container };
  const pod = { terminationGracePeriodSeconds: 5, ...RESTRICTED.pod, containers: [container] };
  const template = { metadata: { labels }, spec: pod };
  const spec = { replicas: REPLICAS, selector: { matchLabels: labels }, template };
  return { kind: 'Deployment', metadata: { namespace, name }, spec } as KubeObject;
}

interface PodObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Waits until all pods are ready and no earlier one is left. @returns their names */
async function untilOnlyFresh(
  api: Stage['api'],
  namespace: string,
  deployments: number,
  earlier: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  return until(
    'all pods are ready, and no earlier one is left',
    async () => {
      const { items } = await api.list<PodObject>({ kind: 'Pod', namespace });
      const names = new Set(items.map(({ metadata }) => metadata.name));
      const settled = items.every(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined &&
          !earlier.has(metadata.name) &&
          status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      );
      return settled && items.length === deployments * REPLICAS && names;
    },
    PATIENCE,
  );
}

/** A whole rotation. Its first wave is measured: from the first restart to the write that needs the proof of all pods. */
async function waveByRekey(stage: Stage, member: Member, deployments: number): Promise<Sample> {
  const { namespace, id } = member;
  const nonce = randomUUID();
  const from = Date.now();
  await annotate(stage.api, member, { [REQUEST.rotateAt]: nonce });
  await untilAll(
    stage.api,
    [member],
    'it has rotated',
    ({ lastHandledRotateAt, phase }) => lastHandledRotateAt === nonce && phase === 'Steady',
  );
  await untilOnlyFresh(stage.api, namespace, deployments, new Set());
  const all = callsIn(stage.auditLog, { namespace, since: from });
  const asked = all.find(
    ({ name, verb, resource }) => name === rotationName(id) && verb === 'patch' && resource === 'jwtkeyrotations',
  );
  const writes = ownCalls(stage.auditLog, from).filter((call) => call.namespace === namespace && isWrite(call));
  const staged = writes.find(({ resource }) => resource === 'secrets');
  const restarted = writes.find(({ resource }) => resource === 'deployments');
  const proven = writes.find(({ resource, at }) => resource === 'secrets' && at > (restarted?.at ?? Number.NaN));
  return {
    waveSeconds: ((proven?.at ?? Number.NaN) - (restarted?.at ?? Number.NaN)) / 1_000,
    writeMs: (staged?.answeredAt ?? Number.NaN) - (asked?.at ?? Number.NaN),
  };
}

/** From the first restart until `rollout status` is content and the last old pod is gone; and a write of the Secret by itself. */
async function waveByKubectl({ api, kubectl, auditLog }: Stage, member: Member, deployments: number): Promise<Sample> {
  const { namespace, id } = member;
  const run = async (...args: string[]) => {
    const { code, stderr } = await runKubectl(kubectl, ['--namespace', namespace, ...args]);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
  const patch = JSON.stringify({ metadata: { annotations: { 'bench.rekey.dev/at': String(Date.now()) } } });
  const startedAt = performance.now();
  await run('patch', 'secret', secretName(id), '--patch', patch);
  const writeMs = performance.now() - startedAt;

  const earlier = await untilOnlyFresh(api, namespace, deployments, new Set());
  const from = Date.now();
  await run('rollout', 'restart', 'deployment');
  await run('rollout', 'status', 'deployment', '--timeout=10m');
  const content = Date.now();
  await untilOnlyFresh(api, namespace, deployments, earlier);
  const calls = callsIn(auditLog, { namespace, since: from });
  const restarted = calls.find(({ resource, verb }) => resource === 'deployments' && verb === 'patch');
  const gone = calls.filter(({ resource, verb, user, name }) => {
    return resource === 'pods' && verb === 'delete' && user === 'process-node' && earlier.has(name);
  });
  const last = Math.max(content, ...gone.map(({ answeredAt }) => answeredAt));
  return { waveSeconds: (last - (restarted?.at ?? Number.NaN)) / 1_000, writeMs };
}
