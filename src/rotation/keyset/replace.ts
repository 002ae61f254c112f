/** Replaces all keys by a new one, as a cutover and an emergency do. */
import { defined } from '../../base/objects.ts';
import { compact, currentShape, type KeyRecord, type Keyset, MAX_NONCES, type RotationRecord } from './keyset.ts';
import type { Fresh, FreshKey, Write } from './writes.ts';

/** How many rotations that emergencies interrupted are remembered. */
const MAX_INTERRUPTED = 4;

/** A new key alone. The older shapes stay, since containers may hold them until they are replaced. */
function replaced({ version: before, history, acked }: Keyset, fresh: Fresh, now: number) {
  const version = before + 1;
  const keys = [record(fresh.key, 'signing', now), record(fresh.ack, 'ack', now)];
  const shape = { version, writtenAt: now, sign: fresh.key.kid, verify: keys.map(({ kid }) => kid) };
  return { version, keys, history: compact([...history, shape], acked, new Set(shape.verify)) };
}

/** From now on every outstanding token is refused, on purpose. */
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

/** Burns every earlier key for ever, and interrupts a rotation under way. */
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

/** Keeps the record of an interrupted rotation, which would be lost otherwise. */
function cutOff({ rotation }: Keyset, now: number): Pick<RotationRecord, 'interrupted'> {
  if (rotation === undefined || rotation.outcome !== undefined) return {};
  const { interrupted = [], ...ended } = rotation;
  const all = [...interrupted, { ...ended, finishedAt: now, outcome: 'Interrupted' as const }];
  return { interrupted: all.slice(-MAX_INTERRUPTED) };
}

/** @returns the key as the keyset keeps it, without its bytes, which the object that was passed in may have */
export function record(
  { kid, fingerprint, weakness }: FreshKey,
  state: KeyRecord['state'],
  createdAt: number,
): KeyRecord {
  return { kid, fingerprint, state, createdAt, ...defined({ weakness }) };
}
