/**
 * Rows of the planner's table for worlds that the assumptions exclude, where rekey is careful all the same.
 */
import { EMPTY_LEDGER } from '../../src/rotation/keyset/ledger.ts';
import { podFacts } from '../../src/rotation/observe/pod-facts.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import type { WorkloadView } from '../../src/rotation/workloads/workload-view.ts';
import {
  afterForeign,
  DRAINING,
  facts,
  foreignTime,
  pod,
  probeOf,
  SETTINGS,
  SETTLE_MS,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WORKLOAD,
} from '../unit/rotation/builders.ts';

/** A signer that holds the old key, found after the drain has begun: the wait for its tokens starts again. */
function reopen(): void {
  const stale = pod('main-2', { templateVersion: 3, probe: probeOf(DRAINING, 2) });
  const targets = services(DRAINING, { main: 3, admin: 2 }).map((target) =>
    target.settings.name === 'main' ? { ...target, pods: [...target.pods, stale] } : target,
  );
  const { action } = plan(facts(DRAINING, { targets, now: T0 + SETTINGS.drainMs }));
  const reopened = action.type === 'write' && action.write.transition === 'reopen';
  if (!reopened) throw new Error(`I5: a stale signer is found while draining, and the answer is ${action.type}`);
}

/** Pods that nobody asks would refuse what they have not loaded. */
function unlisted(): void {
  const requests = { rotateAt: 'now' };
  const { action } = plan(facts(STEADY, { requests, unlistedConsumers: ['Deployment/worker'] }));
  if (action.type !== 'wait')
    throw new Error(`I2: an unlisted consumer uses the Secret, and the answer is ${action.type}`);
}

/** A service whose canary was taken away after its restart: nobody will ever say what its pod has read. */
function untold(): void {
  const early = pod('admin-2', { templateVersion: 2, createdAt: T0 + 2_000, startedAt: T0 + 3_000 });
  const targets = services(STAGING, { main: 2, admin: 2 }).map((target) => {
    const { canary: _, ...settings } = target.settings;
    return target.settings.name === 'admin' ? { ...target, settings, pods: [early] } : target;
  });
  const { action } = plan(facts(STAGING, { targets, now: T0 + 10_000 }));
  if (action.type !== 'evict')
    throw new Error(`I14: a pod that nobody can ask started too early, and the answer is ${action.type}`);
}

/** A pod that started while somebody else's key stood in the Secret, by a clock that is a little behind. */
function foreign(): void {
  const [since, until] = [T0 + 60_000, T0 + 62_000];
  const early = pod('main-2', { createdAt: since - 1_000, startedAt: since - SETTINGS.clockSkewMs / 2 });
  const [foreign, now] = [[foreignTime(STEADY, since, until)], T0 + 120_000];
  const pods = [afterForeign(early, foreign, now)];
  const targets = services(STEADY, { main: 1, admin: 1 }).map((target) => ({ ...target, pods }));
  const { blocked } = plan(facts(STEADY, { targets, ledger: { ...EMPTY_LEDGER, foreign }, now }));
  if (blocked?.reason !== 'ForeignWriter')
    throw new Error(`I16: a pod may hold somebody else's key, and rekey says ${blocked?.reason ?? 'nothing'}`);
}

/** A pod that nobody can ask, and that may have started while the Secret was somebody else's. */
function strangeStart(): void {
  const [since, until, now] = [T0 + 60_000, T0 + 62_000, T0 + 300_000];
  const times = [foreignTime(STAGING, since, until)];
  const { canary: _, ...settings } = target('main', ['Signer', 'Verifier']).settings;
  const places = { secretName: 'jwt', dataKeys: SETTINGS.signingNames };
  const asking = { probes: new Map(), allowLoopback: false, clockKnown: true, places, foreign: times, now };
  const container = { instance: 'app', startedAt: since, ran: true, reads: [{ secret: 'jwt' }] } as const;
  const view = {
    ...{
      namespace: 'test',
      name: 'main-1',
      uid: 'u',
      resourceVersion: '',
      labels: {},
      reads: container.reads,
      ports: {},
    },
    ...{ live: true, terminating: false, ready: true, hostNetwork: false, containers: [container], createdAt: since },
    ...{ templateVersion: STAGING.version, owner: { kind: 'Deployment', name: 'main' } },
  };
  const lag = { settleMs: SETTLE_MS, clockSkewMs: SETTINGS.clockSkewMs };
  const seen = podFacts({ ...asking, ...lag }, settings, {} as WorkloadView, view);
  const workload = { ...WORKLOAD, templateVersion: STAGING.version };
  const one = { settings, workload, pods: [seen] };
  const { action } = plan(facts(STAGING, { targets: [one], ledger: { ...EMPTY_LEDGER, foreign: times }, now }));
  if (action.type === 'write')
    throw new Error(`I18: what a pod has read is not known, and the answer is ${action.write.transition}`);
}

export const TABLE: Readonly<Record<string, () => void>> = { reopen, unlisted, untold, foreign, strangeStart };
