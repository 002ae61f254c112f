/** Resources as the API server gives them, in each phase, for views. */
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../../src/rotation/api/types.ts';
import { SPEC } from '../../rotation/spec.ts';

export const T0 = Date.parse('2026-11-29T20:00:00Z');
const iso = (at: number) => new Date(at).toISOString();

type Status = JwtKeyRotationStatus;
type Target = NonNullable<Status['targets']>[number];

/** @returns a target of which some pods have acknowledged */
export function target(name: string, acked: number, pods: number, pod?: string, why?: string): Target {
  const waitingFor = pod === undefined ? {} : { waitingFor: { pod, ...(why !== undefined && { why }) } };
  return { kind: 'Deployment', name, version: 3, pods, ready: pods, acked, level: 'Canary', ...waitingFor };
}

const TARGETS = [
  target('main', 1, 2, 'main-6cc548f84c-zkl5l'),
  target('autoscraper', 1, 1),
  target('admin', 0, 4, 'admin-7b59f88c7-p8tz2', 'it answered 503'),
];

/** @returns rotations that have completed, one after another, each in so many seconds */
export function historyOf(...seconds: readonly number[]): NonNullable<Status['history']> {
  return seconds.map((lasted, i) => {
    const startedAt = T0 - (i + 1) * 86_400_000;
    const times = { startedAt: iso(startedAt), finishedAt: iso(startedAt + lasted * 1000) };
    return { id: `r${i}`, trigger: 'Schedule', from: 'k-0', to: 'k-1', outcome: 'Completed' as const, ...times };
  });
}

/** @returns a resource whose rotation is in this phase since T0 */
export function resourceIn(
  phase: Status['phase'],
  status: Status = {},
  ready?: readonly [string, string],
): JwtKeyRotation {
  const condition = (type: string, is: 'True' | 'False', reason: string, message: string) => {
    return { type, status: is, reason, message, lastTransitionTime: iso(T0) };
  };
  const isAtRest = phase === 'Steady';
  const rotation = {
    id: 'r',
    trigger: 'Annotation',
    actor: 'alice',
    reason: 'x',
    from: 'k-f8531ca2',
    to: 'k-02d000c1',
  };
  const [reason, message] = ready ?? [isAtRest ? 'Steady' : 'RotationInProgress', ''];
  return {
    ...{ apiVersion: 'rekey.dev/v1alpha1', kind: 'JwtKeyRotation', metadata: { namespace: 'shop', name: 'my-jwt' } },
    spec: {
      environment: 'production',
      secretName: 'my-jwt',
      strategy: 'Auto',
      maxTokenTTL: '1h',
      clockSkew: '60s',
      retire: { mode: 'Eager' },
      targets: [],
    },
    status: {
      ...{ phase, currentKeyId: 'k-f8531ca2', targets: TARGETS },
      conditions: [
        condition('Ready', ready === undefined ? 'True' : 'False', reason, message),
        condition('Rotating', isAtRest ? 'False' : 'True', phase ?? '', ''),
      ],
      ...(isAtRest ? {} : { rotation: { ...rotation, startedAt: iso(T0) } }),
      ...status,
    },
  } as unknown as JwtKeyRotation;
}

/** @returns a resource whose new key every verifier pod accepts, and which waits for a window of this schedule */
export function stagedBeforeWindow(schedule: string, status: Status = {}): JwtKeyRotation {
  const targets = [target('main', 2, 2), target('autoscraper', 1, 1), target('admin', 4, 4)];
  const staged = resourceIn('Staged', { targets, ...status }, ['OutsideWindow', 'waits for the maintenance window']);
  const maintenanceWindows = [{ kind: 'Allow', schedule, duration: '2h' }] as const;
  return { ...staged, spec: { ...SPEC, maxTokenTTL: '1h', maintenanceWindows } } as unknown as JwtKeyRotation;
}
