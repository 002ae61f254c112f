/**
 * What must hold, see docs/protocol.md: judged from what containers really hold, never by the code under test.
 */
import { chronicleAt } from './chronicle.ts';
import type { Config } from './config.ts';
import { acceptedBy, containersOf, signingKeys, signs, verifies } from './containers.ts';
import { effectOf } from './effects.ts';
import { entryOf, UNMANAGED, versionOf } from './keysets.ts';
import { oldestLoadable } from './kubelet.ts';
import type { StepKind } from './steps.ts';
import { NO_BOUND, type Pod, type World } from './world.ts';
import { triedBit } from './write.ts';

export interface Violation {
  readonly oracle: string;
  readonly message: string;
}

const names = (mask: number) =>
  Array.from({ length: 16 }, (_, i) => i)
    .filter((i) => (mask & (1 << i)) !== 0)
    .map((i) => `K${i}`)
    .join(', ');

/** I1, I2 and I4 in one state. */
export function judgeState(config: Config, world: World): Violation | undefined {
  const poss = judgeBounds(config, world) ?? (world.secret === UNMANAGED ? undefined : judgePoss(config, world));
  // an emergency and a cutover refuse tokens, by intention, until the last container is replaced
  return poss ?? (isReplacing(world) ? undefined : judgeTokens(config, world));
}

/**
 * B: no slot is replaced more than once for one keyset, and in an emergency or a cutover no more than twice: at once, and when
 * the write has reached every node.
 */
function judgeBounds(config: Config, world: World): Violation | undefined {
  const times = isReplacing(world) ? 2 : 1;
  const target = world.replaced.findIndex((count) => count > times * config.maxPods);
  if (target === -1) return undefined;
  const message = `${world.replaced[target]} pods of ${config.targets[target]?.name} are replaced for one keyset`;
  return { oracle: 'bounds', message };
}

function isReplacing({ secret }: World): boolean {
  if (secret === UNMANAGED) return false;
  const { phase } = entryOf(secret).keyset;
  return phase === 'Burning' || phase === 'Switching';
}

function judgeTokens(config: Config, world: World): Violation | undefined {
  const signing = signingKeys(config, world);
  let tokens = 0;
  for (const { key } of world.tokens) tokens |= 1 << key;
  tokens &= ~world.burnt;
  for (const container of containersOf(config, world).filter(verifies)) {
    const { pod, loaded } = container;
    const accepted = acceptedBy(config, pod, chronicleAt(world.chronicle, loaded));
    const where = `${config.targets[pod.target]?.name} on node ${pod.node} has loaded version ${loaded} and refuses`;
    if ((signing & ~accepted) !== 0) {
      return { oracle: 'I1', message: `${where} ${names(signing & ~accepted)}, which a live container signs with` };
    }
    if ((tokens & ~accepted) !== 0) {
      return { oracle: 'I2', message: `${where} ${names(tokens & ~accepted)}, of which tokens are alive` };
    }
  }
  return undefined;
}

/** I4: what the annotations say may be held is held. */
function judgePoss(config: Config, world: World): Violation | undefined {
  const { history, acked, keys } = entryOf(world.secret).keyset;
  for (const { pod, loaded, roles } of containersOf(config, world)) {
    const truth = chronicleAt(world.chronicle, loaded);
    for (const role of roles) {
      const oldest = Math.max(
        history.findLastIndex(({ version }) => version <= acked[role]),
        0,
      );
      const entry = history.findLastIndex(({ version }) => version <= loaded);
      // of what was there before the adoption there are several shapes: one of them is true
      const same = history.some(
        (shape) =>
          shape.version === history[entry]?.version &&
          shape.sign === `K${truth.sign}` &&
          keys.every(({ kid, state }) => state === 'ack' || shape.verify.includes(kid) === has(truth.mask, kid)),
      );
      if (entry >= oldest && same) continue;
      const target = config.targets[pod.target]?.name;
      const message = `${target} has loaded version ${loaded}; by the Secret its ${role}s hold ${history[oldest]?.version} or newer (acked ${acked[role]})`;
      return { oracle: 'I4', message };
    }
  }
  return undefined;
}

function has(mask: number, kid: string): boolean {
  return (mask & (1 << Number(kid.slice(1)))) !== 0;
}

/** B: between two ticks, and as long as people ask for nothing, no write is tried twice. */
function judgeTry(config: Config, before: World): Violation | undefined {
  const effect = effectOf(before.pending);
  if (effect.type !== 'write' || (before.tried & triedBit(config, effect.write)) === 0) return undefined;
  return { oracle: 'bounds', message: `${effect.write.transition} is tried twice without a pause` };
}

const WRITES: readonly StepKind[] = ['write', 'writeUnanswered', 'writeFailedMade', 'zombieWrite'];
const DEEDS: readonly StepKind[] = [
  ...WRITES,
  'bump',
  'evict',
  'delete',
  'probe',
  'die',
  'zombieBump',
  'zombieEvict',
  'decide',
];

/** I3, I5, I9, I11, I15 and I17 of one step. */
export function judgeStep(config: Config, before: World, kind: StepKind, after: World): Violation | undefined {
  if (WRITES.includes(kind)) {
    const givesUp = after.burnt !== before.burnt;
    const found =
      judgeBurnt(config, before, after) ??
      (givesUp ? undefined : judgeWrite(config, before, after)) ??
      judgeAborted(config, before, after) ??
      judgeRoom(config, after) ??
      judgeKeys(config, before, after);
    if (found !== undefined) return found;
  }
  if (kind === 'writeRefused' || kind === 'writeFailed') return judgeTry(config, before);
  if (!DEEDS.includes(kind)) return undefined;
  const changed = before.pods.find((pod) => {
    const now = after.pods.find(({ id }) => id === pod.id);
    return !pod.gone && (now === undefined || differ(now, pod) || differ(now.sidecar, pod.sidecar));
  });
  return changed && { oracle: 'I17', message: `a container of ${config.targets[changed.target]?.name} has changed` };
}

/** A key that does not fit into what a service reads is one that the service refuses, whatever the Secret says. */
function judgeRoom({ room }: Config, after: World): Violation | undefined {
  if (room === undefined || after.secret === UNMANAGED) return undefined;
  const { history } = entryOf(after.secret).keyset;
  const beside = (history.at(-1)?.verify.length ?? 1) - 1;
  if (beside <= room) return undefined;
  return { oracle: 'room', message: `${beside} keys are written beside the one that signs, and ${room} fit` };
}

type Holding = Pick<Pod, 'up' | 'loaded'>;

function differ(a: Holding | undefined, b: Holding | undefined): boolean {
  return a?.loaded !== b?.loaded || a?.up !== b?.up;
}

/** I3 and I5, for what containers hold and for what one that starts now can still load. */
function judgeWrite(config: Config, before: World, after: World): Violation | undefined {
  const newest = versionOf(after.secret);
  const last = versionOf(before.secret);
  if (newest === last) return undefined;
  const next = chronicleAt(after.chronicle, newest);
  const dropped = chronicleAt(before.chronicle, last).mask & ~next.mask;
  const alive = before.tokens.reduce((mask, { key }) => mask | (1 << key), signingKeys(config, before));
  if ((dropped & alive) !== 0) {
    return { oracle: 'I5', message: `${names(dropped & alive)} leaves while its tokens or signers are alive` };
  }
  for (const container of containersOf(config, before)) {
    const { pod, loaded } = container;
    const shape = chronicleAt(before.chronicle, loaded);
    const where = `${config.targets[pod.target]?.name} has loaded version ${loaded}`;
    if (verifies(container) && (acceptedBy(config, pod, shape) & (1 << next.sign)) === 0) {
      return { oracle: 'I3', message: `${where} and refuses K${next.sign}, which version ${newest} signs with` };
    }
    if (signs(container) && (next.mask & (1 << shape.sign)) === 0) {
      return { oracle: 'I3', message: `${where} and signs with K${shape.sign}, which version ${newest} refuses` };
    }
  }
  for (let node = 0; node < config.nodes; node += 1) {
    if (before.bounds[node] === NO_BOUND) continue;
    for (let version = oldestLoadable(config, before, node); version <= last; version += 1) {
      const shape = chronicleAt(before.chronicle, version);
      const where = `a container that starts on node ${node} may load version ${version}`;
      if ((shape.mask & (1 << next.sign)) === 0) {
        return { oracle: 'I3', message: `${where} and refuse K${next.sign}, which version ${newest} signs with` };
      }
      if ((next.mask & (1 << shape.sign)) === 0) {
        return { oracle: 'I3', message: `${where} and sign with K${shape.sign}, which version ${newest} refuses` };
      }
    }
  }
  return undefined;
}

/** I6: a key that has leaked, or was cut off, comes back in no Secret, and it is not over before nobody accepts it. */
function judgeBurnt(config: Config, before: World, after: World): Violation | undefined {
  if (after.burnt === 0) return undefined;
  const written = chronicleAt(after.chronicle, versionOf(after.secret)).mask & after.burnt;
  if (written !== 0) return { oracle: 'I6', message: `the burnt ${names(written)} is written again` };
  if (!isReplacing(before) || isReplacing(after)) return undefined;
  for (const { pod, loaded } of containersOf(config, before).filter(verifies)) {
    const accepted = acceptedBy(config, pod, chronicleAt(before.chronicle, loaded)) & after.burnt;
    if (accepted === 0) continue;
    const where = `${config.targets[pod.target]?.name} has loaded version ${loaded}`;
    return { oracle: 'I6', message: `the emergency ends, and ${where}, which accepts the burnt ${names(accepted)}` };
  }
  for (let node = 0; node < config.nodes; node += 1) {
    if (before.bounds[node] === NO_BOUND) continue;
    const version = oldestLoadable(config, before, node);
    const readable = chronicleAt(before.chronicle, version).mask & after.burnt;
    if (readable === 0) continue;
    const message = `the emergency ends, and a container that starts on node ${node} may load version ${version}, which accepts the burnt ${names(readable)}`;
    return { oracle: 'I6', message };
  }
  return undefined;
}

/** I11: when an abort ends, no container that rekey has restarted for it, and that stays, accepts the aborted key. */
function judgeAborted(config: Config, before: World, after: World): Violation | undefined {
  // a node that may lag without a limit lets a container start with the aborted key at any time
  if (config.nodeLag !== 'settle' || before.secret === UNMANAGED) return undefined;
  const [was, is] = [entryOf(before.secret).keyset, entryOf(after.secret).keyset];
  if (was.phase !== 'Aborting' || is.phase !== 'Steady') return undefined;
  const aborted = was.rotation?.to ?? '';
  const holder = containersOf(config, before).find(({ pod, loaded, roles }) => {
    const { manual, file } = config.targets[pod.target] ?? {};
    const restarted = roles.includes('Verifier') && !pod.terminating && manual !== true && file !== true;
    return restarted && has(chronicleAt(before.chronicle, loaded).mask, aborted);
  });
  if (holder === undefined) return undefined;
  const where = `${config.targets[holder.pod.target]?.name} has loaded version ${holder.loaded}`;
  return { oracle: 'I11', message: `the abort ends, and ${where}, which accepts the aborted ${aborted}` };
}

/** I9 and I15: a rotation brings one key, there is one rotation, and a request leads to one. */
function judgeKeys({ preStage }: Config, before: World, after: World): Violation | undefined {
  if (before.secret === UNMANAGED) return undefined;
  const [was, is] = [entryOf(before.secret).keyset, entryOf(after.secret).keyset];
  // what was found at adoption stays for one rotation
  const real = is.keys.filter(({ state }) => state !== 'ack' && state !== 'found');
  const made = real.filter(({ kid }) => !was.keys.some((key) => key.kid === kid));
  const begins = was.rotation?.to !== is.rotation?.to;
  const burns = is.phase === 'Burning' && is.version > was.version;
  const cuts = is.phase === 'Switching' && is.version > was.version;
  // staging has found a service that holds one key only: the same rotation goes on with another key
  const goesOn = cuts && was.phase === 'Staging';
  if (begins && !burns && !goesOn && was.phase !== 'Steady') {
    return { oracle: 'I15', message: `a rotation begins in phase ${was.phase} of another` };
  }
  const served = is.handled.rotateAt !== was.handled.rotateAt;
  if (burns && was.handled.emergencies?.at(-1) === is.handled.emergencies?.at(-1)) {
    return { oracle: 'I15', message: 'an emergency is not marked as served: it would be served again' };
  }
  if (begins && !burns && !goesOn && !served) {
    return {
      oracle: 'I15',
      message: 'a rotation begins and its request is not marked as served: it would be served again',
    };
  }
  if (served && !begins) return { oracle: 'I14', message: 'a request is marked as served without a rotation' };
  const stagesNext = preStage === true && is.phase === 'Retiring' && was.phase === 'Draining';
  if (made.length > (begins || stagesNext ? 1 : 0))
    return { oracle: 'I9', message: `${made.length} keys more in one write` };
  if (real.length > 2) return { oracle: 'I9', message: `${real.length} real keys in the Secret` };
  if (is.version > was.version + 1)
    return { oracle: 'I9', message: `version ${was.version} is followed by ${is.version}` };
  return undefined;
}
