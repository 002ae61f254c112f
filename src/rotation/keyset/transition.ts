/**
 * What each write of the Secret makes of the keyset, without a key byte.
 */

import { defined } from '../../base/objects.ts';
import { extinguish, finish } from './finish.ts';
import { compact, currentShape, type Handled, type KeyRecord, type Keyset, type RotationRecord } from './keyset.ts';
import { burn, cutOver, record } from './replace.ts';
import { type Candidate, candidate, type Fresh, kidOf, stagesNext, type Write } from './writes.ts';

/**
 * The keyset after a write.
 *
 * @param keyset what is in the Secret; for `create` and `adopt` that of {@link foundKeyset}
 * @param now milliseconds since the epoch
 */
export function advance(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  const next = after(keyset, write, fresh, now);
  return { ...next, attempts: { ...next.attempts, lastWriteAt: now } };
}

function after(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  switch (write.transition) {
    case 'drain':
      return {
        ...keyset,
        phase: 'Draining',
        acked: write.acked,
        keys: drainFrom(keyset.keys, now),
        attempts: { ...keyset.attempts, promotingMs: now - currentShape(keyset).writtenAt },
      };
    case 'reopen':
      return { ...keyset, phase: 'Promoting', keys: drainFrom(keyset.keys, undefined) };
    case 'finish':
      return finish(keyset, write, write.outcome, now);
    case 'dismiss':
    case 'withdraw':
      return { ...keyset, handled: write.handled };
    case 'cutover':
      return cutOver(keyset, write, fresh, now);
    case 'burn':
      return burn(keyset, write, fresh, now);
    case 'extinguish':
      return extinguish(keyset, write, now);
    case 'create':
      return {
        ...rewrite(keyset, write, fresh, now),
        acked: { Signer: keyset.version + 1, Verifier: keyset.version + 1 },
      };
    default:
      return rewrite(keyset, write, fresh, now);
  }
}

function drainFrom(keys: readonly KeyRecord[], lastSignerExit: number | undefined): readonly KeyRecord[] {
  return keys.map((key) => {
    if (key.state !== 'draining' && key.state !== 'found') return key;
    const { lastSignerExit: _, ...open } = key;
    return lastSignerExit === undefined ? open : { ...open, lastSignerExit };
  });
}

function rewrite(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {
  const version = keyset.version + 1;
  const { sign, verify } = candidate(keyset, write, fresh.key.kid);
  const acked = 'acked' in write ? write.acked : keyset.acked;
  const keys = keysAfter(keyset, write, { sign, verify }, fresh, now);
  const shape = { version, writtenAt: now, sign, verify: [...verify, fresh.ack.kid] };
  const older = write.transition === 'create' ? [] : keyset.history;
  const rotation = rotationAfter(keyset, write, fresh, now);
  return {
    version,
    phase: phaseAfter(write, keyset),
    keys,
    acked,
    history: compact([...older, shape], acked, new Set(keys.map((key) => key.kid))),
    ...defined({ rotation }),
    handled: handledBy(write) ?? keyset.handled,
    attempts: keyset.attempts,
    burnt: keyset.burnt,
    ...(keyset.emergency && { emergency: keyset.emergency }),
  };
}

function handledBy(write: Write): Handled | undefined {
  return write.transition === 'promote' ? write.start?.handled : 'handled' in write ? write.handled : undefined;
}

function keysAfter(keyset: Keyset, write: Write, next: Candidate, fresh: Fresh, now: number): readonly KeyRecord[] {
  const stages = write.transition === 'stage' || stagesNext(write);
  const staged: KeyRecord[] = stages ? [record(fresh.key, 'staged', now)] : [];
  const kept = keyset.keys.filter((key) => key.state !== 'ack' && next.verify.includes(key.kid));
  return [
    ...(write.transition === 'adopt' ? kept : kept.map((key): KeyRecord => relabel(key, key.kid === next.sign))),
    ...staged,
    record(fresh.ack, 'ack', now),
  ];
}

function relabel(key: KeyRecord, signs: boolean): KeyRecord {
  const { lastSignerExit: _, ...open } = key;
  if (key.state === 'found') return open;
  return { ...open, state: signs ? 'signing' : 'draining' };
}

function rotationAfter(keyset: Keyset, write: Write, fresh: Fresh, now: number): RotationRecord | undefined {
  const from = currentShape(keyset).sign;
  if (write.transition === 'stage') return { ...write.rotation, from, to: fresh.key.kid, startedAt: now };
  if (write.transition === 'promote' && write.start) {
    return { ...write.start.rotation, from, to: kidOf(keyset, 'staged'), startedAt: now };
  }
  if ('failure' in write && keyset.rotation) return { ...keyset.rotation, failure: write.failure };
  return keyset.rotation;
}

function phaseAfter(write: Write, keyset: Keyset): Keyset['phase'] {
  switch (write.transition) {
    case 'stage':
      return 'Staging';
    case 'promote':
    case 'rollback':
      return 'Promoting';
    case 'retire':
      return 'Retiring';
    case 'abort':
      return 'Aborting';
    case 'create':
    case 'adopt':
      return 'Steady';
    default:
      return keyset.phase;
  }
}
