/**
 * What the planner cannot show: the effects, by the production classes over a mini cluster. Each check throws with the
 * oracle that it stands for.
 */
import type { Secret } from '../../src/kube/types.ts';
import { currentShape, type Keyset } from '../../src/rotation/keyset/keyset.ts';
import { incarnationOf } from '../../src/rotation/observe/pod-facts.ts';
import { readSecret } from '../../src/rotation/secret/secret.ts';
import { podView } from '../../src/rotation/workloads/views.ts';
import { type Change, MiniCluster } from './cluster.ts';
import { DRAIN_MS, MiniOperator } from './operator.ts';

export type Check = () => Promise<void>;

const ROTATE = { 'rekey.dev/rotate-requested-at': '1' };
const names = {
  secretName: 'jwt',
  signingNames: ['JWT_SECRET_KEY'],
  fallbacksName: 'JWT_SECRET_KEY_FALLBACKS',
  previousName: '',
  jwksName: '',
  layouts: [],
};

function keysetOf({ secret }: { readonly secret: Secret }): Keyset | undefined {
  const reading = readSecret(secret, { ...names, algorithm: 'HS256' });
  return reading.kind === 'Managed' ? reading.keyset : undefined;
}

function ensure(oracle: string, holds: boolean, message: string): void {
  if (!holds) throw new Error(`${oracle}: ${message}`);
}

async function withCluster(run: (cluster: MiniCluster, operator: MiniOperator) => Promise<void>): Promise<void> {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  try {
    await run(cluster, operator);
  } finally {
    await operator.close();
  }
}

/** Passes until the condition holds; time goes on between them. */
async function pass(
  cluster: MiniCluster,
  operator: MiniOperator,
  until: () => boolean,
  annotations: Readonly<Record<string, string>> = ROTATE,
): Promise<boolean> {
  for (let passes = 0; passes < 60; passes += 1) {
    if (until()) return true;
    // what stands there at adoption counts as served
    const asked = keysetOf(cluster) === undefined ? {} : annotations;
    await operator.reconcile(asked).catch(() => undefined);
    const exit = keysetOf(cluster)?.keys.find(({ state }) => state === 'draining')?.lastSignerExit;
    const retireAt = exit === undefined ? 0 : exit + DRAIN_MS;
    cluster.now = Math.max(cluster.now + 1_500, retireAt);
  }
  return until();
}

const inPhase = (cluster: MiniCluster, phase: Keyset['phase']) => () => keysetOf(cluster)?.phase === phase;
const isDone = (cluster: MiniCluster) => () => keysetOf(cluster)?.rotation?.outcome === 'Completed';
const isSecret = ({ path }: Change) => path.includes('/secrets/');

/** The Deployments that were restarted, one entry a restart. */
const restarts = ({ changes }: MiniCluster) =>
  changes.filter(({ path }) => path.includes('/deployments/')).map(({ path }) => path.split('/').at(-1));

export const EFFECTS: Readonly<Record<string, Check>> = {
  /** A whole rotation: one new key, at most three restarts of a service. */
  rotation: () =>
    withCluster(async (cluster, operator) => {
      ensure('I14', await pass(cluster, operator, isDone(cluster)), 'the rotation does not end');
      ensure('I9', cluster.signed.size === 2, `the Secret has signed with ${cluster.signed.size} keys in one rotation`);
      const most = restarts(cluster).filter((name) => name === 'main').length;
      ensure('I14', most <= 3, `main was restarted ${most} times`);
    }),

  /** The answer to the stage write is lost. */
  answerLost: () =>
    withCluster(async (cluster, operator) => {
      await pass(cluster, operator, inPhase(cluster, 'Steady'));
      let lost = false;
      cluster.onChange = (change) => {
        if (lost || !isSecret(change)) return 'none';
        lost = true;
        return 'reset-after';
      };
      await pass(cluster, operator, inPhase(cluster, 'Staging'));
      ensure('I9', lost, 'no answer was lost');
      cluster.onChange = () => 'none';
      ensure('I14', await pass(cluster, operator, isDone(cluster)), 'the rotation does not end');
      const made = new Set(cluster.written.flatMap((secret) => keysetOf({ secret })?.rotation?.to ?? []));
      ensure('I9', made.size === 1, `${made.size} keys were written in one rotation`);
      ensure('I9', cluster.signed.size === 2, `the Secret has signed with ${cluster.signed.size} keys in one rotation`);
    }),

  /** A proxy has sent a write twice, and the answer is that of the second: it was done, and says Conflict. */
  doubled: () =>
    withCluster(async (cluster, operator) => {
      await pass(cluster, operator, inPhase(cluster, 'Steady'));
      let doubled = false;
      cluster.onChange = (change) => {
        if (doubled || !isSecret(change)) return 'none';
        doubled = true;
        return 'twice';
      };
      await pass(cluster, operator, inPhase(cluster, 'Staging'));
      ensure('I9', doubled, 'no request was doubled');
      cluster.onChange = () => 'none';
      ensure('I14', await pass(cluster, operator, isDone(cluster)), 'the rotation does not end');
      const made = new Set(cluster.written.flatMap((secret) => keysetOf({ secret })?.rotation?.to ?? []));
      ensure('I9', made.size === 1, `${made.size} keys were written in one rotation`);
      ensure('I9', cluster.signed.size === 2, `the Secret has signed with ${cluster.signed.size} keys in one rotation`);
    }),

  /** Somebody writes the Secret between the operator's last look and its write. */
  lostUpdate: () =>
    withCluster(async (cluster, operator) => {
      await pass(cluster, operator, inPhase(cluster, 'Steady'));
      const before = keysetOf(cluster)?.version;
      cluster.onChange = (change) => {
        if (isSecret(change)) cluster.touchSecret();
        return 'none';
      };
      await operator.reconcile(ROTATE).catch(() => undefined);
      await operator.reconcile(ROTATE).catch(() => undefined);
      ensure('I9', cluster.changes.some(isSecret), 'nothing was tried');
      ensure('I9', keysetOf(cluster)?.version === before, 'a write was not conditional on what was observed');
    }),

  /** A process that has lost its lease changes nothing, also if it learns of that in the middle of an effect. */
  fence: () =>
    withCluster(async (cluster, operator) => {
      for (const allowed of [0, 1]) {
        let asked = 0;
        operator.fence = () => {
          asked += 1;
          if (asked > allowed) throw new Error('the lease is lost');
        };
        const before = cluster.changes.length;
        await operator.reconcile(ROTATE).catch(() => undefined);
        ensure('L5', cluster.changes.length === before, 'an old leader has changed an object');
      }
    }),

  /** Whatever the status says, or that it says nothing, the writes are the same. */
  status: () =>
    withCluster(async (cluster, operator) => {
      await pass(cluster, operator, isDone(cluster));
      const { version } = keysetOf(cluster) ?? {};
      const { status } = operator;
      for (const lie of [
        undefined,
        { ...status, phase: 'Staging', lastHandledRotateAt: '0', keysetVersion: 1 },
      ] as const) {
        operator.status = lie;
        for (let i = 0; i < 3; i += 1) await operator.reconcile(ROTATE);
        ensure('I10', keysetOf(cluster)?.version === version, 'another status led to another write');
      }
      operator.status = { ...status, lastHandledRotateAt: '2' };
      operator.deaf = true;
      const staged = await pass(cluster, operator, inPhase(cluster, 'Staging'), {
        'rekey.dev/rotate-requested-at': '2',
      });
      ensure('I10', staged, 'a status that lies has hidden a request');
    }),

  /** A key that was aborted is not staged again. */
  abortedKey: () =>
    withCluster(async (cluster, operator) => {
      const fingerprint = () => keysetOf(cluster)?.keys.find(({ state }) => state === 'staged')?.fingerprint;
      await pass(cluster, operator, inPhase(cluster, 'Staging'));
      const first = fingerprint();
      const abort = { ...ROTATE, 'rekey.dev/abort-requested-at': '1' };
      await pass(cluster, operator, inPhase(cluster, 'Steady'), abort);
      await pass(cluster, operator, inPhase(cluster, 'Staging'), { ...abort, 'rekey.dev/rotate-requested-at': '2' });
      const second = fingerprint();
      ensure('I7', first !== undefined && second !== undefined, 'nothing was staged');
      ensure('I7', first !== second, 'the aborted key is staged again');
    }),

  /** What a container answered says nothing of the container after it. */
  incarnation: () =>
    withCluster(async (cluster) => {
      const object = cluster.pods[0]?.object;
      if (object === undefined) throw new Error('there is no pod');
      const [container] = object.status?.containerStatuses ?? [];
      const again = {
        name: 'app',
        restartCount: 1,
        containerID: 'c-2',
        ...(container?.state && { state: container.state }),
      };
      const restarted = { ...object, status: { ...object.status, containerStatuses: [again] } };
      const places = { secretName: 'jwt', dataKeys: [] };
      const same = incarnationOf(podView(object), places) === incarnationOf(podView(restarted), places);
      ensure('I4', !same, 'answers of a container are taken for answers of the next');
    }),

  /** All names are there after each write, and what is generated is 64 lower-case hex characters. */
  names: () =>
    withCluster(async (cluster, operator) => {
      const [found] = cluster.signed;
      ensure('I14', await pass(cluster, operator, isDone(cluster)), 'the rotation does not end');
      for (const key of cluster.signed) {
        ensure('I8', key === found || /^[0-9a-f]{64}$/.test(key), `a generated key is no 64 hex characters`);
      }
      const { data = {}, metadata } = cluster.secret;
      const missing = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_KEY_ID'].filter((name) => !data[name]);
      ensure('I8', missing.length === 0, `the Secret lacks ${missing}`);
      const told = JSON.stringify([metadata, operator.status]);
      for (const key of cluster.signed) {
        ensure(
          'I12',
          !told.includes(key) && !told.includes(key.slice(0, 32)),
          'a key is told in annotations or status',
        );
      }
      const keyset = keysetOf(cluster);
      const signing = Buffer.from(data.JWT_KEY_ID ?? '', 'base64').toString();
      ensure(
        'I8',
        keyset !== undefined && currentShape(keyset).sign === signing,
        'JWT_KEY_ID does not name the signing key',
      );
    }),
};
