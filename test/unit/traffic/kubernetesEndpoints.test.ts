import { describe, expect, it } from 'vitest';
import { kubernetesEndpoints, type PodLike } from '../../support/traffic/kubernetesEndpoints.ts';

describe('kubernetesEndpoints', () => {
  it('takes address, port, service and readiness from the Pod', () => {
    expect(kubernetesEndpoints([pod()])).toEqual([
      { service: 'main', pod: 'main-1', uid: 'u-1', url: 'http://127.9.0.4:8000', ready: true, terminating: false },
    ]);
  });

  it('never calls a pod ready that is being deleted', () => {
    const [endpoint] = kubernetesEndpoints([pod({ metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } })]);
    expect(endpoint).toMatchObject({ ready: false, terminating: true });
  });

  it('keeps a running pod that is not ready', () => {
    const conditions = [{ type: 'Ready', status: 'False' }];
    expect(kubernetesEndpoints([pod({ status: { conditions } })])).toMatchObject([
      { ready: false, terminating: false },
    ]);
    expect(kubernetesEndpoints([pod({ status: { conditions: [] } })])).toMatchObject([{ ready: false }]);
  });

  it('accepts the recommended label and addresses of IPv6', () => {
    const labels = { 'app.kubernetes.io/name': 'admin' };
    const [endpoint] = kubernetesEndpoints([pod({ metadata: { labels }, status: { podIP: 'fd00::7' } })]);
    expect(endpoint).toMatchObject({ service: 'admin', url: 'http://[fd00::7]:8000' });
  });

  const leftOut: { title: string; change: PodLike }[] = [
    { title: 'without an address', change: { status: { podIP: '' } } },
    { title: 'without a port', change: { spec: { containers: [{}] } } },
    { title: 'without a label', change: { metadata: { labels: {} } } },
    { title: 'that has failed', change: { status: { phase: 'Failed' } } },
    { title: 'that has succeeded', change: { status: { phase: 'Succeeded' } } },
  ];
  it.each(leftOut)('leaves out a pod $title', ({ change }) => {
    expect(kubernetesEndpoints([pod(change)])).toEqual([]);
  });
});

function pod(change: PodLike = {}): PodLike {
  return {
    metadata: { name: 'main-1', uid: 'u-1', labels: { app: 'main' }, ...change.metadata },
    spec: { containers: [{ ports: [{ containerPort: 8000 }] }], ...change.spec },
    status: {
      phase: 'Running',
      podIP: '127.9.0.4',
      conditions: [{ type: 'Ready', status: 'True' }],
      ...change.status,
    },
  };
}
