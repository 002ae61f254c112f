/**
 * A pod with two containers that take the key, as the production observer sees it.
 */
import type { PodFacts } from '../../src/rotation/facts.ts';
import { podFacts } from '../../src/rotation/observe/pod-facts.ts';
import type { TargetSettings } from '../../src/rotation/settings/settings.ts';
import type { ContainerView } from '../../src/rotation/workloads/views.ts';
import { deploymentView } from '../../src/rotation/workloads/workloads.ts';
import { type Entry, NOW, SETTLE_MS, type StartSeen, startedAt } from './keysets.ts';
import { isReady, type Pod, type Sidecar } from './world.ts';

const PLACES = { secretName: 'jwt', dataKeys: ['JWT_SECRET_KEY'] };
const READS = [{ secret: 'jwt' }];
const ASKING = {
  ...{ probes: new Map(), allowLoopback: false, clockKnown: true },
  ...{ places: PLACES, settleMs: SETTLE_MS, clockSkewMs: 0, foreign: [], now: NOW },
};
const LONG_AGO = NOW - 1e9;
const WORKLOAD = deploymentView({
  metadata: { namespace: 'test', name: 'main', uid: 'main' },
  spec: { selector: {}, template: { spec: { containers: [] } } },
});

/** What is known of the pod without asking it. */
export function observed(
  target: TargetSettings,
  pod: Pod,
  sidecar: Sidecar,
  name: string,
  entry: Entry | undefined,
): PodFacts {
  const { terminating, template } = pod;
  const start = (seen: StartSeen) => (entry === undefined ? LONG_AGO : startedAt(seen, entry));
  const containers = [container('app', pod, start), container('sidecar', sidecar, start)];
  const starts = containers.flatMap((each) => each.startedAt ?? []);
  const pods = {
    ...{ namespace: 'test', name, uid: name, resourceVersion: '', labels: {}, reads: READS },
    ...{ live: true, terminating, ready: isReady(pod), address: '10.0.0.1', hostNetwork: false, containers, ports: {} },
    owner: { kind: 'Deployment', name: 'main' },
    // of pods that nobody asks what they have read is concluded from the start of their containers
    createdAt: target.canary === undefined ? LONG_AGO : Math.min(start(pod), ...starts),
  };
  return podFacts(ASKING, target, WORKLOAD, template === 0 ? pods : { ...pods, templateVersion: template });
}

function container(name: string, it: Pod | Sidecar, start: (seen: StartSeen) => number): ContainerView {
  const view = { instance: name, reads: READS };
  return it.up ? { ...view, startedAt: start(it), ran: true } : view;
}
