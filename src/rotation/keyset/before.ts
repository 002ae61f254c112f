/** The keyset before rekey's first write, for a Secret that already held keys and for one whose keys are lost. */
import type { Keyset } from './keyset.ts';
import { record } from './replace.ts';
import type { FreshKey } from './writes.ts';

/**
 * The keyset of a Secret that held keys before rekey knew it. Containers may have loaded them.
 *
 * @param others keys that are accepted, too: in the middle of a rotation by hand, some containers may still sign with
 *   them
 * @param version that no pod template carries yet, so that no restart seems to be done already
 * @param onePrevious whether there are services that know a single key besides the signing one. It cannot be both a
 *   found key and a staged one, so rekey first waits for the tokens of the found key, from now
 */
export function foundKeyset(
  signing: FreshKey,
  others: readonly FreshKey[],
  version: number,
  now: number,
  onePrevious = false,
): Keyset {
  const verify = [signing, ...others].map(({ kid }) => kid);
  // all have the same version: a container has loaded one of these before, and nobody knows which
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

/** Stands for the id of keys that rekey has never seen. */
export const UNKNOWN = 'unknown';

/** The keyset of a Secret that is gone or unreadable, before an emergency fills it. */
export function lostKeyset(version: number, now: number): Keyset {
  const acked = { Signer: version, Verifier: version };
  const attempts = { since: now, failures: 0 };
  // it is unknown what containers hold, but it surely differs from what is written next
  const history = [{ version, writtenAt: now, sign: UNKNOWN, verify: [UNKNOWN] }];
  return { version, phase: 'Steady', keys: [], acked, history, handled: {}, attempts, burnt: [] };
}
