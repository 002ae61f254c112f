import { expect, test } from 'vitest';
import type { JwtKeyRotation } from '../../src/rotation/api/names.ts';
import type { PodView } from '../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../src/rotation/workloads/workload-view.ts';
import { Store } from '../../src/runtime/store.ts';
import { wakeOnChange } from '../../src/wake.ts';
import type { WatchedCluster } from '../../src/watched-cluster.ts';

const NEIGHBOURS = 100;

/** A hundred resources in one namespace, and what is woken. */
function build() {
  const store = <T>() => new Store<T>({ onHandlerError: (error) => expect.fail(String(error)) });
  const workload = () => store<WorkloadView>();
  const cluster = {
    resources: store<JwtKeyRotation>(),
    workloads: {
      ...{ Deployment: workload(), StatefulSet: workload(), DaemonSet: workload() },
      ...{ Rollout: workload(), CronJob: workload(), Job: workload() },
    },
    pods: store<PodView>(),
  } satisfies Pick<WatchedCluster, 'resources' | 'workloads' | 'pods'>;
  let woken: string[] = [];
  wakeOnChange({ add: (key) => void woken.push(key) }, cluster);
  let version = 1;
  const put = <T extends object>(to: Store<T>, name: string, value: T) => {
    version += 1;
    to.take(
      { namespace: 'shop', name, resourceVersion: String(version) },
      { ...value, resourceVersion: String(version) },
    );
  };
  const resource = (name: string, targets: readonly object[], more: object = {}) => {
    version += 1;
    const metadata = { namespace: 'shop', name, resourceVersion: String(version) };
    const spec = { secretName: `jwt-${name}`, targets };
    cluster.resources.take(metadata, { metadata, spec, ...more } as unknown as JwtKeyRotation);
  };
  for (let i = 0; i < NEIGHBOURS; i += 1) resource(`r${i}`, [{ kind: 'Deployment', name: `app${i}` }]);
  const wakes = (change: () => void): readonly string[] => {
    woken = [];
    change();
    return woken.toSorted();
  };
  return { ...cluster.workloads, pods: cluster.pods, resources: cluster.resources, put, resource, wakes };
}

const view = (kind: string, name: string, more: object = {}) =>
  ({ namespace: 'shop', kind, name, reads: [], sources: [], ready: 0, ...more }) as unknown as WorkloadView;
const pod = (kind: string, owner: string, more: object = {}) =>
  ({
    namespace: 'shop',
    name: `${owner}-1`,
    owner: { kind, name: owner },
    reads: [],
    containers: [],
    ...more,
  }) as never;

test('a change of a target wakes its resource, and none of its hundred neighbours', () => {
  const { Deployment, put, wakes } = build();
  expect(wakes(() => put(Deployment, 'app7', view('Deployment', 'app7')))).toEqual(['shop/r7']);
  expect(wakes(() => put(Deployment, 'app7', view('Deployment', 'app7', { ready: 1 })))).toEqual(['shop/r7']);
  expect(wakes(() => put(Deployment, 'other', view('Deployment', 'other')))).toEqual([]);
});

test('a change that says nothing new wakes nobody', () => {
  const { Deployment, pods, put, wakes } = build();
  put(Deployment, 'app7', view('Deployment', 'app7', { ready: 1 }));
  expect(wakes(() => put(Deployment, 'app7', view('Deployment', 'app7', { ready: 1 })))).toEqual([]);
  put(pods, 'app7-1', pod('Deployment', 'app7'));
  expect(wakes(() => put(pods, 'app7-1', pod('Deployment', 'app7')))).toEqual([]);
});

test('so does a change of its pods, and of whoever reads its Secret', () => {
  const { Deployment, pods, put, wakes } = build();
  const reads = [{ secret: 'jwt-r3' }];
  expect(wakes(() => put(pods, 'app7-1', pod('Deployment', 'app7')))).toEqual(['shop/r7']);
  expect(wakes(() => put(pods, 'stranger', pod('Pod', 'stranger', { reads })))).toEqual(['shop/r3']);
  expect(wakes(() => put(Deployment, 'stranger', view('Deployment', 'stranger', { reads })))).toEqual(['shop/r3']);
  const from = [{ name: 'app', from: [{ secret: 'jwt-r4', prefix: '' }] }];
  expect(wakes(() => put(Deployment, 'whole', view('Deployment', 'whole', { sources: from })))).toEqual(['shop/r4']);
});

test('who stops reading a Secret wakes its resource too', () => {
  const { Deployment, put, wakes } = build();
  put(Deployment, 'stranger', view('Deployment', 'stranger', { reads: [{ secret: 'jwt-r3' }] }));
  expect(wakes(() => put(Deployment, 'stranger', view('Deployment', 'stranger')))).toEqual(['shop/r3']);
});

test('a Deployment that gives a Rollout its template concerns whoever names the Rollout, and the other way round', () => {
  const { Deployment, Rollout, put, resource, wakes } = build();
  resource('byRollout', [{ kind: 'Rollout', name: 'web' }]);
  const rollout = { templateFrom: { kind: 'Deployment', name: 'app9' } };
  expect(wakes(() => put(Rollout, 'web', view('Rollout', 'web', { rollout })))).toEqual(['shop/byRollout', 'shop/r9']);
  expect(wakes(() => put(Deployment, 'app9', view('Deployment', 'app9')))).toEqual(['shop/byRollout', 'shop/r9']);
});

test('a Job and its pods concern whoever names the CronJob that started it', () => {
  const { Job, pods, put, resource, wakes } = build();
  resource('byCron', [{ kind: 'CronJob', name: 'nightly' }]);
  expect(wakes(() => put(Job, 'nightly-1', view('Job', 'nightly-1', { cronJob: 'nightly' })))).toEqual(['shop/byCron']);
  expect(wakes(() => put(pods, 'nightly-1-x', pod('Job', 'nightly-1')))).toEqual(['shop/byCron']);
});

test('a resource is woken by its own changes, but not by those that only the API server notes', () => {
  const { resource, resources, wakes } = build();
  const targets = [{ kind: 'Deployment', name: 'app7' }];
  expect(wakes(() => resource('r7', targets))).toEqual([]);
  expect(wakes(() => resource('r7', targets, { status: { phase: 'Steady' } }))).toEqual(['shop/r7']);
  expect(wakes(() => resource('r7', [{ kind: 'Deployment', name: 'moved' }]))).toEqual(['shop/r7']);
  const version = { namespace: 'shop', name: 'r7', resourceVersion: '999999' };
  const value = resources.get('shop/r7');
  expect(wakes(() => resources.upsert(version, { ...value, status: {} } as never, { quiet: true }))).toEqual([]);
});

test('a resource that has moved to other targets is found by those', () => {
  const { Deployment, put, resource, wakes } = build();
  resource('r7', [{ kind: 'Deployment', name: 'moved' }]);
  expect(wakes(() => put(Deployment, 'app7', view('Deployment', 'app7')))).toEqual([]);
  expect(wakes(() => put(Deployment, 'moved', view('Deployment', 'moved')))).toEqual(['shop/r7']);
});

test('once a resource is gone, others on its Secret are served, and nothing wakes it', () => {
  const { Deployment, resources, put, resource, wakes } = build();
  resource('twin', [{ kind: 'Deployment', name: 'app7' }], { spec: { secretName: 'jwt-r7', targets: [] } });
  const gone = { namespace: 'shop', name: 'r7', resourceVersion: '999999' };
  expect(wakes(() => resources.remove(gone))).toEqual(['shop/r7', 'shop/twin']);
  expect(wakes(() => put(Deployment, 'app7', view('Deployment', 'app7')))).toEqual([]);
});
