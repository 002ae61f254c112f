/**
 * What effects do to the world: see src/rotation/act/act.ts.
 */

import { foundKeyset } from '../../src/rotation/keyset/before.ts';
import type { Keyset, Shape } from '../../src/rotation/keyset/keyset.ts';
import { advance } from '../../src/rotation/keyset/transition.ts';
import type { Write } from '../../src/rotation/keyset/writes.ts';
import { onePreviousIn, tooNarrow } from '../../src/rotation/settings/layouts.ts';
import { appended, trueShape } from './chronicle.ts';
import type { Config } from './config.ts';
import { isWrite } from './effects.ts';
import { settingsFor } from './facts.ts';
import { entryOf, FOUND, internKeyset, NOW, UNMANAGED } from './keysets.ts';
import { afterReading, afterRefusal, afterWish, afterWrite } from './refusals.ts';
import { isRolledOut, type Pod, type World } from './world.ts';

/** Whether what the leader knows of the Secret is what it holds: else the API server refuses its write. */
export function isCurrent({ cache, secret }: World): boolean {
  return cache === undefined || cache.secret === secret;
}

/**
 * The Secret after a write. A paused leader's write that rests on the Secret before is from now on refused, which is as
 * good as forgotten; and so is the leader's, if the paused one was faster.
 */
export function applyWrite(config: Config, world: World, write: Write): World {
  const { before, freshFrom } = secretBefore(config, world);
  const version = before.version + 1;
  const key = { kid: `K${version}`, fingerprint: `fp-K${version}` };
  const ack = { kid: `N${version}`, fingerprint: `fp-N${version}` };
  const after = advance(before, write, { key, ack }, NOW);
  const fresh = after.version === before.version ? freshFrom : Math.min(freshFrom, after.version);
  const secret = internKeyset(after, fresh, config.tickMs, config.drainTicks);
  const forgotten = world.zombie !== 0 && isWrite(world.zombie) ? 0 : world.zombie;
  // only a rotation under way is safe from an edit: before the next one the old tokens have to be dead
  const shortened = world.shortened && after.phase !== 'Steady';
  const isNew = after.phase === 'Steady' || after.version !== before.version;
  const replaced = isNew ? world.replaced.map(() => 0) : world.replaced;
  const next = { ...world, secret, zombie: forgotten, shortened, replaced };
  if (after.version === before.version) return next;
  // a cutover gives up every outstanding token, as an emergency does
  const givesUp = write.transition === 'burn' || write.transition === 'cutover';
  const burnt = givesUp ? world.burnt | realKeys(before) : world.burnt;
  return { ...next, burnt, chronicle: appended(world.chronicle, shapeOf(after)), pods: world.pods.map(older) };
}

function secretBefore(config: Config, { secret }: World): { readonly before: Keyset; readonly freshFrom: number } {
  if (secret !== UNMANAGED) return { before: entryOf(secret).keyset, freshFrom: entryOf(secret).freshFrom };
  if (config.absent === true) {
    return { before: foundKeyset({ kid: 'K1', fingerprint: 'fp-K1' }, [], 0, NOW), freshFrom: 1 };
  }
  const others = config.found === true ? [{ kid: `K${FOUND}`, fingerprint: `fp-K${FOUND}` }] : [];
  // as src/rotation/secret/write-start.ts: with the staged key and the ack key
  const settings = settingsFor(config, false);
  const waits = onePreviousIn(settings).length > 0 || tooNarrow(settings, others.length + 2).length > 0;
  return { before: foundKeyset({ kid: 'K0', fingerprint: 'fp-K0' }, others, 0, NOW, waits), freshFrom: 1 };
}

/** What the Secret really holds follows from the newest shape: its real keys, and the ack key that is named after it. */
function shapeOf(keyset: Keyset) {
  return trueShape(Number(newestOf(keyset).sign.slice(1)), realKeys(keyset));
}

function newestOf({ history }: Keyset): Shape {
  const shape = history.at(-1);
  if (shape === undefined) throw new Error('a keyset without history');
  return shape;
}

/** The real keys of the newest shape, as a set of bits. */
function realKeys(keyset: Keyset): number {
  const real = newestOf(keyset).verify.filter((kid) => kid.startsWith('K'));
  return real.reduce((mask, kid) => mask | (1 << Number(kid.slice(1))), 0);
}

/** Every container has started before the version that is written now. */
function older(pod: Pod): Pod {
  if (!pod.young && pod.shown?.young !== true && pod.sidecar?.young !== true) return pod;
  const sidecar = pod.sidecar && { sidecar: { ...pod.sidecar, young: false } };
  const next = { ...pod, young: false, ...sidecar };
  return next.shown === undefined ? next : { ...next, shown: { ...next.shown, young: false } };
}

/** Whether a quota or a policy is against the write. */
export function isRefused({ refuses }: Config, { refusing }: World, { transition }: Write): boolean {
  return refusing && refuses?.includes(transition) === true;
}

/** Whether the write may fail without a word of what became of it. */
export function mayFail({ fails }: Config, { transition }: Write): boolean {
  return fails?.includes(transition) === true;
}

/** The leader knows that its write was refused, or that nobody has answered. The Secret is as it was. */
export function refused(
  config: Config,
  world: World,
  write: Write,
  cause: 'Admission' | 'Failed' = 'Admission',
): World {
  const tried = world.tried | triedBit(config, write);
  return idle(config, { ...world, tried, refusals: afterRefusal(world.refusals, write, cause, config.tickMs) });
}

/** Nobody has answered, and the Secret was written. The leader reads it before it makes another effect. */
export function madeUnanswered(config: Config, world: World, write: Write): World {
  const written = applyWrite(config, world, write);
  const { keyset } = entryOf(written.secret);
  const failed = afterRefusal(written.refusals, write, 'Failed', config.tickMs);
  const refusals = afterReading(failed, keyset, settingsFor(config, written.shortened), config.tickMs);
  return idle(config, { ...written, refusals });
}

/** The leader has nothing in hand any more: its next pass hears what people have asked for meanwhile. */
export function idle(config: Config, world: World): World {
  const next = { ...world, pending: 0 };
  return world.wished ? heard(config, next) : next;
}

/** People have changed what they want. */
export function wished(config: Config, world: World): World {
  if (!remembers(config)) return world;
  return world.pending === 0 ? heard(config, world) : { ...world, wished: true };
}

/** What was refused may be what is meant, so it is tried at once. */
function heard({ tickMs }: Config, world: World): World {
  return { ...world, refusals: afterWish(world.refusals, tickMs), tried: 0, wished: false };
}

/** Whether writes are refused or fail here: then the leader has something to remember. */
export function remembers({ refuses, fails }: Config): boolean {
  return refuses !== undefined || fails !== undefined;
}

/** Stands for the write in `World.tried`. */
export function triedBit({ refuses = [], fails = [] }: Config, { transition }: Write): number {
  return 1 << [...refuses, ...fails].indexOf(transition);
}

/** Whether the pods are asked afterwards for a key that has left the Secret. */
export function asksAfter({ transition }: Write): boolean {
  return transition === 'retire' || transition === 'cutover';
}

/** The leader has got the answer to its write. */
export function learned(config: Config, world: World, write: Write): World {
  const { keyset } = entryOf(world.secret);
  const { phase } = keyset;
  const asked = phase === 'Retiring' || phase === 'Switching';
  const retired = asksAfter(write) || (world.retired && asked);
  const cache = world.cache && { ...world.cache, secret: world.secret };
  const refusals = afterWrite(world.refusals, keyset, settingsFor(config, world.shortened), config.tickMs);
  return idle(config, { ...world, retired, refusals, cache });
}

export function bumped(world: World, target: number, version: number): World {
  if (world.templates[target] === version) return world;
  return { ...world, templates: world.templates.map((template, i) => (i === target ? version : template)) };
}

/** The kubelet is asked to look at the files of a pod. What it serves then is up to it: see `reload` in environment.ts. */
export function refreshed(world: World, index: number, version: number): World {
  return { ...world, pods: world.pods.map((pod, i) => (i === index ? { ...pod, template: version } : pod)) };
}

export function evicted(world: World, index: number): World {
  const pod = world.pods[index];
  if (pod === undefined || pod.gone || pod.terminating) return world;
  return { ...world, pods: world.pods.map((other, i) => (i === index ? { ...other, terminating: true } : other)) };
}

/** Enough to exceed every bound. */
const MAX_COUNT = 7;

/** One pod more of the target has been replaced for the newest keyset. */
export function counted(config: Config, world: World, target: number | undefined): World {
  if (config.counted !== true) return world;
  const replaced = world.replaced.map((count, i) => (i === target ? Math.min(count + 1, MAX_COUNT) : count));
  return { ...world, replaced };
}

/** The caches show from now on what is now. */
export function frozen(config: Config, world: World): World {
  const pods = world.pods.map(({ probe, ...pod }): Pod => {
    const { up, terminating, settled, young, lag } = pod;
    const shown = { up, terminating, settled: lag ? 0 : settled, young: young && !lag, same: true };
    return { ...pod, shown: probe === undefined ? shown : { ...shown, probe } };
  });
  const rolledOut = world.templates.map((_, target) => isRolledOut(config, world, target));
  return { ...world, pods, cache: { secret: world.secret, templates: world.templates, rolledOut } };
}

/** The caches show what is. */
export function thawed(world: World): World {
  const pods = world.pods
    .filter((pod) => !pod.gone)
    .map(({ shown, probe, ...pod }): Pod => {
      const kept = shown?.same === true ? shown.probe : probe;
      return kept === undefined ? pod : { ...pod, probe: kept };
    });
  return { ...world, pods, cache: undefined };
}
