/**
 * What must hold of a decision: I10, I11, I13, I15 and I16, what it claims, and what it must not keep to itself.
 */
import type { Cause } from '../../src/rotation/api/refusal.ts';
import type { Facts } from '../../src/rotation/facts.ts';
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import { survey } from '../../src/rotation/plan/converge.ts';
import type { Decision } from '../../src/rotation/plan/decision.ts';
import { writeEffect } from '../../src/rotation/plan/effect.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import { requirementsOf } from '../../src/rotation/plan/requirements.ts';
import { chronicleAt } from './chronicle.ts';
import type { Config } from './config.ts';
import { acceptedBy } from './containers.ts';
import { indexOf } from './facts.ts';
import { NOW, UNMANAGED, versionOf } from './keysets.ts';
import { type Thought, think } from './operator.ts';
import type { Violation } from './oracles.ts';
import { NONE_REFUSED, refusalsOf } from './refusals.ts';
import { isRunning, type Pod, type World } from './world.ts';

/** How a refusal is told, by its cause. */
const TOLD: Readonly<Partial<Record<Cause, string>>> = { Admission: 'WriteRefused', Failed: 'WriteFailed' };
const FOREIGN = { kind: 'Refused', finding: { reason: 'ForeignWriter', message: 'edited' } } as const;

export function judgeThought(config: Config, world: World, { facts, decision }: Thought): Violation | undefined {
  const { action } = decision;
  const lie = world.cache === undefined ? judgeClaims(config, world, facts, decision) : undefined;
  if (lie !== undefined) return lie;
  const silence = judgeSilence(config, world, decision);
  if (silence !== undefined) return silence;
  const again = deed(plan(facts));
  if (again !== deed(decision))
    return { oracle: 'I10', message: `the same facts led to ${deed(decision)}, then ${again}` };
  const { emergency, ...quiet } = facts.requests;
  const blind = plan({ ...facts, requests: quiet, secret: FOREIGN }).action.type;
  if (blind !== 'wait') return { oracle: 'I16', message: `content that it did not write leads to: ${blind}` };
  if (facts.secret.kind === 'Managed') {
    const { abortAt } = facts.requests;
    const { handled, phase } = facts.secret.keyset;
    const leaked = emergency !== undefined && handled.emergencies?.includes(emergency.nonce) !== true;
    const unheard = abortAt !== undefined && abortAt !== handled.abortAt && !leaked;
    const surprise = judgeQueue(facts, decision);
    if (surprise !== undefined) return surprise;
    const failed = facts.refusals?.some(({ effect, retryAt }) => effect === 'write abort' && facts.now < retryAt);
    if (unheard && phase === 'Staging' && !isWrite(decision, 'abort') && failed !== true) {
      return { oracle: 'I11', message: `an abort is asked for while staging, the answer is ${deed(decision)}` };
    }
  }
  if (isWrite(decision, 'promote') && !world.open) {
    return { oracle: 'I13', message: 'the new key is promoted while the window is closed' };
  }
  if (isWrite(decision, 'cutover')) {
    if (!world.open) return { oracle: 'I13', message: 'tokens are given up while the window is closed' };
    const must = config.strategy === 'Cutover' || config.targets.some(({ singleKey }) => singleKey === true);
    if (config.strategy === undefined || !must) return { oracle: 'I2', message: 'tokens are given up without need' };
  }
  return action.type === 'write' && world.cache === undefined ? judgeForgetting(config, world, decision) : undefined;
}

/** A request that was queued when somebody asked to go back begins nothing afterwards. */
function judgeQueue({ secret, requests }: Facts, { action }: Decision): Violation | undefined {
  if (action.type !== 'write' || secret.kind !== 'Managed') return undefined;
  const { handled, phase } = secret.keyset;
  const { rotateAt } = requests;
  const { write } = action;
  if (rotateAt === undefined) return undefined;
  const begins = phase === 'Steady' && 'rotation' in write && write.transition !== 'burn';
  if (begins && rotateAt === handled.withdrawn?.rotateAt) {
    return { oracle: 'I15', message: `${rotateAt} was withdrawn, and a rotation begins` };
  }
  const ends = 'handled' in write && write.handled.abortAt !== handled.abortAt;
  if (ends && ![write.handled.rotateAt, write.handled.withdrawn?.rotateAt].includes(rotateAt)) {
    return { oracle: 'I15', message: `${rotateAt} outlives an abort` };
  }
  return undefined;
}

function isWrite({ action }: Decision, transition: string): boolean {
  return action.type === 'write' && action.write.transition === transition;
}

/** What is said of pods is true of them: who has acknowledged has, and who is blamed is to blame. */
function judgeClaims(
  config: Config,
  world: World,
  { secret, targets }: Facts,
  { stalled }: Decision,
): Violation | undefined {
  if (secret.kind !== 'Managed') return undefined;
  const { keyset } = secret;
  const dead = isDying(keyset.phase) ? world.burnt : 0;
  const requirements = requirementsOf(targets, keyset);
  for (const { holds, target } of keyset.phase === 'Steady' ? [] : requirements) {
    for (const row of survey([{ holds, target, restart: false }], keyset).met) {
      const pod = world.pods[indexOf(row.pod)];
      if (pod === undefined || !isRunning(pod)) continue;
      const name = config.targets[pod.target]?.name;
      const shape = keyset.history.findLast(({ version }) => version <= pod.loaded) ?? keyset.history[0];
      if (shape !== undefined && !holds(shape)) {
        return {
          oracle: 'claims',
          message: `${name} is said to have acknowledged, and has loaded version ${pod.loaded}`,
        };
      }
      const accepted = acceptedBy(config, pod, chronicleAt(world.chronicle, pod.loaded)) & dead;
      if (accepted !== 0) return { oracle: 'claims', message: `${name} is said to refuse a key that it accepts` };
    }
  }
  return stalled && judgeBlame(config, stalled.reason);
}

function isDying(phase: Keyset['phase']): boolean {
  return phase === 'Burning' || phase === 'Switching';
}

function judgeBlame({ targets, name, refuses, fails }: Config, reason: string): Violation | undefined {
  const is = (trait: 'singleKey' | 'copy' | 'verifiesNothing') => targets.some((target) => target[trait] === true);
  const blames: Readonly<Record<string, boolean>> = {
    ...{ SingleKeyService: is('singleKey'), KeyStillAccepted: is('copy'), CanaryVoid: is('verifiesNothing') },
    ...{ CanaryRefused: false, UnsafeWrite: false, ClockSkew: false, WriteRefused: refuses !== undefined },
    WriteFailed: fails !== undefined,
  };
  return blames[reason] === false ? { oracle: 'claims', message: `${reason} is said in the world ${name}` } : undefined;
}

/** I10: an operator that has just started comes to the same write, or has to wait for pods that it cannot ask. */
function judgeForgetting(config: Config, world: World, decision: Decision): Violation | undefined {
  if (world.secret === UNMANAGED) return undefined;
  const pods = world.pods.map(({ probe: _, ...pod }): Pod => pod);
  const other = decisionOf(config, { ...world, retired: false, refusals: NONE_REFUSED, pods });
  if (other?.action.type !== 'write' || isWrite(decision, other.action.write.transition)) return undefined;
  return { oracle: 'I10', message: `${deed(decision)}, but ${deed(other)} with an empty memory` };
}

/** @returns what the operator decides upon once the pods that it asks have answered; undefined if it goes on asking */
function decisionOf(config: Config, world: World): Decision | undefined {
  let asked = world;
  for (let round = 0; round < 4; round += 1) {
    const { decision } = think(config, asked);
    if (decision.action.type !== 'probe') return decision;
    const indices = new Set(decision.action.pods.map(({ pod }) => indexOf(pod)));
    const version = versionOf(world.secret);
    const pods = asked.pods.map((pod, i): Pod => {
      if (!indices.has(i)) return pod;
      const known = isRunning(pod);
      return { ...pod, probe: { version, age: 0, known, held: known ? pod.loaded : version } };
    });
    asked = { ...asked, pods };
  }
  return undefined;
}

/**
 * What was refused and is wanted still is told: else nobody would know why nothing happens. What has failed is told when it has
 * for long and is about to be tried again, and in an emergency at once.
 */
function judgeSilence(
  config: Config,
  world: World,
  { action, phase, blocked, stalled }: Decision,
): Violation | undefined {
  const refusals = refusalsOf(world.refusals);
  if (refusals.length === 0 || world.cache !== undefined) return undefined;
  const wanted = decisionOf(config, { ...world, refusals: NONE_REFUSED })?.action;
  if (wanted?.type !== 'write') return undefined;
  const refusal = refusals.find(({ effect }) => effect === writeEffect(wanted.write));
  if (refusal === undefined) return undefined;
  const isBurn = wanted.write.transition === 'burn';
  if (refusal.cause === 'Failed' && !isBurn && (refusal.since === NOW || action.type === 'probe')) return undefined;
  const what = `${refusal.effect} is refused or fails, is wanted, and`;
  const told = [blocked, stalled].find((finding) => finding?.reason === TOLD[refusal.cause]);
  if (told === undefined) return { oracle: 'silence', message: `${what} nobody is told` };
  if (isBurn && !(phase === 'Degraded' && told.message.startsWith('EMERGENCY NOT SERVED'))) {
    return { oracle: 'silence', message: `${what} that the emergency is not served is not told` };
  }
  return undefined;
}

/** An action in a few words. */
export function deed({ action }: Decision): string {
  switch (action.type) {
    case 'write':
      return `write ${action.write.transition}`;
    case 'bump':
      return `bump ${action.restarts.map(({ target }) => target.settings.name).join()} to ${action.version}`;
    case 'refresh':
    case 'evict':
    case 'delete':
    case 'probe':
      return `${action.type} ${action.pods.map(({ pod }) => pod.name).join()}`;
    default:
      return action.type;
  }
}
