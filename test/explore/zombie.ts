/**
 * A leader that was paused with an effect in hand, and wakes when another leads.
 */
import type { Config } from './config.ts';
import { effectOf, internEffect } from './effects.ts';
import type { Emit } from './steps.ts';
import type { Pod, World } from './world.ts';
import { applyWrite, bumped, idle, isRefused } from './write.ts';

/** The paused leader makes its one effect. It has an old view, and nothing but the resourceVersion stops its writes. */
export function zombieSteps(config: Config, world: World, emit: Emit): void {
  if (world.zombie === 0) return;
  const effect = effectOf(world.zombie);
  switch (effect.type) {
    case 'write': {
      if (isRefused(config, world, effect.write)) {
        emit('zombieRefused', { ...world, zombie: 0 }, world.zombie);
        return;
      }
      const written = applyWrite(config, world, effect.write);
      emit('zombieWrite', idle(config, { ...written, zombie: 0 }), world.zombie);
      return;
    }
    case 'bump': {
      const [first = 0, ...rest] = effect.targets;
      const zombie = rest.length === 0 ? 0 : internEffect({ ...effect, targets: rest });
      emit('zombieBump', { ...bumped(world, first, effect.version), zombie }, first, effect.version);
      return;
    }
    case 'evict': {
      const pods = world.pods.map((pod): Pod => {
        if (!pod.marked) return pod;
        return { ...pod, marked: false, terminating: pod.terminating || !pod.gone };
      });
      emit('zombieEvict', { ...world, pods, zombie: 0 });
    }
  }
}
