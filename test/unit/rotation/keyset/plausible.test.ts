/** Annotations that rekey cannot have written are not believed. */
import { describe, expect, it } from 'vitest';
import { STATE } from '../../../../src/rotation/api/names.ts';
import { MAX_VERSION } from '../../../../src/rotation/keyset/keyset.ts';
import { contradiction, inTheFuture } from '../../../../src/rotation/keyset/plausible.ts';
import { decodeState, encodeState, StateError } from '../../../../src/rotation/keyset/state.ts';
import { checkedAgainstClock } from '../../../../src/rotation/secret/against-clock.ts';
import { DONE, DRAINING, keysetAfter, PROMOTING, RETIRING, STAGING, STEADY, T0, WRITES } from '../builders.ts';

const BURNING = keysetAfter([
  WRITES.adopt,
  { transition: 'burn', nonce: '1', rotation: { ...WRITES.stage.rotation, trigger: 'Emergency' }, version: 0 },
]);
const OLDER = { v: 5, at: '2026-01-01T00:00:00.000Z', sign: 'A', verify: ['A'] };
const steady = encodeState(STEADY);
const history = steady[STATE.history] ?? '';

describe('a state', () => {
  it.each([STEADY, STAGING, PROMOTING, DRAINING, RETIRING, DONE, BURNING])(
    'that rekey writes is believed',
    (keyset) => {
      expect(contradiction(keyset)).toBeUndefined();
      expect(inTheFuture(keyset, T0)).toBeUndefined();
      expect(decodeState(encodeState(keyset))).toEqual(keyset);
    },
  );

  it.each([
    ['Burning that no emergency asked for', { [STATE.phase]: 'Burning' }, 'phase Burning without an emergency'],
    ['Switching without a cutover', { [STATE.phase]: 'Switching' }, 'phase Switching without a cutover'],
    ['a phase without its key', { [STATE.phase]: 'Staging' }, 'phase Staging without a staged key'],
    [
      'acknowledgements of what was not written',
      { [STATE.acked]: '{"Signer":9,"Verifier":1}' },
      'acknowledged versions',
    ],
    [
      'versions out of order',
      { [STATE.history]: JSON.stringify([OLDER, ...JSON.parse(history)]) },
      'version 0 of the history is out of order',
    ],
    [
      'a key that signs by one annotation only',
      { [STATE.keys]: (steady[STATE.keys] ?? '').replace('"signing"', '"draining"') },
      'do not say that A signs',
    ],
    [
      'a version that nobody reaches',
      {
        [STATE.version]: String(MAX_VERSION + 1),
        [STATE.history]: history.replace('"v":1', `"v":${MAX_VERSION + 1}`),
      },
      'is not one that rekey writes',
    ],
  ])('with %s is not', (_, edit, message) => {
    const read = () => decodeState({ ...steady, ...edit });
    expect(read).toThrow(StateError);
    expect(read).toThrow(message);
  });

  it('that tells of times to come is not, and nothing of it is used', () => {
    const ahead = keysetAfter([WRITES.adopt], () => T0 + 4 * 365 * 86_400_000);
    expect(inTheFuture(ahead, T0)).toContain('version 1 was written at 2029-12-31');
    const seen = checkedAgainstClock({ kind: 'Managed', keyset: ahead }, T0, 'jwt');
    expect(seen).toMatchObject({ kind: 'Refused', finding: { reason: 'StateUnreadable' } });
    expect(seen).not.toHaveProperty('keyset');
    expect(checkedAgainstClock({ kind: 'Managed', keyset: STEADY }, T0, 'jwt').kind).toBe('Managed');
  });
});
