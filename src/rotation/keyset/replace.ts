/**
 * A fresh key alone: what a cutover and an emergency make of the keyset.
 */
import { defined } from '../../base/objects.ts';
import { compact, currentShape, type KeyRecord, type Keyset, MAX_NONCES, type RotationRecord } from './keyset.ts';
import type { Fresh, FreshKey, Write } from './writes.ts';

/** Rotations that emergencies cut off one after the other, and that are remembered. */
const MAX_INTERRUPTED = 4;

/** A fresh key alone. The shapes before stay: containers may hold them until they have been replaced. */
function replaced({ version: before, history, acked }: Keyset, fresh: Fresh, now: number) {
  const version = before + 1;
  const keys = [record(fresh.key, 'signing', now), record(fresh.ack, 'ack', now)];
  const shape = { version, writtenAt: now, sign: fresh.key.kid, verify: keys.map(({ kid }) => kid) };
  return { version, keys, history: compact([...history, shape], acked, new Set(shape.verify)) };
}

/** Every outstanding token is refused from now on, by intention. */
export function cutOver(
  keyset: Keyset,
  write: Extract<Write, { transition: 'cutover' }>,
  fresh: Fresh,
  now: number,
): Keyset {
  const to = fresh.key.kid;
  const begun = write.rotation && { ...write.rotation, from: currentShape(keyset).sign, startedAt: now };
  const rotation = begun ?? keyset.rotation;
  return {
    ...keyset,
    ...replaced(keyset, fresh, now),
    phase: 'Switching',
    ...(rotation && { rotation: { ...rotation, to, cutOverAt: now } }),
    handled: write.handled,
  };
}

/** Every key that was there is burnt for ever, and a rotation under way is cut off. */
export function burn(keyset: Keyset, write: Extract<Write, { transition: 'burn' }>, fresh: Fresh, now: number): Keyset {
  const { nonce, rotation } = write;
  const from = currentShape(keyset).sign;
  return {
    ...replaced(keyset, fresh, now),
    phase: 'Burning',
    acked: keyset.acked,
    rotation: { ...rotation, from, to: fresh.key.kid, startedAt: now, ...cutOff(keyset, now) },
    handled: { ...keyset.handled, emergencies: [...(keyset.handled.emergencies ?? []), nonce].slice(-MAX_NONCES) },
    attempts: keyset.attempts,
    burnt: [...keyset.burnt, ...keyset.keys.map(({ kid, fingerprint }) => ({ kid, fingerprint, burntAt: now }))],
    emergency: { nonce, reason: rotation.reason, writtenAt: now },
  };
}

/** A rotation under way ends here, and its record would be lost with it. */
function cutOff({ rotation }: Keyset, now: number): Pick<RotationRecord, 'interrupted'> {
  if (rotation === undefined || rotation.outcome !== undefined) return {};
  const { interrupted = [], ...ended } = rotation;
  const all = [...interrupted, { ...ended, finishedAt: now, outcome: 'Interrupted' as const }];
  return { interrupted: all.slice(-MAX_INTERRUPTED) };
}

/** @returns a key as it enters the keyset: its name and nothing else, since whoever made it may hold its bytes in the same object */
export function record(
  { kid, fingerprint, weakness }: FreshKey,
  state: KeyRecord['state'],
  createdAt: number,
): KeyRecord {
  return { kid, fingerprint, state, createdAt, ...defined({ weakness }) };
}
