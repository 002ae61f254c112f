/**
 * Who signs and who accepts: the containers that run, and the tokens that they leave behind.
 */
import type { Role } from '../../src/rotation/keyset/keyset.ts';
import { chronicleAt, type TrueShape } from './chronicle.ts';
import type { Config } from './config.ts';
import { isRunning, NONE, type Pod, type World } from './world.ts';

/** A live container. */
export interface Container {
  readonly pod: Pod;
  readonly loaded: number;
  readonly roles: readonly Role[];
}

const SIGNS: readonly Role[] = ['Signer'];

/** All that run. */
export function containersOf({ targets }: Config, { pods }: World): readonly Container[] {
  const containers: Container[] = [];
  for (const pod of pods) {
    if (isRunning(pod)) containers.push({ pod, loaded: pod.loaded, roles: targets[pod.target]?.roles ?? [] });
    if (pod.sidecar?.up === true) containers.push({ pod, loaded: pod.sidecar.loaded, roles: SIGNS });
  }
  return containers;
}

/** The key that was there before rekey. */
export const COPIED = 1 << 0;

/** The real keys that a container of the target accepts, as a set of bits. */
export function acceptedBy(config: Config, pod: Pod, shape: TrueShape): number {
  const { singleKey, copy } = config.targets[pod.target] ?? {};
  return (singleKey === true ? 1 << shape.sign : shape.mask) | (copy === true ? COPIED : 0);
}

export function signs({ roles }: Container): boolean {
  return roles.includes('Signer');
}

export function verifies({ roles }: Container): boolean {
  return roles.includes('Verifier');
}

/** The keys that live containers sign with, as a set of bits. */
export function signingKeys(config: Config, world: World): number {
  let keys = 0;
  for (const container of containersOf(config, world)) {
    if (signs(container)) keys |= 1 << chronicleAt(world.chronicle, container.loaded).sign;
  }
  return keys;
}

/**
 * The world after pods have changed: tokens of a key begin to age when its last signer is gone. While a key has a live
 * signer its youngest token is as young as can be, so no step for minting is needed: it could only do less harm.
 */
export function withPods(config: Config, world: World, pods: readonly Pod[]): World {
  const before = signingKeys(config, world);
  const next = { ...world, pods };
  const after = signingKeys(config, next);
  if (before === after) return next;
  const tokens = world.tokens.filter(({ key }) => (after & (1 << key)) === 0);
  for (let key = 0; key < NONE; key += 1) {
    if ((before & ~after & (1 << key)) !== 0) tokens.push({ key, age: 0 });
  }
  return { ...next, tokens: tokens.sort((a, b) => a.key - b.key) };
}
