/** Whose pod a pod is, when what takes the key in it started, and who uses the Secret unlisted. */
import { describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod } from '../../../../src/kube/types.ts';
import type { ForeignTime } from '../../../../src/rotation/keyset/foreign-times.ts';
import { podFacts } from '../../../../src/rotation/observe/pod-facts.ts';
import { cronJobView, jobView, withJobs } from '../../../../src/rotation/workloads/batch.ts';
import { isPodOf, unlistedConsumers } from '../../../../src/rotation/workloads/consumers.ts';
import { mayHaveStartedBefore, readUpTo, surelyStartedBefore } from '../../../../src/rotation/workloads/starts.ts';
import { podView } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';
import { deploymentView } from '../../../../src/rotation/workloads/workloads.ts';

const T0 = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();
const takesKey = { envFrom: [{ secretRef: { name: 'jwt' } }] };

interface PodOptions {
  readonly name?: string;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly labels?: Readonly<Record<string, string>>;
  readonly deletedAt?: string;
  readonly init?: readonly object[];
  readonly containers?: readonly object[];
  readonly initStatuses?: readonly ContainerStatus[];
  readonly statuses?: readonly ContainerStatus[];
}

const running = (name: string, startedAt: number, containerID = name): ContainerStatus => ({
  ...{ name, containerID, restartCount: 0, state: { running: { startedAt: at(startedAt) } } },
});

function podOf(options: PodOptions = {}): Pod {
  const { name = 'api-5d8-x', owner = { kind: 'ReplicaSet', name: 'api-5d8' }, deletedAt, init = [] } = options;
  const { labels = { app: 'api', 'pod-template-hash': '5d8' }, containers = [{ name: 'app', ...takesKey }] } = options;
  return {
    kind: 'Pod',
    metadata: {
      ...{ namespace: 'shop', name, uid: name, labels, creationTimestamp: at(0) },
      ownerReferences: [{ apiVersion: 'v1', uid: 'o', controller: true, ...owner }],
      ...(deletedAt !== undefined && { deletionTimestamp: deletedAt, deletionGracePeriodSeconds: 3_600 }),
    },
    spec: { nodeName: 'n', containers: containers as never, initContainers: init as never },
    status: {
      ...{ phase: 'Running', podIP: '10.0.0.1' },
      containerStatuses: options.statuses ?? [running('app', 1)],
      ...(options.initStatuses && { initContainerStatuses: options.initStatuses }),
    },
  };
}

function deployment(name: string, labels: Readonly<Record<string, string>>, uses = true): WorkloadView {
  return deploymentView({
    metadata: { namespace: 'shop', name, uid: name },
    spec: {
      selector: { matchLabels: labels },
      template: { spec: { containers: [{ name: 'app', ...(uses && takesKey) }] } },
    },
  } as never);
}

const PLACES = { secretName: 'jwt', dataKeys: ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'] };
const LAG = { settleMs: 10_000, clockSkewMs: 60_000 };
const OPTIONS = { ...LAG, probes: new Map(), allowLoopback: false, places: PLACES, foreign: [], now: T0 + 900_000 };
const TARGET = { kind: 'Deployment', name: 'api', roles: ['Verifier'], source: 'Env' } as const;
const factsOf = (options: PodOptions, clockKnown = true, foreign: readonly ForeignTime[] = []) =>
  podFacts({ ...OPTIONS, clockKnown, foreign }, TARGET, deployment('api', { app: 'api' }), podView(podOf(options)));

describe('what takes the key in a pod', () => {
  const sidecar = { name: 'proxy', restartPolicy: 'Always', ...takesKey };

  it('may be a sidecar among the init containers: its start counts, and a restart of it makes another pod of it', () => {
    const one = factsOf({ init: [sidecar], initStatuses: [running('proxy', 5)], statuses: [running('app', 9)] });
    expect(one).toMatchObject({ startedAt: T0 + 5_000, several: true });
    const again = factsOf({
      init: [sidecar],
      initStatuses: [running('proxy', 5, 'proxy-2')],
      statuses: [running('app', 9)],
    });
    expect(again.incarnation).not.toBe(one.incarnation);
  });

  it('keeps a Terminating pod alive as long as it runs, sidecars too', () => {
    const ended: ContainerStatus = { name: 'app', restartCount: 0, state: { terminated: { exitCode: 0 } } };
    const leaving = { init: [sidecar], statuses: [ended], deletedAt: at(3) };
    expect(podView(podOf({ ...leaving, initStatuses: [running('proxy', 5)] })).live).toBe(true);
    const gone: ContainerStatus = { ...ended, name: 'proxy' };
    expect(podView(podOf({ ...leaving, initStatuses: [gone] })).live).toBe(false);
  });

  it('may be an init container that has ended, and hands on what it took', () => {
    const ended: ContainerStatus = {
      name: 'init',
      restartCount: 0,
      state: { terminated: { exitCode: 0, startedAt: at(2) } },
    };
    const options = { init: [{ name: 'init', ...takesKey }], initStatuses: [ended], statuses: [running('app', 9)] };
    // nothing of it runs any more: who answers is the only one that holds the key
    expect(factsOf(options)).toMatchObject({ startedAt: T0 + 2_000 });
    expect(factsOf(options).several).toBeUndefined();
  });

  it('is not a container that takes no key: its starts do not matter', () => {
    const containers = [{ name: 'app', ...takesKey }, { name: 'log' }];
    const one = factsOf({ containers, statuses: [running('app', 9), running('log', 1)] });
    const two = factsOf({ containers, statuses: [running('app', 9), running('log', 50, 'log-2')] });
    expect([one.startedAt, two.startedAt]).toEqual([T0 + 9_000, T0 + 9_000]);
    expect(two.incarnation).toBe(one.incarnation);
    expect(two.several).toBeUndefined();
  });
});

describe('what a pod has read', () => {
  it('is known by its creation, and by the start of its containers less the allowed skew', () => {
    const lag = { settleMs: 10_000, clockSkewMs: 60_000 };
    expect(readUpTo({ createdAt: T0, startedAt: T0 + 3_000 }, lag)).toBe(T0 - 10_000);
    expect(readUpTo({ createdAt: T0, startedAt: T0 + 100_000 }, lag)).toBe(T0 + 30_000);
    expect(readUpTo({ createdAt: T0 }, lag)).toBe(T0 - 10_000);
  });

  it('is not known while the clock of the API server is not', () => {
    expect(factsOf({}, false)).not.toHaveProperty('readUpTo');
    expect(factsOf({}, true).readUpTo).toBe(T0 - 10_000);
  });

  it.each([
    [
      'an init container that has ended',
      { name: 'first', restartCount: 0, state: { terminated: { startedAt: at(1) } } },
    ],
    ['a sidecar', running('first', 1)],
  ])('may be what stood in the Secret for a while, if one container started then, beside %s', (_, first) => {
    const foreign = { since: T0 + 300_000, until: T0 + 302_000, version: 1, dataKeys: [], fingerprints: ['fp-X'] };
    const init = [{ name: 'first', ...takesKey }];
    const before = { init, initStatuses: [first as ContainerStatus], statuses: [running('app', 2)] };
    const crashed = { ...before, statuses: [running('app', 301, 'app-2')] };
    expect(factsOf(before, true, [foreign])).not.toHaveProperty('foreign');
    expect(factsOf(crashed, true, [foreign])).toMatchObject({ foreign: [foreign] });
    expect(factsOf(crashed, false, [foreign])).not.toHaveProperty('foreign');
    // it starts later than now, but its node may still give it what stood there a moment ago
    const waiting = { name: 'app', restartCount: 1, state: {} } as ContainerStatus;
    const justNow = { ...foreign, since: T0 + 880_000, until: T0 + 890_000 };
    expect(factsOf({ ...before, statuses: [waiting] }, true, [foreign])).not.toHaveProperty('foreign');
    expect(factsOf({ ...before, statuses: [waiting] }, true, [justNow])).toMatchObject({ foreign: [justNow] });
    const mounted = podFacts(
      { ...OPTIONS, clockKnown: true, foreign: [foreign] },
      { ...TARGET, source: 'File' },
      deployment('api', { app: 'api' }),
      podView(podOf(crashed)),
    );
    expect(mounted).not.toHaveProperty('foreign');
  });

  it('surely began before a time if both clocks say so, and may have if neither excludes it', () => {
    const start = { createdAt: T0, startedAt: T0 + 2_000 };
    expect([61, 63].map((s) => surelyStartedBefore(start, T0 + s * 1_000, 60_000))).toEqual([false, true]);
    expect([0, 1].map((s) => mayHaveStartedBefore(start, T0 + s * 1_000, 60_000))).toEqual([false, true]);
  });
});

describe('a pod belongs to', () => {
  it('what controls it, and labels alone make no owner', () => {
    const api = deployment('api', { app: 'api' });
    expect(isPodOf(podView(podOf()), api)).toBe(true);
    const job = podOf({ owner: { kind: 'Job', name: 'api-5d8' } });
    expect(isPodOf(podView(job), api)).toBe(false);
    // a Deployment whose name begins in the same way
    const other = podOf({ owner: { kind: 'ReplicaSet', name: 'api-admin-5d8' } });
    expect([isPodOf(podView(other), api), podView(other).owner]).toEqual([
      false,
      { kind: 'Deployment', name: 'api-admin' },
    ]);
  });
});

describe('who uses the Secret and is no target', () => {
  const listing = (workloads: readonly WorkloadView[], pods: readonly Pod[]) => {
    const listed = <T>(items: readonly T[]) => ({ list: () => items });
    const none = listed<WorkloadView>([]);
    const of = (kind: string) => listed(workloads.filter((workload) => workload.kind === kind));
    return unlistedConsumers(
      {
        workloads: {
          ...{ Deployment: of('Deployment'), StatefulSet: none, DaemonSet: none, Rollout: none },
          ...{ CronJob: of('CronJob'), Job: of('Job') },
        },
        pods: listed(pods.map(podView)),
      },
      'shop',
      PLACES,
      [{ kind: 'Deployment', name: 'api' }],
    );
  };
  const api = deployment('api', { app: 'api' });

  it.each([
    [
      'a Job whose pod has the labels of a Deployment that uses nothing',
      [api, deployment('web', { app: 'web' }, false)],
      podOf({ name: 'j', owner: { kind: 'Job', name: 'backup' }, labels: { app: 'web' } }),
      'Pod/j (of Job/backup)',
    ],
    [
      'a Terminating pod of a signer that was removed',
      [api],
      podOf({ name: 's', owner: { kind: 'ReplicaSet', name: 'old-5d8' }, deletedAt: at(9) }),
      'Pod/s (of Deployment/old, Terminating)',
    ],
    [
      'an old pod of a Deployment whose template has let go of the Secret',
      [api, deployment('web', { app: 'api' }, false)],
      podOf({ name: 'w', owner: { kind: 'ReplicaSet', name: 'web-5d8' } }),
      'Pod/w (of Deployment/web)',
    ],
  ] as const)('is %s', (_, workloads, pod, expected) => {
    expect(listing([...workloads], [pod, podOf()])).toEqual([expected]);
  });

  const spec = (reads = true) => ({ template: { spec: { containers: [{ name: 'app', ...(reads && takesKey) }] } } });
  const cronJob = (reads = true) =>
    cronJobView({
      metadata: { namespace: 'shop', name: 'report', uid: 'c' },
      spec: { jobTemplate: { spec: spec(reads) } },
    } as never);
  const run = (name: string, more: object = {}, owner?: string) => {
    const ownerReferences =
      owner === undefined ? [] : [{ apiVersion: 'batch/v1', kind: 'CronJob', name: owner, uid: 'c' }];
    return jobView({
      metadata: { namespace: 'shop', name, uid: name, ownerReferences },
      spec: spec(),
      ...more,
    } as never);
  };
  const over = { status: { conditions: [{ type: 'Complete', status: 'True' }] } };
  it.each<readonly [string, readonly WorkloadView[], readonly string[], readonly string[]]>([
    ['a CronJob between its runs', [cronJob()], [], ['CronJob/report']],
    [
      "a CronJob once, with its run and that one's pod",
      [cronJob(), run('report-1', {}, 'report')],
      ['report-1'],
      ['CronJob/report'],
    ],
    ['no CronJob that takes something else', [cronJob(false)], [], []],
    ['a Job', [run('import')], ['import'], ['Job/import']],
    ['no Job that has ended', [run('import', over)], [], []],
  ])('is %s', (_, workloads, pods, expected) => {
    const running = pods.map((name) => podOf({ name: `${name}-x`, owner: { kind: 'Job', name }, labels: {} }));
    expect(listing([api, ...workloads], running)).toEqual(expected);
  });

  const env = (key: string) => [{ name: 'X', valueFrom: { secretKeyRef: { name: 'jwt', key } } }];
  const mounted = (volume: object, mount: object = {}) => ({
    containers: [{ name: 'app', volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }],
    volumes: [{ name: 'v', ...volume }],
  });
  const items = [{ key: 'SMTP_PASSWORD', path: 'smtp' }];
  it.each<readonly [string, object, boolean]>([
    ['one of its other values', { containers: [{ name: 'app', env: env('SMTP_PASSWORD') }] }, false],
    ['the key', { containers: [{ name: 'app', env: env('JWT_SECRET_KEY') }] }, true],
    [
      'a fallback in an init container',
      { containers: [], initContainers: [{ name: 'i', env: env('JWT_SECRET_KEY_FALLBACKS') }] },
      true,
    ],
    [
      'all of it under a prefix',
      { containers: [{ name: 'app', envFrom: [{ prefix: 'A_', secretRef: { name: 'jwt' } }] }] },
      true,
    ],
    ['all of another', { containers: [{ name: 'app', envFrom: [{ secretRef: { name: 'other' } }] }] }, false],
    ['a volume of it', mounted({ secret: { secretName: 'jwt' } }), true],
    [
      'a volume that no container mounts',
      { containers: [{ name: 'app' }], volumes: [{ name: 'v', secret: { secretName: 'jwt' } }] },
      false,
    ],
    ['a volume with other items', mounted({ secret: { secretName: 'jwt', items } }), false],
    [
      'a projected volume with other items',
      mounted({ projected: { sources: [{ secret: { name: 'jwt', items } }] } }),
      false,
    ],
    ['a projected volume', mounted({ projected: { sources: [{ secret: { name: 'jwt' } }] } }), true],
    ['one file of it by subPath', mounted({ secret: { secretName: 'jwt' } }, { subPath: 'SMTP_PASSWORD' }), false],
    ['the file of the key by subPath', mounted({ secret: { secretName: 'jwt' } }, { subPath: 'JWT_SECRET_KEY' }), true],
    ['a file by an expression', mounted({ secret: { secretName: 'jwt' } }, { subPathExpr: '$(WHICH)' }), true],
  ])('reads %s', (_, spec, is) => {
    const template = { spec };
    const metadata = { namespace: 'shop', name: 'worker', uid: 'worker' };
    const worker = deploymentView({
      metadata,
      spec: { selector: { matchLabels: { app: 'worker' } }, template },
    } as never);
    expect(listing([api, worker], [])).toEqual(is ? ['Deployment/worker'] : []);
  });

  it('is no pod of a CronJob that is a target, whoever has started its run', () => {
    const report = withJobs(cronJob(), [run('report-1', {}, 'report'), run('import')]) as WorkloadView;
    const podIn = (name: string) => podView(podOf({ name, owner: { kind: 'Job', name }, labels: {} }));
    expect([isPodOf(podIn('report-1'), report), isPodOf(podIn('import'), report)]).toEqual([true, false]);
  });

  it('is named once, by its workload', () => {
    const worker = deployment('worker', { app: 'worker' });
    const pod = podOf({
      name: 'w',
      owner: { kind: 'ReplicaSet', name: 'worker-1' },
      labels: { app: 'worker', 'pod-template-hash': '1' },
    });
    expect(listing([api, worker], [pod, podOf()])).toEqual(['Deployment/worker']);
  });
});
