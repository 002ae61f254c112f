/**
 * Finds out when the API server took a write. The state has the time at which it was sent, but the write may arrive
 * late: a pod that reads the Secret in between gets the older keyset.
 */
import type { Secret } from '../../kube/types.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';

/** Times in managedFields have whole seconds, cut off. */
const STEP_MS = 1000;

/**
 * Applies only if the last write made the newest keyset. The time of an earlier write is no longer known, and the first
 * write after it has kept what was known then. The times of an emergency or a cutover stay those at which they were
 * sent: they were requested by then, and counting from them counts too much rather than too little.
 *
 * @returns the keyset with the time at which the API server took it, if that is in a later second than in the state
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function asLanded(keyset: Keyset, secret: Pick<Secret, 'metadata'>): Keyset {
  const { version, writtenAt } = currentShape(keyset);
  if (keyset.attempts.lastWriteAt !== writtenAt) return keyset;
  const landedAt = takenAt(secret);
  if (landedAt === undefined || landedAt <= writtenAt) return keyset;
  const at = landedAt + STEP_MS;
  const history = keyset.history.map((shape) => (shape.version === version ? { ...shape, writtenAt: at } : shape));
  return { ...keyset, history };
}

/** @returns when rekey last changed the Secret, milliseconds since the epoch, cut off to whole seconds */
function takenAt({ metadata }: Pick<Secret, 'metadata'>): number | undefined {
  const entries = (metadata.managedFields ?? []).filter(({ manager }) => manager === FIELD_MANAGER);
  const times = entries.map(({ time }) => Date.parse(time ?? '')).filter(Number.isFinite);
  return times.length === 0 ? undefined : Math.max(...times);
}
