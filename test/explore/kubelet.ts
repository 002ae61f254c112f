/**
 * Containers start, and mounted files are written anew, with what a node hands out.
 */
import type { Config } from './config.ts';
import { withPods } from './containers.ts';
import { entryOf, UNMANAGED, versionOf } from './keysets.ts';
import type { Emit } from './steps.ts';
import { DOWN, type Pod, type Sidecar, type World } from './world.ts';

export function replaced(pods: readonly Pod[], index: number, pod: Pod): readonly Pod[] {
  const next = pods.slice();
  next[index] = pod;
  return next;
}

/** The API server shows other containers than before: what is remembered of the pod is of an earlier start. */
export function anew(pod: Pod): Pod {
  const { probe: _, shown, ...rest } = pod;
  return shown === undefined ? rest : { ...rest, shown: { ...shown, same: false } };
}

/** Of others something is concluded from their start, which rests on nodes that do not lag for longer than a settle delay. */
export function isProven({ targets }: Config, { target }: Pick<Pod, 'target'>): boolean {
  return targets[target]?.canary === true && targets[target].onePrevious !== true;
}

export function starts(config: Config, world: World, pod: Pod, index: number, emit: Emit): void {
  if (config.absent === true && world.secret === UNMANAGED) return;
  const newest = versionOf(world.secret);
  const settled = settledVersion(world);
  const proven = isProven(config, pod);
  const oldest = Math.max(oldestReadable(config, world, pod.node), proven ? 0 : settled);
  for (let version = newest; version >= oldest; version -= 1) {
    const started = { ...pod, up: true, loaded: version, settled, young: true };
    const bounds = world.bounds.map((bound, node) => (node === pod.node ? Math.max(bound, version) : bound));
    const after = (next: Pod) => withPods(config, { ...world, bounds }, replaced(world.pods, index, next));
    emit('start', after(anew(started)), pod.id, version);
    const remembered = pod.shown?.same === true ? pod.shown.probe : pod.probe;
    if (config.faults.statusLag && remembered !== undefined) {
      emit('startUnseen', after({ ...started, lag: true }), pod.id, version);
    }
  }
}

/** It restarts by itself, and the API server shows another pod then. What it has read rests on its start. */
export function sidecarSteps(config: Config, world: World, pod: Pod, { up }: Sidecar, index: number, emit: Emit): void {
  const into = (next: Pod, bounds = world.bounds) =>
    withPods(config, { ...world, bounds }, replaced(world.pods, index, next));
  if (up) {
    if (config.faults.restart && !pod.terminating) emit('crashSidecar', into({ ...pod, sidecar: DOWN }), pod.id);
    return;
  }
  if (config.absent === true && world.secret === UNMANAGED) return;
  const settled = settledVersion(world);
  const oldest = Math.max(oldestReadable(config, world, pod.node), settled);
  for (let version = versionOf(world.secret); version >= oldest; version -= 1) {
    const bounds = world.bounds.map((bound, node) => (node === pod.node ? Math.max(bound, version) : bound));
    const sidecar = { up: true, loaded: version, settled, young: true };
    emit('startSidecar', into(anew({ ...pod, sidecar }), bounds), pod.id, version);
  }
}

/** Mounted files: the kubelet writes them anew, and the service reads them. */
export function reloads(config: Config, world: World, pod: Pod, index: number, emit: Emit): void {
  const oldest = Math.max(oldestReadable(config, world, pod.node), pod.loaded + 1);
  for (let version = versionOf(world.secret); version >= oldest; version -= 1) {
    const bounds = world.bounds.map((bound, node) => (node === pod.node ? Math.max(bound, version) : bound));
    const pods = replaced(world.pods, index, { ...pod, loaded: version });
    emit('reload', withPods(config, { ...world, bounds }, pods), pod.id, version);
  }
}

/** The newest version that was written a settle delay ago. */
export function settledVersion({ secret }: World): number {
  return secret === UNMANAGED ? 0 : entryOf(secret).freshFrom - 1;
}

/**
 * The oldest version that a container of any service of this world may load which starts now on the node. If rekey asks none of them,
 * all rests on nodes that do not lag for longer than a settle delay.
 */
export function oldestLoadable(config: Config, world: World, node: number): number {
  const oldest = oldestReadable(config, world, node);
  const asksAny = config.targets.some((_, target) => isProven(config, { target }));
  return asksAny ? oldest : Math.max(oldest, settledVersion(world));
}

/** The oldest version of the Secret that the node may hand out now. */
export function oldestReadable({ nodeLag }: Config, world: World, node: number): number {
  const served = world.bounds[node] ?? 0;
  return nodeLag === 'served' ? served : Math.max(served, settledVersion(world));
}
