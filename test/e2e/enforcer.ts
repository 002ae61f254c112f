/**
 * What makes NetworkPolicies count on the node: the engine of sigs.k8s.io/kube-network-policies, built from its Go module the first
 * time. It judges each new connection that the kernel queues for it, by the addresses behind Services.
 *
 * It would queue them by nftables' own `queue`, which not every kernel has. So iptables queues them here, at the same hook. It also
 * queues what pods send to the node itself, where the API server is: on other clusters that one is elsewhere.
 */
import { join } from 'node:path';
import { findOrBuild } from '../support/cluster/binary.ts';
import { podAddresses } from '../support/cluster/flags.ts';
import { startProcess } from '../support/cluster/processes.ts';
import { until } from '../support/scenario/until.ts';
import type { E2eCluster } from './cluster.ts';
import { NODE_NAME } from './node.ts';

const SOURCE = join(import.meta.dirname, 'enforcer');
const QUEUE = ['-m', 'conntrack', '--ctstate', 'NEW', '-j', 'NFQUEUE', '--queue-num', '100'];
/** A policy does not keep the node's own programs out: the kubelet must reach its pods. */
const OWN = ['-m', 'owner', '--uid-owner', '0', '-j', 'RETURN'];
const RULES = [
  ['POSTROUTING', ...OWN],
  ['POSTROUTING', '-s', podAddresses, ...QUEUE],
  ['POSTROUTING', '-d', podAddresses, ...QUEUE],
  ['INPUT', '-s', podAddresses, ...QUEUE],
] as const;

/**
 * From when this resolves, new connections of pods are judged; without the engine they would be dropped.
 *
 * @returns what ends it
 * @throws Error when Go is missing or too old, or the kernel cannot queue
 */
export async function startEnforcer({ dir, controlPlane, node }: E2eCluster): Promise<{ stop(): Promise<void> }> {
  const what = { what: 'what enforces NetworkPolicies', source: SOURCE, entry: '.', linkerFlags: '-s -w' };
  const program = await findOrBuild('enforcer', what, (line) => void process.stderr.write(`${line}\n`));
  const engine = await startProcess({
    ...{ name: 'enforcer', logPath: join(dir, 'enforcer.log') },
    command: [program, '--kubeconfig', controlPlane.kubeconfig, '--node', NODE_NAME],
  });
  const iptables = (action: '-A' | '-D') => async () => {
    for (const [chain, ...rule] of RULES) await node.run('iptables', '-w', '-t', 'mangle', action, chain, ...rule);
  };
  const isListening = async () => {
    const queues = await node.run('cat', '/proc/net/netfilter/nfnetlink_queue');
    return /^ *100 /m.test(queues);
  };
  const stop = async () => {
    await iptables('-D')().catch(() => {});
    await engine.stop(5_000);
  };
  try {
    await until('the engine listens to its queue', isListening, { everyMs: 100, timeoutMs: 60_000 });
    await iptables('-A')();
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
