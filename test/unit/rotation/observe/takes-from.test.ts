/** Where a pod takes the keys from, by its own spec. */
import { expect, it } from 'vitest';
import type { Container } from '../../../../src/kube/types.ts';
import { podFacts } from '../../../../src/rotation/observe/pod-facts.ts';
import { podView } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';

const reads = (name: string, key: string): Partial<Container> => ({
  env: [{ name: 'JWT', valueFrom: { secretKeyRef: { name, key } } }],
});

it.each<[string, Partial<Container>, string | undefined]>([
  ['a key of the Secret', reads('jwt', 'KEY'), undefined],
  ['the whole Secret', { envFrom: [{ secretRef: { name: 'jwt' } }] }, undefined],
  ['a key of the same name from another Secret', reads('jwt-2', 'KEY'), 'Elsewhere'],
  ['another whole Secret', { envFrom: [{ secretRef: { name: 'jwt-2' } }] }, 'Elsewhere'],
  ['something else from the Secret', reads('jwt', 'SMTP'), 'Unknown'],
  ['nothing', {}, 'Unknown'],
])('a pod that takes %s', (_, container, takesFrom) => {
  const asking = {
    ...{ probes: new Map(), allowLoopback: false, places: { secretName: 'jwt', dataKeys: ['KEY'] } },
    ...{ clockKnown: true, settleMs: 0, clockSkewMs: 0, foreign: [], now: 0 },
  };
  const target = { kind: 'Deployment', name: 'api', roles: ['Verifier'], source: 'Env' } as const;
  const view = podView({
    metadata: { namespace: 'shop', name: 'api-1', uid: 'u' },
    spec: { nodeName: 'n', containers: [{ name: 'app', ...container }] },
  });
  expect(podFacts(asking, target, {} as WorkloadView, view).takesFrom).toBe(takesFrom);
});
