/** Whether a restart leaves a moment without a pod. */
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../../src/kube/types.ts';
import { deploymentInterruption, singleInterruption } from '../../../../src/rotation/workloads/interruption.ts';

const of = (replicas: number | undefined, strategy?: NonNullable<Deployment['spec']>['strategy']) =>
  deploymentInterruption({
    metadata: { namespace: 'shop', name: 'main', uid: 'u', resourceVersion: '1' },
    spec: { selector: {}, template: {}, ...(replicas !== undefined && { replicas }), ...(strategy && { strategy }) },
  });
const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  rollingUpdate: { maxSurge, maxUnavailable },
});

describe('a restart', () => {
  it.each([
    ['of one pod with the defaults', of(undefined)],
    ['of one pod that is started before the old one goes', of(1, rolling(1, 0))],
    ['of one pod with percentages, which round towards a pod more', of(1, rolling('1%', '99%'))],
    ['of two pods without surge', of(2, rolling(0, 1))],
    ['of nobody', of(0, { type: 'Recreate' })],
    ['of a StatefulSet of two', singleInterruption(2)],
    ['of a StatefulSet of none', singleInterruption(0)],
  ])('%s leaves somebody there', (_, why) => expect(why).toBeUndefined());

  it.each([
    ['that stops all first', of(3, { type: 'Recreate' }), 'Recreate'],
    ['of one pod without surge', of(1, rolling(0, 1)), 'one pod'],
    ['of one pod without surge and with nothing that may be away', of(1, rolling(0, '25%')), 'one pod'],
    ['of one pod that may be away although one is started beside it', of(1, rolling(1, '100%')), 'one pod'],
    ['of many that may all be away', of(4, rolling('25%', '100%')), 'maxUnavailable: 100%'],
    ['of a StatefulSet of one', singleInterruption(1), 'one pod'],
  ])('%s leaves nobody there', (_, why, word) => expect(why).toContain(word));
});
