/**
 * The operator in the explored world: it thinks with the production planner, and its effects do to the world what the
 * production effects do to a cluster, one at a time and with anything in between.
 */

import type { Facts } from '../../src/rotation/facts.ts';
import type { Decision } from '../../src/rotation/plan/decision.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import type { Config } from './config.ts';
import { effectOf, internEffect } from './effects.ts';
import { factsOf, indexOf } from './facts.ts';
import { UNMANAGED, versionOf } from './keysets.ts';
import { afterDecision, NONE_REFUSED } from './refusals.ts';
import type { Emit } from './steps.ts';
import { isRolledOut, isRunning, type Pod, type Probe, type World } from './world.ts';
import {
  applyWrite,
  asksAfter,
  bumped,
  counted,
  evicted,
  idle,
  isCurrent,
  isRefused,
  learned,
  madeUnanswered,
  mayFail,
  refreshed,
  refused,
} from './write.ts';

export interface Thought {
  readonly facts: Facts;
  readonly decision: Decision;
  /** The world with what the operator has forgotten while thinking. */
  readonly world: World;
}

/** As the reconciler: plans from the caches; where a write depends on it, once more from the API server itself. */
export function think(config: Config, world: World): Thought {
  const facts = factsOf(config, world, false);
  const decision = plan(facts);
  const pruned = prune(world, false);
  if (decision.action.type !== 'confirm') return { facts, decision, world: decided(config, pruned, decision) };
  const { cache } = pruned;
  const reread = cache === undefined ? pruned : { ...pruned, cache: { ...cache, secret: world.secret } };
  const live = factsOf(config, reread, true);
  const confirmed = plan(live);
  return { facts: live, decision: confirmed, world: decided(config, prune(reread, true), confirmed) };
}

/** What nobody wants any more is forgotten. */
function decided({ tickMs }: Config, world: World, decision: Decision): World {
  const refusals = afterDecision(world.refusals, decision, tickMs);
  return refusals === world.refusals ? world : { ...world, refusals };
}

/** Answers of containers that are not among the observed ones are forgotten. Where the caches are fresh there are none. */
function prune(world: World, live: boolean): World {
  if (world.cache === undefined) return world;
  let changed = false;
  const pods = world.pods.map((pod): Pod => {
    const { shown } = pod;
    if (!live && pod.probe !== undefined && shown?.same !== true) {
      changed = true;
      return without(pod);
    }
    if (live && shown?.probe !== undefined && (!shown.same || pod.gone)) {
      changed = true;
      const { probe: _, ...rest } = shown;
      return { ...pod, shown: rest };
    }
    return pod;
  });
  return changed ? { ...world, pods } : world;
}

function without({ probe: _, ...pod }: Pod): Pod {
  return pod;
}

/** Every step of the operator that the state allows. */
export function operatorSteps(config: Config, world: World, emit: Emit, onThought: (thought: Thought) => void): void {
  if (isTouched(world)) emit('die', dead(world));
  if (world.pending !== 0) {
    pendingSteps(config, world, emit);
    return;
  }
  const thought = think(config, world);
  onThought(thought);
  actionSteps(config, world, thought, emit);
}

function actionSteps(config: Config, world: World, thought: Thought, emit: Emit): void {
  const { facts, decision, world: next } = thought;
  const { action } = decision;
  switch (action.type) {
    case 'write': {
      const pending = internEffect({ type: 'write', write: action.write });
      if (isCurrent(next)) emit('decide', { ...next, pending }, pending);
      else emit('conflict', knowing(next));
      return;
    }
    case 'bump':
      bumpSteps(config, next, action, facts, emit);
      return;
    case 'refresh':
      for (const { pod } of action.pods) {
        emit('refresh', refreshed(next, indexOf(pod), action.version), next.pods[indexOf(pod)]?.id, action.version);
      }
      return;
    case 'evict':
    case 'delete': {
      const pods = action.pods.map(({ pod }) => indexOf(pod));
      evictSteps(config, next, pods, emit, action.type);
      return;
    }
    case 'probe': {
      const pods = action.pods.map(({ pod }) => indexOf(pod));
      probeSteps(config, next, pods, facts.live, emit);
      return;
    }
    default:
      if (next !== world) emit('prune', next);
      heedSteps(next, decision, emit);
  }
}

/** A stalled rotation says what a person should do. Who does it gets on: see liveness.ts. */
function heedSteps(world: World, { stalled }: Decision, emit: Emit): void {
  const [, name] = stalled?.reason === 'PodStale' ? (/pod (pod-[0-9]+) /.exec(stalled.message) ?? []) : [];
  const index = name === undefined ? -1 : Number(name.slice('pod-'.length));
  const next = evicted(world, index);
  if (next !== world) emit('heed', next, world.pods[index]?.id);
}

/** Whether anything would be lost with the operator. */
function isTouched({ pending, retired, refusals, pods, cache }: World): boolean {
  if (pending !== 0 || retired || refusals !== NONE_REFUSED || cache !== undefined) return true;
  return pods.some((pod) => pod.probe !== undefined);
}

/** Another operator starts with an empty memory and fresh caches. */
function dead(world: World): World {
  const pods = world.pods.filter((pod) => !pod.gone).map(({ probe: _, shown: __, ...pod }): Pod => pod);
  return {
    ...world,
    pods,
    pending: 0,
    retired: false,
    refusals: NONE_REFUSED,
    tried: 0,
    wished: false,
    cache: undefined,
  };
}

/** The Secret is read from the API server: what has not succeeded may have happened. */
function knowing(world: World): World {
  return world.cache === undefined ? world : { ...world, cache: { ...world.cache, secret: world.secret } };
}

function pendingSteps(config: Config, world: World, emit: Emit): void {
  const effect = effectOf(world.pending);
  if (effect.type !== 'write') throw new Error('only a write waits');
  if (isRefused(config, world, effect.write)) {
    emit('writeRefused', knowing(refused(config, world, effect.write)), world.pending);
    return;
  }
  if (mayFail(config, effect.write)) {
    emit('writeFailed', knowing(refused(config, world, effect.write, 'Failed')), world.pending);
    emit('writeFailedMade', knowing(madeUnanswered(config, world, effect.write)), world.pending);
  }
  const written = applyWrite(config, world, effect.write);
  emit('write', learned(config, written, effect.write), world.pending);
  if (asksAfter(effect.write)) emit('writeUnanswered', knowing(idle(config, written)), world.pending);
  if (config.faults.zombie && world.zombie === 0) {
    emit('pause', { ...dead(world), zombie: world.pending }, world.pending);
  }
}

type Action<T> = Extract<Decision['action'], { type: T }>;

function bumpSteps(config: Config, world: World, action: Action<'bump'>, facts: Facts, emit: Emit): void {
  const targets = action.restarts.map(({ target }) => facts.targets.indexOf(target));
  const [first] = targets;
  if (first === undefined) return;
  const done = bumped(world, first, action.version);
  const { cache } = done;
  const told = (cached: NonNullable<World['cache']>) => ({
    ...cached,
    templates: cached.templates.map((template, i) => (i === first ? action.version : template)),
    rolledOut: cached.rolledOut.map((out, i) => (i === first ? isRolledOut(config, done, first) : out)),
  });
  // the answer of the API server goes into the cache
  emit('bump', cache === undefined ? done : { ...done, cache: told(cache) }, first, action.version);
  if (cache !== undefined) emit('bumpUnanswered', done, first, action.version);
  if (config.faults.zombie && world.zombie === 0) {
    const zombie = internEffect({ type: 'bump', targets, version: action.version });
    emit('pause', { ...dead(world), zombie }, zombie);
  }
}

function evictSteps(
  config: Config,
  world: World,
  pods: readonly number[],
  emit: Emit,
  kind: 'evict' | 'delete' = 'evict',
): void {
  for (const index of pods) {
    const next = evicted(world, index);
    if (next !== world) emit(kind, counted(config, next, world.pods[index]?.target), world.pods[index]?.id);
  }
  if (config.faults.zombie && world.zombie === 0) {
    const marked = world.pods.map((pod, i) => (pods.includes(i) && !pod.gone ? { ...pod, marked: true } : pod));
    const zombie = internEffect({ type: 'evict' });
    emit('pause', { ...dead({ ...world, pods: marked }), zombie }, zombie);
  }
}

function probeSteps(config: Config, world: World, pods: readonly number[], live: boolean, emit: Emit): void {
  const version = versionOf(world.secret);
  if (world.secret === UNMANAGED) return;
  const answered = (silent: number, limited = false) => {
    const next = world.pods.slice();
    for (const index of pods) {
      const pod = next[index];
      if (pod === undefined) continue;
      const known = isRunning(pod) && index !== silent;
      next[index] = withProbe(pod, live, {
        ...{ version, age: 0, known, held: known ? pod.loaded : version },
        ...(limited && known && { partial: true as const }),
      });
    }
    return { ...world, pods: next };
  };
  emit('probe', answered(-1), pods.length);
  if (config.faults.silence) for (const index of pods) emit('probeSilent', answered(index), world.pods[index]?.id);
  if (config.faults.limits) emit('probeLimited', answered(-1, true), pods.length);
}

/** The answer is remembered under the incarnation that was observed, whoever gave it. */
function withProbe(pod: Pod, live: boolean, probe: Probe): Pod {
  const { shown } = pod;
  if (shown === undefined || (live && !shown.same)) return pod.gone ? pod : { ...pod, probe };
  return { ...pod, shown: { ...shown, probe } };
}
