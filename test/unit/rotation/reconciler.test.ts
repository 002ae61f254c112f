/** What one pass leaves for the next one, and what it must not. */
import { expect, it } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { SECRETS } from '../../../src/kube/types.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import { EMPTY_LEDGER } from '../../../src/rotation/keyset/ledger.ts';
import { Reconciler, type ReconcilerOptions } from '../../../src/rotation/reconciler.ts';
import { Store } from '../../../src/runtime/store.ts';
import { FakeClock } from '../runtime/fake-clock.ts';
import { fakeLog } from '../runtime/fake-log.ts';
import { SPEC } from './spec.ts';

const KEY = 'shop/jwt';

function build() {
  const clock = new FakeClock();
  const resources = new Store<JwtKeyRotation>({ onHandlerError: () => undefined });
  const forgotten: string[] = [];
  const forgets = (who: string) => () => void forgotten.push(who);
  const read: string[] = [];
  /** Happens while a pass is under way. */
  const meanwhile: (() => void)[] = [];
  let version = 1;
  const has = (uid: string, secretName: string) => {
    version += 1;
    const metadata = { namespace: 'shop', name: 'jwt', uid, resourceVersion: String(version), generation: version };
    const resource = { apiVersion: '', kind: '', metadata, spec: { ...SPEC, secretName } } as unknown as JwtKeyRotation;
    resources.replaceAll([{ version: metadata, value: resource }], String(version), { mayGoBack: true });
  };
  const get = async (type: unknown, { name }: { readonly name: string }) => {
    if (type !== SECRETS) throw new Error('only Secrets are read');
    read.push(name);
    return { metadata: { namespace: 'shop', name, resourceVersion: '7' }, data: { JWT_SECRET_KEY: '' } };
  };
  const nothing = () => new Store<never>({ onHandlerError: () => undefined });
  const [Deployment, StatefulSet, DaemonSet] = [nothing(), nothing(), nothing()];
  const workloads = { Deployment, StatefulSet, DaemonSet, Rollout: nothing(), CronJob: nothing(), Job: nothing() };
  const time = () => ({ earliest: clock.now(), latest: clock.now() });
  const options = {
    ...{ client: { get } as unknown as KubeClient, clock, log: fakeLog(), resources },
    caches: { workloads, pods: nothing(), availability: () => 'Absent' },
    secrets: { watch: () => true, version: async () => '7', unwatch: forgets('watch') },
    actor: {},
    podChecks: { observed: () => ({ checks: {} }), forgot: forgets('checks') },
    status: { isBehind: () => false, write: async () => ({}), forget: forgets('status') },
    announcer: {
      ...{ begins: () => undefined, decided: () => meanwhile.shift()?.(), statusFailed: () => undefined },
      ...{ refused: () => undefined, forgot: forgets('announced') },
    },
    notifier: { observed: () => [], forgot: forgets('notified') },
    audit: {
      ledgerOf: async () => ({ ledger: EMPTY_LEDGER }),
      ...{ observed: () => undefined, forgot: forgets('account') },
    },
    ...{ fence: () => undefined, allowLoopback: false, settleMs: 0, serverClock: { time, offsetMs: () => 0 } },
  } as unknown as ReconcilerOptions;
  const reconciler = new Reconciler(options);
  return { has, read, forgotten, meanwhile, pass: () => reconciler.reconcile(KEY, fakeLog()) };
}

const ALL = ['account', 'announced', 'checks', 'notified', 'status', 'watch'];

it('a resource that stays inherits what was learnt of it', async () => {
  const { has, read, forgotten, pass } = build();
  has('a', 'jwt');
  await pass();
  has('a', 'jwt');
  await pass();
  expect([read, forgotten]).toEqual([['jwt'], []]);
});

it.each([
  ['another resource of the same name', 'b', 'jwt'],
  ['another resource, with another Secret', 'b', 'jwt-2'],
  ['the same resource, with another Secret', 'a', 'jwt-2'],
])('%s inherits nothing', async (_, uid, secretName) => {
  const { has, read, forgotten, pass } = build();
  has('a', 'jwt');
  await pass();
  has(uid, secretName);
  await pass();
  expect(read).toEqual(['jwt', secretName]);
  expect(forgotten.toSorted()).toEqual(ALL);
  await pass();
  expect([read.length, forgotten.length]).toEqual([2, ALL.length]);
});

it('what a pass learns while its resource is replaced does not go to the successor', async () => {
  const { has, read, forgotten, meanwhile, pass } = build();
  has('a', 'jwt');
  meanwhile.push(() => has('b', 'jwt'));
  await pass();
  await pass();
  expect(read).toEqual(['jwt', 'jwt']);
  expect(forgotten.toSorted()).toEqual(ALL);
});
