/**
 * What happens without the operator: kubelets, controllers, people and time. Only what docs/protocol.md assumes is taken
 * for granted: a node that has served a version to a container does not serve an older one later, a node without a pod of
 * ours reads the Secret afresh, and a container of a service without canaries that starts a settle delay after a write has
 * read it.
 *
 * Refreshing the cache of a node is no step of its own: a container that starts loads any version from the newest that its
 * node has served up to the newest there is, which comes to the same.
 */
import { trimmed } from './chronicle.ts';
import type { Config } from './config.ts';
import { withPods } from './containers.ts';
import { entryOf, tickedKeyset, UNMANAGED, versionOf } from './keysets.ts';
import { anew, isProven, reloads, replaced, settledVersion, sidecarSteps, starts } from './kubelet.ts';
import { tickedRefusals } from './refusals.ts';
import type { Emit, StepKind } from './steps.ts';
import { DOWN, isReady, keepsPods, NO_BOUND, NONE, type Pod, type Probe, type World } from './world.ts';
import { frozen, thawed, wished } from './write.ts';

export function environmentSteps(config: Config, world: World, emit: Emit): void {
  world.pods.forEach((pod, index) => {
    if (!pod.gone) podSteps(config, world, pod, index, emit);
  });
  config.targets.forEach((_, target) => {
    controllerSteps(config, world, target, emit);
  });
  if (config.faults.staleCache) {
    if (world.cache === undefined) emit('freeze', frozen(config, world));
    else emit('thaw', thawed(world));
  }
  peopleSteps(config, world, emit);
  tick(config, world, emit);
}

function podSteps(config: Config, world: World, pod: Pod, index: number, emit: Emit): void {
  if (!pod.up) starts(config, world, pod, index, emit);
  if (pod.up && config.targets[pod.target]?.file === true) reloads(config, world, pod, index, emit);
  if (pod.lag) emit('seen', { ...world, pods: replaced(world.pods, index, anew({ ...pod, lag: false })) }, pod.id);
  if (config.faults.restart && pod.up && !pod.terminating) {
    const crashed = { ...pod, up: false, loaded: NONE, lag: false };
    emit('crash', withPods(config, world, replaced(world.pods, index, crashed)), pod.id);
  }
  if (pod.sidecar !== undefined) sidecarSteps(config, world, pod, pod.sidecar, index, emit);
  if (pod.terminating) emit('exit', withoutPod(config, world, pod, index), pod.id);
}

function withoutPod(config: Config, world: World, pod: Pod, index: number): World {
  const ghost = pod.shown && { ...pod, gone: true, up: false, loaded: NONE, lag: false, marked: false };
  const { probe: _, ...rest } = ghost ?? pod;
  const pods = ghost === undefined ? world.pods.filter((_, i) => i !== index) : replaced(world.pods, index, rest);
  const occupied = pods.some((other) => other.node === pod.node && !other.gone);
  const bounds = world.bounds.map((bound, node) => (node === pod.node && !occupied ? NO_BOUND : bound));
  return withPods(config, { ...world, bounds }, pods);
}

function controllerSteps(config: Config, world: World, target: number, emit: Emit): void {
  const pods = world.pods.filter((pod) => pod.target === target && !pod.gone);
  const wanted = pods.filter((pod) => !pod.terminating);
  const template = world.templates[target] ?? 0;
  const desired = world.desired[target] ?? 0;
  // where people replace the pods, the controller only fills up
  const manual = keepsPods(config, target);
  const current = manual ? wanted : wanted.filter((pod) => pod.template === template);
  // a rollout needs one more than is desired
  if (pods.length < Math.max(config.maxPods, desired + 1)) {
    if (current.length < desired && (!manual || wanted.length < desired) && wanted.length <= desired)
      createSteps(config, world, target, template, emit);
    if (config.faults.scale && wanted.length < desired) {
      const old = new Set(pods.map((pod) => pod.template).filter((other) => other !== template));
      for (const other of old) createSteps(config, world, target, other, emit);
    }
  }
  if (wanted.length > desired) {
    // not before enough others are available, and those of an old template first
    const available = (but: Pod) => wanted.filter((pod) => pod !== but && isReady(pod)).length;
    const outdated = wanted.filter((pod) => !manual && pod.template !== template);
    for (const pod of outdated.length > 0 ? outdated : wanted) {
      if (available(pod) < desired && isReady(pod)) continue;
      const killed = { ...pod, terminating: true };
      emit('kill', { ...world, pods: world.pods.map((other) => (other === pod ? killed : other)) }, pod.id);
    }
  }
  if (config.faults.scale) {
    const set = (count: number) => ({ ...world, desired: world.desired.map((n, i) => (i === target ? count : n)) });
    const replicas = config.targets[target]?.replicas ?? 1;
    if (desired === replicas) emit('scaleUp', set(replicas + 1), target);
    else emit('scaleDown', set(replicas), target);
  }
  if (config.faults.revert && template !== 0) {
    emit('revert', { ...world, templates: world.templates.map((v, i) => (i === target ? 0 : v)) }, target);
  }
}

function createSteps(config: Config, world: World, target: number, template: number, emit: Emit): void {
  const id = world.serial + 1;
  for (let node = 0; node < config.nodes; node += 1) {
    const flags = { up: false, young: true, terminating: false, lag: false, marked: false, gone: false };
    const sidecar = config.targets[target]?.sidecar === true && { sidecar: DOWN };
    const pod = { id, target, node, template, loaded: NONE, settled: settledVersion(world), ...flags, ...sidecar };
    const bounds = world.bounds.map((bound, i) => (i === node && bound === NO_BOUND ? versionOf(world.secret) : bound));
    const kind = template === world.templates[target] ? 'create' : 'createOld';
    emit(kind, { ...world, bounds, pods: [...world.pods, pod], serial: id }, id, node);
  }
}

function peopleSteps(config: Config, world: World, emit: Emit): void {
  if (config.faults.window) emit(world.open ? 'windowCloses' : 'windowOpens', { ...world, open: !world.open });
  if (config.faults.lift && world.refusing) emit('lift', { ...world, refusing: false });
  if (world.secret === UNMANAGED) return;
  const { phase, handled } = entryOf(world.secret).keyset;
  const wish = (kind: StepKind, next: World) => emit(kind, wished(config, next));
  if (world.rotate < config.rotations) wish('askRotation', { ...world, rotate: world.rotate + 1 });
  // one that is asked for twice at once is one
  const heard = world.abort === 0 || handled.abortAt === `a${world.abort}`;
  if (world.abort < config.aborts && heard) wish('askAbort', { ...world, abort: world.abort + 1 });
  if (world.emergency < (config.emergencies ?? 0)) wish('askEmergency', { ...world, emergency: world.emergency + 1 });
  const under = phase !== 'Steady' && phase !== 'Staging';
  if (config.faults.shorten && !world.shortened && under) wish('shorten', { ...world, shortened: true });
}

function tick(config: Config, world: World, emit: Emit): void {
  const { tickMs, drainTicks } = config;
  const refusals = tickedRefusals(world.refusals, tickMs);
  let changed = refusals !== world.refusals || world.tried !== 0;
  const tokens = world.tokens.map(({ key, age }) => ({ key, age: age + 1 })).filter(({ age }) => age < drainTicks);
  if (world.tokens.length > 0) changed = true;
  const secret = tickedKeyset(world.secret, tickMs, drainTicks);
  const cache = world.cache && { ...world.cache, secret: tickedKeyset(world.cache.secret, tickMs, drainTicks) };
  if (secret !== world.secret || cache?.secret !== world.cache?.secret) changed = true;
  const cap = Math.ceil(60_000 / tickMs);
  const older = (probe: Probe): Probe => {
    if (probe.age >= cap) return probe;
    changed = true;
    return { ...probe, age: probe.age + 1 };
  };
  const pods = world.pods.map((pod): Pod => {
    const probe = pod.probe && older(pod.probe);
    const shownProbe = pod.shown?.probe && older(pod.shown.probe);
    if (probe === pod.probe && shownProbe === pod.shown?.probe) return pod;
    const next = probe === undefined ? pod : { ...pod, probe };
    return shownProbe === undefined || next.shown === undefined
      ? next
      : { ...next, shown: { ...next.shown, probe: shownProbe } };
  });
  if (changed) emit('tick', { ...world, tokens, secret, cache, pods, refusals, tried: 0 });
}

/** Leaves out what no step and no oracle can tell apart any more. */
export function tidied(config: Config, world: World): World {
  const newest = versionOf(world.secret);
  const seen = world.cache === undefined ? newest : versionOf(world.cache.secret);
  let oldest = newest;
  for (const bound of world.bounds) if (bound !== NO_BOUND) oldest = Math.min(oldest, bound);
  const settle = (pod: Pod, settled: number) =>
    isProven(config, pod) && pod.sidecar === undefined && settled < Math.min(newest, seen) ? 0 : settled;
  const keep = (probe: Probe | undefined) => probe?.version === newest || probe?.version === seen;
  const pods = world.pods.map((pod): Pod => {
    let next = pod;
    if (pod.probe && !keep(pod.probe)) {
      const { probe: _, ...rest } = pod;
      next = rest;
    }
    if (next.shown?.probe && !keep(next.shown.probe)) {
      const { probe: _, ...rest } = next.shown;
      next = { ...next, shown: rest };
    }
    if (next.shown && settle(pod, next.shown.settled) !== next.shown.settled) {
      next = { ...next, shown: { ...next.shown, settled: 0 } };
    }
    const settled = settle(pod, next.settled);
    if (settled !== next.settled) next = { ...next, settled };
    if (next.up) oldest = Math.min(oldest, next.loaded);
    if (next.sidecar?.up === true) oldest = Math.min(oldest, next.sidecar.loaded);
    if (next.probe) oldest = Math.min(oldest, next.probe.held);
    if (next.shown?.probe) oldest = Math.min(oldest, next.shown.probe.held);
    return next;
  });
  return { ...world, pods, chronicle: trimmed(world.chronicle, oldest) };
}
