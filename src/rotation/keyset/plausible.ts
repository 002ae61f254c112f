/**
 * Finds annotations of a Secret that rekey cannot have written. rekey does not act on such a state: somebody has edited
 * it, or copied it from elsewhere.
 */
import { iso } from '../schedule/duration.ts';
import { currentShape, type KeyState, type Keyset, MAX_VERSION, type Phase } from './keyset.ts';

/** Keys that exist in these phases. */
const NEEDED: Readonly<Partial<Record<Phase, KeyState>>> = {
  Staging: 'staged',
  Promoting: 'draining',
  Draining: 'draining',
};

/** @returns what contradicts itself, in words; undefined if nothing does */
export function contradiction(keyset: Keyset): string | undefined {
  const { version, history, acked, keys, phase } = keyset;
  if (version < 1 || version > MAX_VERSION) return `version ${version} is not one that rekey writes`;
  const disorder = history.find((shape, i) => {
    const before = history[i - 1]?.version ?? -1;
    // the version before the adoption may have several shapes, and rekey wrote none of them
    const past = shape.version === history[0]?.version && shape.version < version;
    return shape.version < 0 || shape.version < before || (shape.version === before && !past);
  });
  if (disorder !== undefined) return `version ${disorder.version} of the history is out of order`;
  if (Math.max(acked.Signer, acked.Verifier) > version || Math.min(acked.Signer, acked.Verifier) < 0) {
    return `acknowledged versions (${acked.Signer}, ${acked.Verifier}) that were not written`;
  }
  const { sign, verify } = currentShape(keyset);
  const kids = keys.map(({ kid }) => kid);
  const signing = keys.filter(({ state }) => state === 'signing').map(({ kid }) => kid);
  if (signing.length !== 1 || signing[0] !== sign) return `the keys do not say that ${sign} signs, as the history does`;
  if (
    new Set(kids).size !== kids.length ||
    kids.length !== verify.length ||
    !kids.every((kid) => verify.includes(kid))
  ) {
    return 'the keys are not those of the newest version in the history';
  }
  const needed = NEEDED[phase];
  if (needed !== undefined && !keys.some(({ state }) => state === needed))
    return `phase ${phase} without a ${needed} key`;
  return contradictedPhase(keyset);
}

function contradictedPhase(keyset: Keyset): string | undefined {
  const { phase, rotation, emergency, handled } = keyset;
  const { writtenAt } = currentShape(keyset);
  const open = rotation !== undefined && rotation.outcome === undefined;
  switch (phase) {
    case 'Steady':
      return open ? 'phase Steady with a rotation that has not ended' : undefined;
    case 'Burning': {
      const asked = emergency !== undefined && handled.emergencies?.includes(emergency.nonce) === true;
      const begun = open && rotation.trigger === 'Emergency' && emergency?.goneAt === undefined;
      return asked && begun && emergency.writtenAt <= writtenAt
        ? undefined
        : 'phase Burning without an emergency that asked for it';
    }
    case 'Switching':
      return open && rotation.cutOverAt !== undefined && rotation.cutOverAt <= writtenAt
        ? undefined
        : 'phase Switching without a cutover';
    default:
      return open ? undefined : `phase ${phase} without a rotation under way`;
  }
}

/**
 * @param latest the latest possible time now, milliseconds since the epoch
 * @returns what allegedly happened after that, in words; undefined if nothing
 */
export function inTheFuture(
  { history, keys, burnt, emergency, rotation, attempts }: Keyset,
  latest: number,
): string | undefined {
  const times: readonly (readonly [string, number | undefined])[] = [
    ...history.map((shape) => [`version ${shape.version} was written`, shape.writtenAt] as const),
    ...keys.map((key) => [`the last signer with ${key.kid} was gone`, key.lastSignerExit] as const),
    ...burnt.map((key) => [`${key.kid} was burnt`, key.burntAt] as const),
    ['the emergency was served', emergency?.writtenAt],
    ['the rotation began', rotation?.startedAt],
    ['the last rotation was completed', attempts.since],
    ['the last rotation failed', attempts.failedAt],
    ['the Secret was written', attempts.lastWriteAt],
  ];
  const late = times.find(([, at]) => at !== undefined && at > latest);
  return late && `${late[0]} at ${iso(late[1] ?? 0)}, which is in the future`;
}
