/**
 * The keyset before rekey's first write: of a Secret that held keys already, and of one whose keys are lost.
 */
import type { Keyset } from './keyset.ts';
import { record } from './replace.ts';
import type { FreshKey } from './writes.ts';

/**
 * The keyset of a Secret that held keys before rekey knew it, which containers may have loaded.
 *
 * @param others keys that are accepted besides: in the middle of a rotation by hand, some containers may sign with them still
 * @param version one that no pod template carries yet, lest a restart be taken for done
 * @param onePrevious whether there are services that know a single key besides the one that signs. It cannot be a found key and a
 *   staged one, so the tokens of the found one are waited for first, from now
 */
export function foundKeyset(
  signing: FreshKey,
  others: readonly FreshKey[],
  version: number,
  now: number,
  onePrevious = false,
): Keyset {
  const verify = [signing, ...others].map(({ kid }) => kid);
  // of one and the same version: what a container has loaded before is one of these, and nobody knows which
  const past = (onePrevious ? [signing] : [...others, signing]).map(({ kid }) => ({
    version,
    writtenAt: now,
    sign: kid,
    verify,
  }));
  return {
    version,
    phase: 'Steady',
    keys: [
      record(signing, 'signing', now),
      ...others.map((other) =>
        onePrevious ? { ...record(other, 'draining', now), lastSignerExit: now } : record(other, 'found', now),
      ),
    ],
    acked: { Signer: version, Verifier: version },
    history: past,
    handled: {},
    attempts: { since: now, failures: 0 },
    burnt: [],
  };
}

/** Key id of keys that rekey has never seen. */
export const UNKNOWN = 'unknown';

/** The keyset of a Secret that is gone, or holds nothing that rekey can make sense of, before an emergency fills it. */
export function lostKeyset(version: number, now: number): Keyset {
  const acked = { Signer: version, Verifier: version };
  const attempts = { since: now, failures: 0 };
  // what containers hold is not known; that they hold something else than what is written next, is
  const history = [{ version, writtenAt: now, sign: UNKNOWN, verify: [UNKNOWN] }];
  return { version, phase: 'Steady', keys: [], acked, history, handled: {}, attempts, burnt: [] };
}
