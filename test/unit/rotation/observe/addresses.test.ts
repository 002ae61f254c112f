/** Which addresses of pods canaries go to, however they are spelled. */
import { expect, it } from 'vitest';
import { podFacts } from '../../../../src/rotation/observe/pod-facts.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { podView } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';

function isAsked(address: string, allowLoopback = false): boolean {
  const asking = {
    ...{ probes: new Map(), allowLoopback, places: { secretName: 'jwt', dataKeys: [] } },
    ...{ clockKnown: true, settleMs: 0, clockSkewMs: 0, foreign: [], now: 0 },
  };
  const canary = canaryOf({ path: '/', port: 8000 }, {});
  const target = { kind: 'Deployment', name: 'api', roles: ['Verifier'], source: 'Env', canary } as const;
  const view = podView({
    metadata: { namespace: 'shop', name: 'api-1', uid: 'u' },
    spec: { nodeName: 'n', containers: [{ name: 'app' }] },
    status: { podIP: address },
  });
  return podFacts(asking, target, {} as WorkloadView, view).unprobeable === undefined;
}

it.each(['10.0.0.1', '192.168.3.4', 'fd00::1', '2001:db8:0:0:0:0:0:1', '1::', '::1:0:1'])('%s is asked', (address) => {
  expect(isAsked(address)).toBe(true);
});

it.each([
  ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.1.1', '224.0.0.1', '255.255.255.255', '127.1', '10.0.0.1 '],
  ...['::1', '0:0:0:0:0:0:0:1', '0000::0001', '::0.0.0.1', '::', '0:0:0:0:0:0:0:0', '0::0'],
  ...['::ffff:127.0.0.1', '::FFFF:7f00:1', '0:0:0:0:0:ffff:7f00:1', '0:0:0:0:0:ffff:127.0.0.1', '::127.0.0.1'],
  ...['fe80::1', 'FEBF::1', 'ff02::1', 'fd00::1%eth0'],
])('%s is not', (address) => {
  expect(isAsked(address)).toBe(false);
});

it('for development, loopback of IPv4 is asked, and nothing else of those', () => {
  const asked = ['127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::ffff:127.0.0.1'].filter((one) => isAsked(one, true));
  expect(asked).toEqual(['127.0.0.1', '127.9.9.9']);
});
