/** Keys leave the operator's memory, and nothing that it writes has one: a rotation and an emergency, then a look into it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import { requestRotation, waitFor, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { type Searched, scanForKeys } from '../support/scenario/secrets-scan.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
/** Lets the operator look at the resource some more times, when there is nothing to do. */
async function quietPasses({ api, namespace, name }: Scene, operator: OperatorProcess): Promise<void> {
  const count = async () => {
    const [, passes] =
      /^controller_runtime_reconcile_time_seconds_count\{.*\} (\d+)$/m.exec(await operator.metrics()) ?? [];
    return Number(passes);
  };
  for (const quiet of ['1', '2', '3']) {
    const before = await count();
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { labels: { quiet } } });
    await until('it has looked again', async () => (await count()) > before);
  }
}

/** Node collects the garbage first, so what the snapshot shows is what something still refers to. */
async function heapOf(operator: OperatorProcess, dir: string): Promise<string> {
  operator.kill('SIGUSR2');
  const files = () => readdirSync(dir).filter((file) => file.endsWith('.heapsnapshot'));
  // written at once, but of many megabytes; complete if it is JSON
  return until('the snapshot is written', async () => {
    const [file] = files();
    const text = file === undefined ? '' : readFileSync(join(dir, file), 'utf8');
    return text.trimEnd().endsWith(']}') && text;
  });
}

/** All that the operator may write to, as the API server has it. */
async function sinksOf({ api, namespace }: Scene): Promise<readonly Searched[]> {
  const lists = ['Event', 'JwtKeyRotation', 'Deployment', 'ReplicaSet', 'ConfigMap', 'Lease', 'Pod'];
  return Promise.all(
    lists.map(async (kind) => ({ name: kind, text: JSON.stringify(await api.list({ kind, namespace })) })),
  );
}

it('forgets every key that it had in hand, and writes none anywhere', async () => {
  const scene = await openScene(cluster, { adopt: false });
  const { api, namespace, name } = scene;
  const dir = mkdtempSync(join(tmpdir(), 'rekey-heap-'));
  try {
    const operator = await scene.operator({
      // V8 cuts the strings of a snapshot, and the body of a Secret is longer
      nodeFlags: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${dir}`, '--heap-snapshot-string-limit=1000000'],
      flags: ['--allow-debugging'],
    });
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt });
    const annotations = { 'rekey.dev/emergency': 'n1: a test' };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
    const { resource } = await waitFor(api, namespace, name, 'the emergency is over', (state) => {
      return state.keyset?.emergency?.goneAt !== undefined && state.resource.status?.phase === 'Steady';
    });
    await quietPasses(scene, operator);
    const heap = await heapOf(operator, dir);
    // the snapshot has what the operator knows, so it would have a key too
    expect(heap.includes(`"${resource.status?.currentKeyId}"`)).toBe(true);
    const keys = scene.keys.keys();
    // found, rotated to, burnt to; and an ack key for each of adopt, stage, promote, retire and burn
    expect(keys.length).toBe(8);
    expect(scanForKeys([{ name: 'heap', text: heap }, ...(await sinksOf(scene))], keys)).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
    expect(await scene.close()).toEqual([]);
  }
});
