/** Effects that were made, and may be wanted again all the same, and those that were not made. */
import type { EffectResult } from '../act/act.ts';
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

/** @returns the effects of an action that were not made, including those for which the world had changed */
export function refusedIn(action: Action, outcome: EffectResult): readonly Refused[] {
  if (outcome.kind !== 'Outdated') return 'refused' in outcome ? outcome.refused : [];
  const said = 'the Secret has changed since it was decided';
  return effectsOf(action).map((effect) => ({ effect, cause: 'Outrun', said }));
}
