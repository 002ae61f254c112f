/**
 * Who is restarted by evictions, which a PodDisruptionBudget may refuse.
 */
import type { TargetSettings } from '../settings/settings.ts';

/** @param manual whether rekey evicts the pods itself (OnDelete, a partition); the controller of a Rollout does it too */
export function restartsByEviction({ kind, source }: TargetSettings, manual: boolean): boolean {
  return source !== 'File' && (manual || kind === 'Rollout');
}
