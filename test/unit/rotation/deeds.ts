/** What the planner decides, in a few words, and edits of its facts. */

import type { Facts, TargetFacts } from '../../../src/rotation/facts.ts';
import type { Decision } from '../../../src/rotation/plan/decision.ts';
import { plan } from '../../../src/rotation/plan/plan.ts';
import { SETTINGS, T0 } from './builders.ts';

/** Somebody asks for a rotation. */
export const asked = { rotateAt: 'now', rotateActor: 'kubectl' };

/** The action in a few words, as the table has it. */
function deed({ action }: Decision): string {
  switch (action.type) {
    case 'write':
      return `write ${action.write.transition}`;
    case 'bump':
      return `bump ${action.restarts.map(({ target }) => target.settings.name).join(',')}`;
    case 'evict':
    case 'delete':
    case 'probe':
      return `${action.type} ${action.pods.map((item) => item.pod.name).join(',')}`;
    default:
      return action.type;
  }
}

export const decide = (world: Facts) => deed(plan(world));
export const edited = (targets: readonly TargetFacts[], name: string, edit: (item: TargetFacts) => TargetFacts) =>
  targets.map((item) => (item.settings.name === name ? edit(item) : item));
/** As if no pod had answered yet. */
export const asks = (targets: readonly TargetFacts[]) =>
  targets.map((item) => ({ ...item, pods: item.pods.map(({ probe: _, ...rest }) => rest) }));
/** When the last token of the old key is dead. */
export const drained = T0 + SETTINGS.drainMs;
