/**
 * When the API server took a write. The state tells the time at which it was sent, and an answer may be late: whoever reads
 * the Secret in between has read the keyset before.
 */
import type { Secret } from '../../kube/types.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';

/** Times in managedFields have whole seconds, cut off. */
const STEP_MS = 1000;

/**
 * Only where the last write put the newest keyset there: of an earlier one nothing is told any more, and the first write that
 * came after it has kept what was known then. What an emergency or a cutover says of itself stays the time at which it was sent: it
 * was asked for by then, and whoever counts from it counts too much rather than too little.
 *
 * @returns the keyset as written when the API server took it, where that was in a later second than the state tells
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
