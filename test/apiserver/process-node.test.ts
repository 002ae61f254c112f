import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import type {} from '../support/cluster/provided.ts';
import { freezeSecrets, setPodFaults, thawSecrets } from '../support/node/faults.ts';
import type { ContainerSpec, Pod } from '../support/node/types.ts';
import { until } from '../support/scenario/until.ts';

/** The equipment itself: if a process node lies, every test that stands on it does. */
describe('a process node', () => {
  const cluster = inject('cluster');
  const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
  const [firstNode] = cluster.nodes;
  let namespace = '';

  beforeEach(async () => {
    namespace = `process-node-${crypto.randomUUID().slice(0, 8)}`;
    await api.create({ kind: 'Namespace', metadata: { name: namespace } });
    await until('the default ServiceAccount', () => api.find({ kind: 'ServiceAccount', namespace, name: 'default' }));
  });
  afterEach(() => api.delete({ kind: 'Namespace', name: namespace }));
  afterAll(() => api.close());

  it('makes a Deployment Available, each pod at its own address with its environment', async () => {
    await writeSecret({ KEY: 'one' });
    await api.create({
      kind: 'Deployment',
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [container({ envFrom: [{ secretRef: { name: 'keys' }, prefix: 'FROM_' }] })] },
        },
      },
    });
    await until('the Deployment is Available', async () => {
      const { status } = await api.get({ kind: 'Deployment', namespace, name: 'web' });
      return (status as { availableReplicas?: number }).availableReplicas === 2;
    });
    const { items } = await api.list<Pod>({ kind: 'Pod', namespace });
    expect(new Set(items.map((pod) => pod.status?.podIP)).size).toBe(2);
    for (const pod of items) {
      expect(await ask(pod, '/env/KEY')).toBe('one');
      expect(await ask(pod, '/env/FROM_KEY')).toBe('one');
      expect(await ask(pod, '/env/GREETING')).toBe(`one at ${pod.status?.podIP}`);
    }
  });

  it('runs a program of anybody, wherever it lies, as image rekey.dev/local', async () => {
    await writeSecret({ KEY: 'one' });
    const folder = join(import.meta.dirname, '../support/node/fixtures');
    const own = { image: 'rekey.dev/local:latest', command: ['node', 'http-server.ts'], workingDir: folder };
    const pod = await readyPod(await createPod({}, own));
    expect(await ask(pod, '/env/KEY')).toBe('one');
  });

  it('runs the service of docs/local-cluster.md, whose JwtKeyRotation the API server takes', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/local-cluster.md'), 'utf8');
    const [, manifest = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    const key = 'a-key-of-this-test-0123456789abcdef';
    await api.create({
      kind: 'Secret',
      metadata: { name: 'my-jwt', namespace },
      stringData: { JWT_SECRET_KEY: key },
    } as KubeObject);
    const service = join(import.meta.dirname, '../../examples/services/node');
    const own = manifest.replace('/home/you/api', service).replace('server.js', 'server.ts');
    expect(own).not.toBe(manifest);
    await api.apply(own.replaceAll('namespace: shop', `namespace: ${namespace}`), namespace);
    await until('the Deployment is Available', async () => {
      const { status } = await api.get({ kind: 'Deployment', namespace, name: 'api' });
      return (status as { availableReplicas?: number }).availableReplicas === 2;
    });
    expect(await api.find({ kind: 'JwtKeyRotation', namespace, name: 'my-jwt' })).toBeDefined();
  });

  it('reads the Secret anew when a crashed container starts again', async () => {
    await writeSecret({ KEY: 'one' });
    const before = await readyPod(await createPod());
    await writeSecret({ KEY: 'two' });
    expect(await ask(before, '/env/KEY')).toBe('one');

    await setPodFaults(api, { namespace, name: 'web' }, { crashNow: '1' });
    const after = await readyPod(before, 1);

    expect(await ask(after, '/env/KEY')).toBe('two');
    const [old, fresh] = [before, after].map((pod) => pod.status?.containerStatuses?.[0]);
    expect(fresh?.containerID).not.toBe(old?.containerID);
    expect(fresh?.lastState.terminated).toMatchObject({ exitCode: 137, containerID: old?.containerID });
  });

  it('serves a frozen Secret as it was, also to a pod that was created after the change', async () => {
    const node = firstNode!.name;
    await writeSecret({ KEY: 'one' });
    const keys = [{ namespace, name: 'keys' }];
    await freezeSecrets(api, node, keys);
    try {
      await writeSecret({ KEY: 'two' });
      const stale = await readyPod(await createPod({ nodeName: node }));
      expect(await ask(stale, '/env/KEY')).toBe('one');
      await thawSecrets(api, node, keys);
      await setPodFaults(api, { namespace, name: 'web' }, { crashNow: '1' });
      expect(await ask(await readyPod(stale, 1), '/env/KEY')).toBe('two');
    } finally {
      await thawSecrets(api, node, keys);
    }
  });

  it('lets a deleted pod finish within its grace period and leaves no process', async () => {
    await writeSecret({ KEY: 'one' });
    const pod = await readyPod(await createPod({}, { env: [{ name: 'STOP_AFTER_MS', value: '600000' }] }));
    const pid = Number(await ask(pod, '/pid'));

    await api.delete({ kind: 'Pod', namespace, name: 'web' }, { gracePeriodSeconds: 600 });
    await until('the process is told', async () => logsOf(pod).includes('SIGTERM'));
    expect(isAlive(pid)).toBe(true);
    expect((await api.get<Pod>({ kind: 'Pod', namespace, name: 'web' })).metadata.deletionTimestamp).toBeDefined();

    await fetch(`http://${pod.status?.podIP}:8080/finish`, { method: 'POST' });
    await until('the pod is gone', isGone);
    expect(isAlive(pid)).toBe(false);
  });

  it('kills a process that ignores its deletion when the grace period is over, or shortened', async () => {
    await writeSecret({ KEY: 'one' });
    const env = [{ name: 'STOP_AFTER_MS', value: '600000' }];
    const pod = await readyPod(await createPod({ terminationGracePeriodSeconds: 600 }, { env }));
    const pid = Number(await ask(pod, '/pid'));
    await api.delete({ kind: 'Pod', namespace, name: 'web' });
    await until('the process is told', async () => logsOf(pod).includes('SIGTERM'));
    expect(isAlive(pid)).toBe(true);
    await api.delete({ kind: 'Pod', namespace, name: 'web' }, { gracePeriodSeconds: 1 });
    await until('the pod is gone', isGone);
    expect(isAlive(pid)).toBe(false);
  });

  it('kills a pod that was deleted by force', async () => {
    await writeSecret({ KEY: 'one' });
    const env = [{ name: 'STOP_AFTER_MS', value: '600000' }];
    const pid = Number(await ask(await readyPod(await createPod({}, { env })), '/pid'));
    await api.delete({ kind: 'Pod', namespace, name: 'web' }, { gracePeriodSeconds: 0 });
    await until('the process is gone', async () => !isAlive(pid));
  });

  it('lingers on command: the process of a deleted pod serves on before it hears SIGTERM', async () => {
    await writeSecret({ KEY: 'one' });
    const pod = await readyPod(await createPod());
    await setPodFaults(api, { namespace, name: 'web' }, { linger: '10m' });
    await api.delete({ kind: 'Pod', namespace, name: 'web' }, { gracePeriodSeconds: 900 });
    await sleep(600);
    expect(await ask(pod, '/env/KEY')).toBe('one');
    expect(logsOf(pod)).not.toContain('SIGTERM');
    await api.delete({ kind: 'Pod', namespace, name: 'web' }, { gracePeriodSeconds: 0 });
    await until('the pod is gone', isGone);

    const short = await readyPod(await createPod());
    await setPodFaults(api, { namespace, name: 'web' }, { linger: '1s' });
    await api.delete({ kind: 'Pod', namespace, name: 'web' });
    await until('the pod is gone', isGone);
    expect(logsOf(short)).toContain('SIGTERM');
  });

  it('refreshes a mounted Secret in one step, but not a subPath', async () => {
    await writeSecret({ KEY: 'one' });
    const volumes = [{ name: 'keys', secret: { secretName: 'keys' } }];
    const volumeMounts = [
      { name: 'keys', mountPath: '/etc/keys' },
      { name: 'keys', mountPath: '/etc/pinned', subPath: 'KEY' },
    ];
    const pod = await readyPod(await createPod({ volumes }, { volumeMounts }));
    expect(await ask(pod, '/file/etc/keys/KEY')).toBe('one');
    await writeSecret({ KEY: 'two' });
    await until('the file is new', async () => (await ask(pod, '/file/etc/keys/KEY')) === 'two');
    expect(await ask(pod, '/file/etc/pinned')).toBe('one');
  });

  it('reports a pod unready on command and when its probe fails', async () => {
    await writeSecret({ KEY: 'one' });
    const pod = await readyPod(await createPod());
    await setPodFaults(api, { namespace, name: 'web' }, { notReady: 'true' });
    await until('the pod is not ready', async () => !isReady(await getPod()));
    await setPodFaults(api, { namespace, name: 'web' }, { notReady: null });
    await until('the pod is ready', async () => isReady(await getPod()));
    await fetch(`http://${pod.status?.podIP}:8080/ready/false`, { method: 'POST' });
    await until('the pod is not ready', async () => !isReady(await getPod()));
    expect((await getPod()).status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it('says what is missing and starts when it is there', async () => {
    await createPod();
    const reason = async (): Promise<string | undefined> =>
      (await getPod()).status?.containerStatuses?.[0]?.state.waiting?.reason;
    await until('CreateContainerConfigError', async () => (await reason()) === 'CreateContainerConfigError');
    await writeSecret({ KEY: 'late' });
    expect(await ask(await readyPod(await getPod()), '/env/KEY')).toBe('late');
  });

  function container(more: Partial<ContainerSpec> = {}): ContainerSpec {
    return {
      name: 'web',
      image: 'rekey.dev/test-http:1',
      ports: [{ name: 'http', containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
      ...more,
      env: [
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'KEY' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'GREETING', value: '$(KEY) at $(IP)' },
        ...(more.env ?? []),
      ],
    };
  }

  async function writeSecret(values: Record<string, string>): Promise<void> {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace }, stringData: values };
    await api.patch({ kind: 'Secret', namespace, name: 'keys' }, secret, 'apply');
  }

  function createPod(spec: Record<string, unknown> = {}, more: Partial<ContainerSpec> = {}): Promise<Pod> {
    const metadata = { name: 'web', namespace };
    return api.create<Pod>({ kind: 'Pod', metadata, spec: { containers: [container(more)], ...spec } });
  }

  function getPod(): Promise<Pod> {
    return api.get<Pod>({ kind: 'Pod', namespace, name: 'web' });
  }

  async function isGone(): Promise<boolean> {
    return (await api.find({ kind: 'Pod', namespace, name: 'web' })) === undefined;
  }

  async function readyPod(pod: Pod, restarts = 0): Promise<Pod> {
    let found = pod;
    await until(`the pod is ready after ${restarts} restarts`, async () => {
      found = await api.get<Pod>({ kind: 'Pod', namespace, name: pod.metadata.name });
      return isReady(found) && found.status?.containerStatuses?.[0]?.restartCount === restarts;
    });
    return found;
  }

  function logsOf(pod: Pod): string {
    const node = cluster.nodes.find(({ name }) => name === pod.spec.nodeName);
    return readFileSync(join(node!.dir, 'pods', `${namespace}_${pod.metadata.name}`, 'web.log'), 'utf8');
  }
});

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

async function ask(pod: Pod, path: string): Promise<string> {
  return (await fetch(`http://${pod.status?.podIP}:8080${path}`)).text();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
