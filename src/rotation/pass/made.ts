/** Effects that were made, and may be wanted again all the same. */
import type { Refused } from '../api/refusal.ts';
import type { Action } from '../plan/decision.ts';
import { effectsOf, podEffect } from '../plan/effect.ts';

/**
 * An effect that was made is wanted again only if no watch shows it yet, or somebody takes it back.
 *
 * @returns what to remember of each effect of an action that was made
 */
export function madeBy(action: Action): readonly Refused[] {
  switch (action.type) {
    case 'bump':
      return effectsOf(action).map((effect) => ({
        ...{ effect, cause: 'Undone', said: `its mark for version ${action.version}` },
      }));
    case 'evict':
    case 'delete':
    case 'refresh': {
      const verb = action.type === 'refresh' ? 'mark' : action.type;
      return action.pods.map((row) => ({
        ...{ effect: podEffect(verb, row), pod: row.pod.uid, cause: 'Unseen', said: 'the API server has taken it' },
      }));
    }
    default:
      return [];
  }
}
