/**
 * Reloader restarts pods beside rekey. While both keys are accepted, one more restart costs nothing. In a cutover it
 * would replace, one by one, the pods that rekey has just replaced at once.
 */

import type { Finding } from '../../api/finding.ts';
import type { Surroundings } from '../../facts.ts';
import { field, label } from './targets.ts';

/** @returns the first target that Reloader restarts when the Secret changes */
export function reloaderPresent(facts: Surroundings): Finding | undefined {
  const target = facts.targets.find(({ workload }) => workload?.reloader !== undefined);
  if (target === undefined) return undefined;
  const { secretName } = facts.settings;
  return {
    reason: 'ReloaderPresent',
    message: `${field(facts, target)}: the annotation ${target.workload?.reloader} of ${label(target)} makes Reloader restart it when Secret ${secretName} changes, unless Reloader honors reloader.stakater.com/ignore on the Secret; remove the annotation, or add secrets.exclude.reloader.stakater.com/reload: ${secretName}`,
  };
}
