/**
 * Stale Secrets on nodes. The nodes of a cluster serve several lanes, and their fault is one annotation: this is the one
 * place that writes it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi } from '../../support/cluster/kubeapi.ts';
import { faultAnnotations } from '../../support/node/faults.ts';

/** By node, then by `namespace/name`, what is frozen. */
const boards = new Map<string, Map<string, string>>();
let writing: Promise<void> = Promise.resolve();

/** From now on containers that start on the node read the Secret as it is now. Resolves when the node obeys. */
export async function freeze(api: KubeApi, node: string, namespace: string, name: string): Promise<void> {
  const secret = await api.get({ kind: 'Secret', namespace, name });
  await change(api, node, (board) => {
    board.set(`${namespace}/${name}`, `${namespace}/${name}@${secret.metadata.resourceVersion}`);
  });
}

export function thaw(api: KubeApi, node: string, namespace: string, name: string): Promise<void> {
  return change(api, node, (board) => {
    board.delete(`${namespace}/${name}`);
  });
}

function change(api: KubeApi, node: string, edit: (board: Map<string, string>) => void): Promise<void> {
  const board = boards.get(node) ?? new Map<string, string>();
  boards.set(node, board);
  const task = writing.then(async () => {
    edit(board);
    await write(api, node, board.size === 0 ? null : JSON.stringify([...board.values()]));
  });
  writing = task.catch(() => undefined);
  return task;
}

async function write(api: KubeApi, name: string, value: string | null): Promise<void> {
  const target = { kind: 'Node', name };
  await api.patch(target, { metadata: { annotations: { [faultAnnotations.freezeSecret]: value } } });
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 30) {
    const node = await api.get(target);
    if ((node.metadata.annotations?.[faultAnnotations.frozenSecret] ?? null) === value) return;
    await sleep(30);
  }
  throw new Error(`the node ${name} did not take the fault within 10 s`);
}
