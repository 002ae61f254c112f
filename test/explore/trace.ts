/**
 * A path through the states as people read it: one line a step.
 */
import { chronicleAt } from './chronicle.ts';
import { encode } from './codec.ts';
import type { Config } from './config.ts';
import { effectOf } from './effects.ts';
import { entryOf, NOW, UNMANAGED } from './keysets.ts';
import { judgeState, judgeStep } from './oracles.ts';
import { refusalsOf } from './refusals.ts';
import { type Found, type Result, steps } from './search.ts';
import { STEPS, type StepKind } from './steps.ts';
import { initialWorld, type World } from './world.ts';

interface Step {
  readonly kind: StepKind;
  readonly a: number | undefined;
  readonly b: number | undefined;
  readonly next: World;
}

/** @returns one line for each step, then what is broken */
export function traceOf(
  config: Config,
  { store }: Pick<Result, 'store'>,
  { violation, state, after }: Found,
): string[] {
  const path: number[] = [];
  for (let id = state; id !== -1; id = store.parent(id)) path.unshift(id);
  let world = initialWorld(config);
  const lines = [`     ${describe(config, world)}`];
  for (const id of path.slice(1)) {
    const taken = stepTo(config, world, store.get(id));
    lines.push(line(config, lines.length, world, taken));
    world = taken.next;
  }
  if (after === undefined) return [...lines, `${violation.oracle}: ${violation.message}`];
  const last = stepTo(config, world, after);
  lines.push(line(config, lines.length, world, last));
  // once more, with the names of this trace
  const again = judgeStep(config, world, last.kind, last.next) ?? judgeState(config, last.next);
  const { message } = again?.oracle === violation.oracle ? again : violation;
  return [...lines, `${violation.oracle}: ${message}`];
}

function allSteps(config: Config, world: World): Step[] {
  const all: Step[] = [];
  steps(
    config,
    world,
    (kind, next, a, b) => all.push({ kind, a, b, next }),
    () => {},
  );
  return all;
}

/** Follows the states with pods and nodes that keep their names. */
function stepTo(config: Config, world: World, bytes: Uint8Array): Step {
  const wanted = Buffer.from(bytes);
  const taken = allSteps(config, world).find(({ next }) => wanted.equals(encode(config, next)));
  if (taken === undefined) throw new Error('a step of the trace is lost: the encoding of states is at fault');
  return taken;
}

function line(config: Config, number: number, world: World, step: Step): string {
  return `${String(number).padStart(4)} ${stepText(config, world, step)}\n     ${describe(config, step.next)}`;
}

/** A step in words. */
export function stepText(config: Config, world: World, { kind, a, b, next }: Step): string {
  const pod = [...world.pods, ...next.pods].find(({ id }) => id === a);
  const target = config.targets[pod?.target ?? a ?? 0]?.name;
  const who = pod === undefined ? '' : ` (${target}#${pod.id} on node ${pod.node}, template ${pod.template})`;
  switch (kind) {
    case 'start':
    case 'startUnseen':
    case 'startSidecar':
      return `${STEPS[kind]}: ${target}#${a} on node ${pod?.node} loads version ${b}`;
    case 'decide':
    case 'write':
    case 'writeUnanswered':
    case 'writeRefused':
    case 'writeFailed':
    case 'writeFailedMade':
    case 'zombieRefused':
    case 'zombieWrite':
    case 'pause':
      return `${STEPS[kind]}: ${effectText(config, a ?? 0)}`;
    case 'bump':
    case 'bumpUnanswered':
    case 'zombieBump':
      return `${STEPS[kind]}: ${config.targets[a ?? 0]?.name} := ${b}`;
    case 'revert':
    case 'scaleUp':
    case 'scaleDown':
      return `${STEPS[kind]}: ${config.targets[a ?? 0]?.name}`;
    case 'probe':
      return `${STEPS[kind]}: ${a} asked`;
    default:
      return `${STEPS[kind]}${who}`;
  }
}

function effectText(config: Config, id: number): string {
  const effect = effectOf(id);
  if (effect.type === 'write') {
    const { write } = effect;
    const acked = 'acked' in write ? ` (acked: Signer ${write.acked.Signer}, Verifier ${write.acked.Verifier})` : '';
    return `${write.transition}${acked}`;
  }
  if (effect.type === 'evict') return 'evict';
  return `bump ${effect.targets.map((target) => config.targets[target]?.name).join()} to ${effect.version}`;
}

/** The state in one line. */
export function describe(config: Config, world: World): string {
  const pods = world.pods.map((pod) => {
    const flags = [pod.terminating && 'T', pod.gone && 'gone', pod.lag && 'lag', !pod.up && 'down'].filter(Boolean);
    const holds = pod.up && !pod.gone ? `v${pod.loaded}${shapeText(world, pod.loaded)}` : '-';
    const beside = pod.sidecar?.up === true ? `+v${pod.sidecar.loaded}${shapeText(world, pod.sidecar.loaded)}` : '';
    const answer = pod.probe ?? pod.shown?.probe;
    const probe = answer && `?${answer.known ? `v${answer.held}` : 'silent'}/${answer.version}@${answer.age}`;
    return `${config.targets[pod.target]?.name}#${pod.id}[n${pod.node} t${pod.template} ${holds}${probe ?? ''}${beside} ${flags.join()}]`;
  });
  const tokens = world.tokens.map(({ key, age }) => `K${key}:${age}`).join();
  const caches = world.cache === undefined ? '' : ' stale-cache';
  const refusals = refusalsOf(world.refusals).map(
    ({ effect, retryAt }) => `${effect}${retryAt > NOW ? ' held back' : ''}`,
  );
  const refused = refusals.length === 0 ? '' : ` refused=[${refusals.join()}]`;
  return `${secretText(world)} templates=${world.templates} ${pods.join(' ')} nodes=${world.bounds} tokens=[${tokens}]${caches}${refused}`;
}

function secretText({ secret }: World): string {
  if (secret === UNMANAGED) return 'unmanaged';
  const { keyset } = entryOf(secret);
  const shape = keyset.history.at(-1);
  const { Signer, Verifier } = keyset.acked;
  return `v${keyset.version} ${keyset.phase} ${shape?.sign}/${shape?.verify} acked=S${Signer},V${Verifier}`;
}

function shapeText(world: World, version: number): string {
  const { sign, mask } = chronicleAt(world.chronicle, version);
  const keys = Array.from({ length: 16 }, (_, i) => i).filter((i) => (mask & (1 << i)) !== 0);
  return `<K${sign},${keys.map((key) => `K${key}`).join('+')}>`;
}
