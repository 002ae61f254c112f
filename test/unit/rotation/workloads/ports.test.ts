/** Where a canary goes: to a port by its number, or by the name that a container gives it. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/kube/types.ts';
import { type Asking, podFacts } from '../../../../src/rotation/observe/pod-facts.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { podView } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';

const ASKING: Asking = {
  ...{ probes: new Map(), allowLoopback: false, places: { secretName: 'jwt', dataKeys: [] } },
  ...{ clockKnown: true, settleMs: 0, clockSkewMs: 0, foreign: [], now: 0 },
};
const app = {
  name: 'app',
  ports: [
    { name: 'http', containerPort: 8000 },
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { containerPort: 9000 },
  ],
};
const pod: Pod = {
  metadata: { namespace: 'shop', name: 'api-1', uid: 'u' },
  spec: {
    nodeName: 'n',
    containers: [
      app,
      {
        name: 'side',
        ports: [
          { name: 'http', containerPort: 1 },
          { name: 'admin', containerPort: 2 },
        ],
      },
    ],
    initContainers: [
      { name: 'mesh', restartPolicy: 'Always', ports: [{ name: 'mesh', containerPort: 15000 }] },
      { name: 'migrate', ports: [{ name: 'gone', containerPort: 3 }] },
    ],
  },
  status: { podIP: '10.0.0.1' },
};

function facts(port: number | string) {
  const canary = canaryOf({ path: '/', port }, {});
  const target = { kind: 'Deployment', name: 'api', roles: ['Verifier'], source: 'Env', canary } as const;
  return podFacts(ASKING, target, {} as WorkloadView, podView(pod));
}

describe('the port of a canary', () => {
  it.each([
    [8080, 8080],
    ['http', 8000],
    ['admin', 2],
    ['mesh', 15000],
  ])('%s is %d', (port, number) => {
    expect(facts(port)).toMatchObject({ port: number });
    expect(facts(port)).not.toHaveProperty('unprobeable');
  });

  it.each(['web', 'dns', 'gone', 'constructor'])('%s is none, so no canary goes to the pod', (port) => {
    expect(facts(port)).not.toHaveProperty('port');
    expect(facts(port).unprobeable).toBe(
      `pod api-1 has no TCP port named ${port} (its containers name admin, http, mesh): correct canary.port of the target, or name the port in the pod template`,
    );
  });
});
