/** Names of effects. They identify an effect that was refused when it is wanted again. */
import type { PodOf, TargetFacts } from '../facts.ts';
import type { Write } from '../keyset/writes.ts';

import type { Action } from './decision.ts';
import { label } from './policies/targets.ts';

export type PodVerb = 'evict' | 'delete' | 'mark';

/** @returns such as `write stage`; each emergency has a name of its own */
export function writeEffect(write: Write): string {
  return write.transition === 'burn' ? `${BURN}${write.nonce}` : `write ${write.transition}`;
}

const BURN = 'write burn ';

/** @returns whether the effect is a write of the Secret */
export function isWriteEffect(effect: string): boolean {
  return effect.startsWith('write ');
}

/** @returns whether the effect is the first write of an emergency */
export function isBurn(effect: string): boolean {
  return effect.startsWith(BURN);
}

/** @returns such as `restart Deployment/api for version 7` */
export function restartEffect(target: TargetFacts, version: number): string {
  return `restart ${label(target)} for version ${version}`;
}

/** @returns such as `evict pod api-0 (uid 5c0b…)`: another pod may have the name later */
export function podEffect(verb: PodVerb, { pod }: PodOf): string {
  return `${verb} pod ${pod.name} (uid ${pod.uid})`;
}

export const PROBE_EFFECT = 'send canaries';

/** @returns one for each object that the action would touch */
export function effectsOf(action: Action): readonly string[] {
  switch (action.type) {
    case 'write':
      return [writeEffect(action.write)];
    case 'bump':
      return action.restarts.map(({ target }) => restartEffect(target, action.version));
    case 'evict':
      return action.pods.map((row) => podEffect('evict', row));
    case 'delete':
      return action.pods.map((row) => podEffect('delete', row));
    case 'refresh':
      return action.pods.map((row) => podEffect('mark', row));
    case 'probe':
      return [PROBE_EFFECT];
    case 'confirm':
    case 'wait':
      return [];
  }
}
