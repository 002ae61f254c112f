/** Somebody who calls the command line on a real API server, by the rights that its page asks for and no more. */
import { join } from 'node:path';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { loadKubeConfig } from '../../../src/kube/config.ts';
import { Operations } from '../../../src/rotation/people/operations.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createLogger } from '../../../src/runtime/log.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { rekey, type Said } from './command.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

/** What docs/reference/command-line.md asks for, and no more: `update` on the Secret is what the admission policies ask. */
const RIGHTS = [
  { apiGroups: ['rekey.dev'], resources: ['jwtkeyrotations'], verbs: ['get', 'list', 'watch', 'patch'] },
  { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets'], verbs: ['get', 'list', 'patch'] },
  // another test may have installed Rollouts
  { apiGroups: ['argoproj.io'], resources: ['rollouts'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  // for report
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['update'] },
];

export interface Caller {
  readonly run: (...args: string[]) => Promise<Said>;
  readonly kubeconfig: string;
}

/** The person whom {@link callersOf} acts for, as the API server knows him. */
export const userIn = ({ namespace }: Scene) => `system:serviceaccount:${namespace}:on-call`;

/**
 * @returns what makes, in the namespace of a scene, somebody with these rights who runs commands there: `verbs` are those on
 *   JwtKeyRotations
 */
export function callersOf(cluster: Pick<ProvidedCluster, 'dir' | 'programs'>) {
  return async ({ api, namespace }: Scene, user = 'on-call', verbs?: readonly string[]): Promise<Caller> => {
    const rules = verbs === undefined ? RIGHTS : RIGHTS.map((rule, i) => (i === 0 ? { ...rule, verbs } : rule));
    await api.create({ kind: 'ServiceAccount', metadata: { namespace, name: user } });
    await api.create({ kind: 'Role', metadata: { namespace, name: user }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user };
    await api.create({
      kind: 'RoleBinding',
      metadata: { namespace, name: user },
      roleRef,
      subjects: [{ kind: 'ServiceAccount', namespace, name: user }],
    });
    const kubeconfig = join(cluster.dir, namespace, `${user}.kubeconfig`);
    await api.serviceAccountKubeconfig(namespace, user, kubeconfig);
    const run: Caller['run'] = (...args) =>
      rekey([...args, '--kubeconfig', kubeconfig, '--namespace', namespace], cluster.programs?.command);
    await until('the rights are there', async () => (await run('status', 'remotehive-jwt')).code !== 1);
    return { run, kubeconfig };
  };
}

/** Runs a command in this process, where somebody types an answer. */
export async function typed(kubeconfig: string, answer: string, args: readonly string[]): Promise<Said> {
  const said = { result: '', told: '' };
  const terminal: Terminal = {
    print: (text) => {
      said.result += text;
    },
    printErr: (text) => {
      said.told += text;
    },
    closed: () => false,
    interactive: true,
    question: async (text) => {
      said.told += text;
      return answer;
    },
    now: Date.now,
  };
  const access = loadKubeConfig({ kubeconfig });
  const client = new KubeClient({ access, clock: systemClock });
  const log = createLogger({ level: 'error', now: Date.now });
  const connect = ({ namespace = '' }) =>
    new Operations({ client, clock: systemClock, log, namespace, serverTime: systemClock.now });
  const code = await runCommand(args, { terminal, connect });
  await client.close();
  return { code, ...said };
}

/** What a command that waits may tell in between. */
export const PROGRESS = new RegExp(
  [
    /^[\w-]+: requesting emergency \S+$/,
    /^[\w-]+: it takes the restarts plus 7s \(5s tokens \+ 1s skew \+ 1s slack\), in which the old key stays accepted after the last pod stopped signing with it$/,
    /^\d\d:\d\d:\d\d {2}(Requested|Preflight|Staging|Staged|Promoting|Draining|Retiring|Burning)(: |, still after )/,
    /^\d\d:\d\d:\d\d {2}(in the way|no longer in the way): /,
    /^\d\d:\d\d:\d\d {2}nothing has changed since the request/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

/** @returns the lines that are not empty */
export const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');
