/** A pod of a target with mounted files in which several containers take the key: one answers, and the others are not asked. */
import { describe, expect, it } from 'vitest';
import type { Facts, Probe, TargetFacts, WorkloadFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { incarnationOf, podFacts } from '../../../../src/rotation/observe/pod-facts.ts';
import { levelOf } from '../../../../src/rotation/plan/evidence.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { keyPlaces } from '../../../../src/rotation/settings/settings.ts';
import { podView } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';
import {
  facts,
  keysetAfter,
  probeOf,
  RETIRING,
  SETTINGS,
  SETTLE_MS,
  STAGING,
  T0,
  target,
  WORKLOAD,
  WRITES,
} from '../builders.ts';

const DAY_MS = 86_400_000;
/** Settled, and then three minutes for the kubelet and the processes. */
const SURE = T0 + SETTLE_MS + 180_000;
const PLACES = keyPlaces(SETTINGS);

interface Case {
  readonly keyset: Keyset;
  readonly now: number;
  readonly containers?: readonly string[];
  readonly createdAt?: number;
  readonly workload?: Partial<WorkloadFacts>;
  readonly probe?: Probe;
  readonly clockKnown?: boolean;
}

/** The world of one service, of which each container mounts the Secret, and whose answering one has the newest keyset. */
function world({ keyset, now, containers = ['app', 'worker'], createdAt = T0 - DAY_MS, ...rest }: Case): Facts {
  const started = { running: { startedAt: new Date(createdAt).toISOString() } };
  const view = podView({
    metadata: {
      ...{ namespace: 'shop', name: 'api-1', uid: 'u', creationTimestamp: new Date(createdAt).toISOString() },
      annotations: { 'rekey.dev/keyset-version': String(keyset.version) },
    },
    spec: {
      nodeName: 'n',
      containers: containers.map((name) => ({ name, volumeMounts: [{ name: 'keys', mountPath: '/keys' }] })),
      volumes: [{ name: 'keys', secret: { secretName: SETTINGS.secretName } }],
    },
    status: {
      ...{ phase: 'Running', podIP: '10.0.0.9', conditions: [{ type: 'Ready', status: 'True' }] },
      containerStatuses: containers.map((name) => ({ name, restartCount: 0, containerID: name, state: started })),
    },
  });
  const probe = rest.probe ?? { ...probeOf(keyset, keyset.version, now) };
  // a rotation that retires a key has it still in mind
  const asked =
    keyset === RETIRING ? { ...probe, answers: new Map([...probe.answers, ['A', 'refused'] as const]) } : probe;
  const { settings } = target('api', ['Signer', 'Verifier']);
  const file = { ...settings, source: 'File' as const };
  const asking = {
    ...{ probes: new Map([[incarnationOf(view, PLACES), asked]]), allowLoopback: false, places: PLACES },
    ...{
      settleMs: SETTLE_MS,
      clockSkewMs: SETTINGS.clockSkewMs,
      clockKnown: rest.clockKnown ?? true,
      foreign: [],
      now,
    },
  };
  const pods = [podFacts(asking, file, {} as WorkloadView, view)];
  const workload = { ...WORKLOAD, templateVersion: keyset.version, ...rest.workload };
  return facts(keyset, { now, targets: [{ settings: file, workload, pods } satisfies TargetFacts] });
}

const decide = (it: Case) => {
  const { action } = plan(world(it));
  return action.type === 'write' ? `write ${action.write.transition}` : action.type;
};
const level = (it: Case) => world(it).targets.map(levelOf);

describe('of two containers', () => {
  it('one is not observed, so the level is Inferred, and with one container it is not', () => {
    expect(level({ keyset: STAGING, now: SURE })).toEqual(['Inferred']);
    expect(level({ keyset: STAGING, now: SURE, containers: ['app'] })).toEqual(['Canary']);
  });

  it.each<[string, Keyset, string]>([
    ['promote', STAGING, 'write promote'],
    ['the end', RETIRING, 'write finish'],
  ])('before %s, the other one gets the time that mounted files need', (_, keyset, write) => {
    expect(decide({ keyset, now: SURE - 1 })).toBe('wait');
    expect(decide({ keyset, now: SURE })).toBe(write);
    expect(decide({ keyset, now: T0 + SETTLE_MS, containers: ['app'] })).toBe(write);
  });

  it('the other one has read the files at once if it started once the write had spread', () => {
    const now = T0 + SETTLE_MS + 30_000;
    expect(decide({ keyset: STAGING, now, createdAt: T0 + SETTLE_MS })).toBe('write promote');
    expect(decide({ keyset: STAGING, now, createdAt: T0 + SETTLE_MS - 1_000 })).toBe('wait');
  });

  it('nothing is concluded while the time of the API server is unknown', () => {
    expect(decide({ keyset: STAGING, now: SURE + DAY_MS, clockKnown: false })).not.toContain('write');
  });

  it('while the one that answers is behind, the pod is asked each second', () => {
    const probe = probeOf(STAGING, 1, T0 + SETTLE_MS);
    const later = (ms: number) => decide({ keyset: STAGING, now: T0 + SETTLE_MS + ms, probe });
    expect([later(999), later(1_000)]).toEqual(['wait', 'probe']);
    // a second from the end of a round, however long that was
    const slow = { ...probe, askedAt: T0 + SETTLE_MS + 5_000 };
    expect(decide({ keyset: STAGING, now: T0 + SETTLE_MS + 5_999, probe: slow })).toBe('wait');
  });

  it('no pod is evicted, also where its controller replaces none', () => {
    for (let now = T0; now < T0 + 1_200_000; now += 5_000) {
      for (const createdAt of [T0 - DAY_MS, T0 + 1_000]) {
        for (const manual of [false, true]) {
          for (const probe of [probeOf(STAGING, 1, now), probeOf(STAGING, 2, now)]) {
            const action = decide({ keyset: STAGING, now, createdAt, probe, workload: { manual } });
            expect(action).toMatch(/^(wait|probe|write promote)$/);
          }
        }
      }
    }
  });

  it('in an emergency, a pod that was created after the write is not deleted for it', () => {
    const rotation = { ...WRITES.stage.rotation, trigger: 'Emergency' } as const;
    const keyset = keysetAfter([WRITES.adopt, { transition: 'burn', nonce: 'n', rotation, version: 0 }]);
    const created = { keyset, createdAt: T0 + 2_000 };
    expect(decide({ ...created, now: T0 + SETTLE_MS + 1_000 })).toBe('wait');
    expect(decide({ ...created, now: SURE })).toBe('write extinguish');
  });
});
