/** Who says that an emergency was served, and who is believed: nobody's invention stops one, and no backup repeats one. */
import { describe, expect, it } from 'vitest';
import { checkedAgainstLedger } from '../../../../src/rotation/audit/against-ledger.ts';
import type { Facts, SecretFacts } from '../../../../src/rotation/facts.ts';
import { MAX_VERSION } from '../../../../src/rotation/keyset/keyset.ts';
import { decodeLedger, EMPTY_LEDGER, encodeLedger, type Ledger } from '../../../../src/rotation/keyset/ledger.ts';
import { decodeState, encodeState } from '../../../../src/rotation/keyset/state.ts';
import { highestVersion } from '../../../../src/rotation/plan/first-write.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { contradiction } from '../../../../src/rotation/plan/served.ts';
import { facts, STEADY, services, T0 } from '../builders.ts';

const NAMES = { secretName: 'jwt', ledgerName: 'jwt-rekey' };
const burntKey = (fingerprint: string) => ({ kid: `k-${fingerprint}`, fingerprint, state: 'burnt', at: T0 }) as const;
const SERVED: Ledger = { version: 1, keys: [burntKey('other')], emergencies: ['1'], foreign: [] };
const KNOWS = { ...STEADY, handled: { emergencies: ['1'] } };
const GARBLED: SecretFacts = { kind: 'Refused', finding: { reason: 'StateUnreadable', message: '' } };
const ABSENT: SecretFacts = { kind: 'Absent' };
const FOUND: SecretFacts = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] };
const managed = (keyset = STEADY): SecretFacts => ({ kind: 'Managed', keyset });

function world(secret: SecretFacts, ledger: Ledger, handled: boolean): Facts {
  const emergency = { nonce: '1', reason: 'leaked', actor: 'alice', handled };
  const seen = checkedAgainstLedger(ledger, secret, NAMES);
  return facts(STEADY, { secret: seen, ledger, requests: { emergency } });
}
function isBurnt(secret: SecretFacts, ledger: Ledger, handled: boolean): boolean {
  const { action } = plan(world(secret, ledger, handled));
  return action.type === 'write' && action.write.transition === 'burn';
}

describe('an emergency is served', () => {
  it.each([
    ['that nobody knows', managed(), EMPTY_LEDGER, false, ''],
    ['that only the ledger knows', managed(), SERVED, false, 'the ledger says'],
    ['that ledger and status know, but not the Secret', managed(), SERVED, true, 'the ledger and the status says'],
    ['that only the status knows', managed(), EMPTY_LEDGER, true, 'the status says'],
    ['that only the status knows, the Secret unreadable', GARBLED, EMPTY_LEDGER, true, 'the status says'],
    ['that only the status knows, the Secret gone', ABSENT, EMPTY_LEDGER, true, 'the status says'],
    [
      'that a ledger without a burnt key knows, the Secret unreadable',
      ...([GARBLED, { ...SERVED, keys: [] }, false, 'the ledger says'] as const),
    ],
  ] as const)('%s', (_, secret, ledger, handled, claim) => {
    expect(isBurnt(secret, ledger, handled)).toBe(true);
    expect(contradiction(world(secret, ledger, handled))).toMatch(claim === '' ? /^$/ : new RegExp(`^${claim}`));
  });
});

describe('an emergency is not served again', () => {
  it.each([
    ['that the Secret knows', managed(KNOWS), EMPTY_LEDGER, false],
    ['with a Secret from a backup, that holds a burnt key', managed(), { ...SERVED, keys: [burntKey('fp-A')] }, false],
    ['with a Secret that is gone', ABSENT, SERVED, false],
    ['with a Secret that cannot be read', GARBLED, SERVED, false],
    ['with a Secret without a trace of rekey', FOUND, SERVED, false],
    ['with a Secret that is to be adopted anew', FOUND, EMPTY_LEDGER, true],
    ['where it was noted at adoption and the Secret is gone', ABSENT, { ...SERVED, keys: [] }, true],
  ] as const)('%s', (_, secret, ledger, handled) => {
    expect(isBurnt(secret, ledger, handled)).toBe(false);
    expect(contradiction(world(secret, ledger, handled))).toBe('');
  });
});

describe('a version that was invented', () => {
  it.each([2 ** 53 - 1, MAX_VERSION + 1, -1])('of %s cannot be read, in the ledger and in the Secret', (version) => {
    expect(() => decodeLedger(encodeLedger({ ...SERVED, version }))).toThrow('lacks a version');
    const history = STEADY.history.slice(-1).map((shape) => ({ ...shape, version }));
    expect(() => decodeState(encodeState({ ...STEADY, version, history }))).toThrow('is not one that rekey writes');
  });

  it.each([1_000_000_000, MAX_VERSION])('of %s stops no emergency, nor the next', (version) => {
    const forged = decodeLedger(encodeLedger({ ...EMPTY_LEDGER, version }));
    expect(isBurnt(managed(), forged, false)).toBe(true);
    const { action } = plan(world(managed(), forged, false));
    const next = action.type === 'write' && 'version' in action.write ? action.write.version + 1 : 0;
    // what it writes can be read again, and is not taken for a backup
    expect(next).toBeLessThan(MAX_VERSION);
    const history = STEADY.history.slice(-1).map((shape) => ({ ...shape, version: next }));
    const after = decodeState(encodeState({ ...STEADY, version: next, history }));
    expect(checkedAgainstLedger(forged, managed(after), NAMES).kind).toBe('Managed');
  });

  it('on a pod counts for nothing', () => {
    const targets = services(STEADY, { main: 999_999_999_999_999, admin: 7 });
    expect(highestVersion(facts(STEADY, { targets }))).toBe(7);
  });
});
