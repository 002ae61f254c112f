/**
 * A state as bytes, the same for all states that differ in nothing but the order of equal pods and the names of nodes.
 */
import type { Config } from './config.ts';
import { tidied } from './environment.ts';
import { FOUND, UNMANAGED, versionOf } from './keysets.ts';
import { NONE_REFUSED } from './refusals.ts';
import type { Pod, Probe, Shown, Sidecar, World } from './world.ts';
import { remembers } from './write.ts';

const MAX_BYTES = 512;
const scratch = new Uint8Array(MAX_BYTES);
const best = new Uint8Array(MAX_BYTES);
const orders = new Map<number, readonly (readonly number[])[]>();

/** @returns bytes that are overwritten by the next call */
export function encode(config: Config, world: World): Uint8Array {
  const tidy = tidied(config, world);
  let length = 0;
  for (const order of nodeOrders(config.nodes)) {
    const written = write(config, tidy, order);
    if (length !== 0 && compare(scratch, best, length) >= 0) continue;
    best.set(scratch.subarray(0, written));
    length = written;
  }
  return best.subarray(0, length);
}

function compare(a: Uint8Array, b: Uint8Array, length: number): number {
  for (let i = 0; i < length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Every way to name the nodes. */
function nodeOrders(nodes: number): readonly (readonly number[])[] {
  const known = orders.get(nodes);
  if (known !== undefined) return known;
  const permute = (rest: readonly number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((one) => permute(rest.filter((n) => n !== one)).map((more) => [one, ...more]));
  const made = permute(Array.from({ length: nodes }, (_, i) => i));
  orders.set(nodes, made);
  return made;
}

/** Where the next byte goes. */
let at = 0;

function byte(value: number): void {
  scratch[at] = value;
  at += 1;
}

function word(value: number): void {
  if (value > 65_535) throw new Error('more keysets or effects than a state can name');
  byte(value >> 8);
  byte(value & 255);
}

/** Versions have four bits, and two numbers are spoken for. */
const MAX_VERSION = FOUND - 1;

/** @param order new names of the nodes by old name */
function write(config: Config, world: World, order: readonly number[]): number {
  at = 0;
  const { cache } = world;
  if (versionOf(world.secret) > MAX_VERSION) throw new Error(`more than ${MAX_VERSION} writes of the Secret`);
  word(world.secret);
  word(world.chronicle);
  word(world.pending);
  word(world.zombie);
  byte((world.rotate << 4) | world.abort);
  byte(world.emergency);
  word(world.burnt);
  byte(bits(world.open, world.shortened, world.retired, cache !== undefined, world.refusing));
  if (remembers(config)) {
    word(world.refusals);
    byte((world.tried << 1) | bits(world.wished));
  }
  world.templates.forEach((template, i) => {
    byte((template << 4) | (world.desired[i] ?? 0));
    if (config.counted === true) byte(world.replaced[i] ?? 0);
  });
  if (cache !== undefined) {
    word(cache.secret);
    cache.templates.forEach((template, i) => {
      byte((template << 1) | bits(cache.rolledOut[i] === true));
    });
  }
  for (let node = 0; node < config.nodes; node += 1) byte((world.bounds[order.indexOf(node)] ?? 0) + 1);
  byte(world.tokens.length);
  for (const { key, age } of world.tokens) byte((key << 4) | age);
  const newest = versionOf(world.secret);
  const pods = world.pods.map((pod) => pack(pod, order, newest)).sort((a, b) => a - b);
  const width = widthOf(config, cache !== undefined);
  byte(pods.length);
  for (const pod of pods) {
    let rest = pod;
    for (let i = 0; i < width; i += 1) {
      byte(rest % 256);
      rest = Math.floor(rest / 256);
    }
  }
  return at;
}

/** Bytes of a pod. */
function widthOf({ targets }: Config, cached: boolean): number {
  return cached ? 7 : targets.some(({ sidecar }) => sidecar === true) ? 6 : 5;
}

function bits(a: boolean, b = false, c = false, d = false, e = false): number {
  return (a ? 1 : 0) | (b ? 2 : 0) | (c ? 4 : 0) | (d ? 8 : 0) | (e ? 16 : 0);
}

/** 52 bits: what is shown, what was answered, where it runs. */
function pack(pod: Pod, order: readonly number[], newest: number): number {
  const real =
    bits(pod.up, pod.terminating, pod.lag, pod.marked, pod.gone) |
    (pod.loaded << 5) |
    (pod.settled << 9) |
    (pod.young ? 1 << 13 : 0);
  const place = (pod.target << 2) | (order[pod.node] ?? 0) | (pod.template << 5);
  const beside = pod.sidecar === undefined ? packShown(pod.shown, newest) : packSidecar(pod.sidecar);
  return beside * 2 ** 33 + (packProbe(pod.probe, newest) * 2 ** 9 + place) * 2 ** 14 + real;
}

function packSidecar({ up, young, loaded, settled }: Sidecar): number {
  return bits(up, young) | (loaded << 2) | (settled << 6);
}

function packShown(shown: Shown | undefined, newest: number): number {
  if (shown === undefined) return 0;
  const flags = bits(true, shown.up, shown.terminating, shown.same, shown.young);
  return flags | (shown.settled << 5) | (packProbe(shown.probe, newest) << 9);
}

function packProbe(probe: Probe | undefined, newest: number): number {
  if (probe === undefined) return 0;
  const flags = bits(true, probe.known, probe.version !== newest);
  return flags | (probe.age << 3) | (probe.partial === true ? 1 << 5 : 0) | (probe.held << 6);
}

export function decode(config: Config, bytes: Uint8Array): World {
  let from = 0;
  const next = () => bytes[from++] ?? 0;
  const nextWord = () => next() * 256 + next();
  const each = <T>(length: number, read: (index: number) => T): T[] => Array.from({ length }, (_, i) => read(i));
  const [secret, chronicle, pending, zombie] = [nextWord(), nextWord(), nextWord(), nextWord()];
  const asked = next();
  const emergency = next();
  const burnt = nextWord();
  const flags = next();
  const [refusals, tries] = remembers(config) ? [nextWord(), next()] : [NONE_REFUSED, 0];
  const replaced: number[] = [];
  const packed = each(config.targets.length, () => {
    const value = next();
    replaced.push(config.counted === true ? next() : 0);
    return value;
  });
  const cachedSecret = (flags & 8) === 0 ? undefined : nextWord();
  const cached = cachedSecret === undefined ? [] : each(config.targets.length, next);
  const bounds = each(config.nodes, () => next() - 1);
  const tokens = each(next(), next).map((token) => ({ key: token >> 4, age: token & 15 }));
  const seen = cachedSecret === undefined || cachedSecret === UNMANAGED ? 0 : versionOf(cachedSecret);
  const width = widthOf(config, cachedSecret !== undefined);
  const pods = each(next(), (i) => {
    let value = 0;
    for (let j = 0; j < width; j += 1) value += next() * 256 ** j;
    return unpack(config, value, i + 1, versionOf(secret), seen);
  });
  return {
    ...{ secret, chronicle, pending, zombie, bounds, tokens, pods, serial: pods.length },
    ...{ rotate: asked >> 4, abort: asked & 15, emergency, burnt },
    ...{ open: (flags & 1) !== 0, shortened: (flags & 2) !== 0, retired: (flags & 4) !== 0 },
    ...{ refusing: (flags & 16) !== 0, refusals, tried: tries >> 1, wished: (tries & 1) !== 0 },
    replaced,
    templates: packed.map((value) => value >> 4),
    desired: packed.map((value) => value & 15),
    cache:
      cachedSecret === undefined
        ? undefined
        : {
            secret: cachedSecret,
            templates: cached.map((value) => value >> 1),
            rolledOut: cached.map((value) => (value & 1) !== 0),
          },
  };
}

function unpack(config: Config, value: number, id: number, newest: number, seen: number): Pod {
  const real = value % 2 ** 14;
  const place = Math.floor(value / 2 ** 14) % 2 ** 9;
  const probe = unpackProbe(Math.floor(value / 2 ** 23) % 2 ** 10, newest, seen);
  const target = (place >> 2) & 7;
  const beside = Math.floor(value / 2 ** 33);
  const sidecar = config.targets[target]?.sidecar === true && { sidecar: unpackSidecar(beside) };
  const shown = sidecar === false && unpackShown(beside, newest, seen);
  return {
    ...{ id, target, node: place & 3, template: place >> 5 },
    ...{ up: (real & 1) !== 0, terminating: (real & 2) !== 0, lag: (real & 4) !== 0 },
    ...{
      marked: (real & 8) !== 0,
      gone: (real & 16) !== 0,
      loaded: (real >> 5) & 15,
      settled: (real >> 9) & 15,
      young: real >> 13 === 1,
    },
    ...(probe && { probe }),
    ...(shown && { shown }),
    ...sidecar,
  };
}

function unpackSidecar(value: number): Sidecar {
  return { up: (value & 1) !== 0, young: (value & 2) !== 0, loaded: (value >> 2) & 15, settled: value >> 6 };
}

function unpackShown(value: number, newest: number, seen: number): Shown | undefined {
  if (value === 0) return undefined;
  const probe = unpackProbe(value >> 9, newest, seen);
  return {
    ...{ up: (value & 2) !== 0, terminating: (value & 4) !== 0, same: (value & 8) !== 0, young: (value & 16) !== 0 },
    settled: (value >> 5) & 15,
    ...(probe && { probe }),
  };
}

function unpackProbe(value: number, newest: number, seen: number): Probe | undefined {
  if (value === 0) return undefined;
  const version = (value & 4) === 0 ? newest : seen;
  const partial = (value & 32) === 0 ? {} : { partial: true as const };
  return { version, known: (value & 2) !== 0, age: (value >> 3) & 3, held: value >> 6, ...partial };
}
