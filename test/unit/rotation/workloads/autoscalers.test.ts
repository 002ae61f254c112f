/** Which autoscalers tell that a target has fewer pods than its load asks for. */
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { HorizontalPodAutoscaler } from '../../../../src/kube/types.ts';
import { limitedAutoscalers, limitOn } from '../../../../src/rotation/workloads/autoscalers.ts';
import { awayOf } from '../../../../src/rotation/workloads/interruption.ts';

const autoscaler = (condition: object): HorizontalPodAutoscaler => ({
  metadata: { name: 'main-hpa' },
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'main' }, maxReplicas: 10 },
  status: { conditions: [{ type: 'ScalingLimited', status: 'True', reason: 'TooManyReplicas', ...condition }] },
});
const clientOf = (list: () => Promise<unknown>) => ({ list }) as unknown as KubeClient;
const found = (item: HorizontalPodAutoscaler) =>
  limitedAutoscalers(
    clientOf(async () => ({ items: [item] })),
    'shop',
  );

describe('an autoscaler', () => {
  it.each([
    ['counts where it wants more pods than it may have', {}, 1],
    ['does not count where it wants fewer', { reason: 'TooFewReplicas' }, 0],
    ['does not count within its limits', { status: 'False', reason: 'DesiredWithinRange' }, 0],
    ['does not count where nothing is known', { type: 'AbleToScale' }, 0],
  ])('%s', async (_, condition, count) => expect(await found(autoscaler(condition))).toHaveLength(count));

  it('is none where rekey may not look', async () => {
    const refused = new KubeError({ verb: 'list', resource: 'x', code: 'Forbidden' });
    expect(
      await limitedAutoscalers(
        clientOf(() => Promise.reject(refused)),
        'shop',
      ),
    ).toEqual([]);
  });

  it('is that of its workload, kind and name', () => {
    const told = 'HorizontalPodAutoscaler main-hpa wants more than its 10 pods';
    expect(limitOn([autoscaler({})], { kind: 'Deployment', name: 'main' })).toBe(told);
    expect(limitOn([autoscaler({})], { kind: 'StatefulSet', name: 'main' })).toBeUndefined();
    expect(limitOn([autoscaler({})], { kind: 'Deployment', name: 'admin' })).toBeUndefined();
  });
});

describe('the pods that are away during a restart', () => {
  it.each([
    [1, {}, 0],
    [4, {}, 1],
    [4, { rollingUpdate: { maxUnavailable: 0 } }, 0],
    [4, { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } }, 1],
    [4, { type: 'Recreate' as const }, 4],
  ])('of %i with %j are %i', (replicas, strategy, away) => {
    expect(awayOf({ metadata: { name: 'main' }, spec: { replicas, strategy, selector: {}, template: {} } })).toBe(away);
  });
});
