import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedAgainstLedger } from '../../../../src/rotation/audit/against-ledger.ts';
import type { SecretFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import {
  burntIn,
  decodeLedger,
  EMPTY_LEDGER,
  encodeLedger,
  type Ledger,
  merged,
  recorded,
  recordedForeign,
} from '../../../../src/rotation/keyset/ledger.ts';
import { DONE, foreignTime, keysetAfter, PROMOTING, RETIRING, STEADY, T0, WRITES } from '../builders.ts';

const NAMES = { secretName: 'jwt', ledgerName: 'jwt-rekey' };
const emergency = { id: 'e', trigger: 'Emergency', actor: 'bob', reason: 'leak', drainMs: 0 } as const;
const BURNT = keysetAfter([
  WRITES.adopt,
  WRITES.stage,
  { transition: 'burn', nonce: 'n1', rotation: emergency, version: 0 },
]);

const seen = (...keysets: readonly Keyset[]) =>
  keysets.reduce((ledger, keyset, i) => recorded(ledger, keyset, T0 + i), EMPTY_LEDGER);
const statesIn = ({ keys }: Ledger) => Object.fromEntries(keys.map(({ kid, state }) => [kid, state]));
const spans = ({ foreign }: Ledger) => foreign.map(({ since, until = 0 }) => [since - T0, until - T0]);
const managed = (keyset: Keyset): SecretFacts => ({ kind: 'Managed', keyset });
const reasonOf = (facts: SecretFacts) => (facts.kind === 'Refused' ? facts.finding.reason : facts.kind);

describe('the ledger', () => {
  it('remembers each key from its first sight to its end, and no ack key', () => {
    expect(statesIn(seen(STEADY, PROMOTING))).toEqual({ A: 'live', B: 'live' });
    expect(statesIn(seen(STEADY, PROMOTING, RETIRING))).toEqual({ A: 'retired', B: 'live' });
    expect(seen(STEADY, PROMOTING, DONE).version).toBe(DONE.version);
  });

  it('remembers what was burnt, the staged key and the ack keys too, and which emergency it was', () => {
    const ledger = seen(STEADY, BURNT);
    expect(burntIn(ledger).map(({ kid }) => kid)).toEqual(['A', 'B', 'N2']);
    expect(ledger.emergencies).toEqual(['n1']);
  });

  it('remembers when the Secret was somebody else’s, in whatever order it hears of it', () => {
    const at = (since: number, fingerprint = 'fp-X') =>
      foreignTime(STEADY, since, undefined, { fingerprints: [fingerprint] });
    const note = (ledger: Ledger, since: number, fingerprint?: string) =>
      recordedForeign(ledger, at(since, fingerprint), since);
    const open = note(seen(STEADY), T0);
    // the writer changed the key once more: it is the same time
    const longer = note(open, T0 + 5, 'fp-Y');
    expect(longer.foreign).toEqual([{ ...at(T0), fingerprints: ['fp-X', 'fp-Y'] }]);
    expect(note(longer, T0 + 9)).toBe(longer);
    // the clock is known to a second
    const closed = recorded(longer, STEADY, T0 + 60);
    expect(closed.foreign).toEqual([{ ...at(T0), fingerprints: ['fp-X', 'fp-Y'], until: T0 + 1_060 }]);
    expect(recorded(closed, STEADY, T0 + 99)).toBe(closed);
    expect(merged(open, closed).foreign).toEqual(merged(closed, open).foreign);
    expect(merged(open, closed).foreign).toEqual(closed.foreign);
    expect(decodeLedger(encodeLedger(closed))).toEqual(closed);
    // once more in the same second
    const again = recorded(note(closed, T0), STEADY, T0 + 90);
    // it began when the other had ended, so both are one
    expect(spans(again)).toEqual([[0, 1_090]]);
    expect(spans(again)).not.toEqual([
      [0, 1_060],
      [1_061, 1_090],
    ]);
    // another leader saw its end later: the longer time counts
    const later = recorded(longer, STEADY, T0 + 500);
    expect(spans(recorded(merged(closed, later), STEADY, T0 + 600))).toEqual([[0, 1_500]]);
  });

  it('forgets no time that the Secret was somebody else’s: the nearest ones become one', () => {
    let ledger = seen(STEADY);
    const from = (i: number) => T0 + i * 10_000 + (i === 3 ? 5_000 : 0);
    for (let i = 0; i < 9; i += 1) {
      ledger = recordedForeign(ledger, foreignTime(STEADY, from(i)), from(i));
      ledger = recorded(ledger, STEADY, from(i) + 1_000);
    }
    expect(ledger.foreign).toHaveLength(8);
    expect(spans(ledger)[3]).toEqual([35_000, 42_000]);
    // one that is open stays, too, however near to the last one it begins
    const near = from(8) + 3_000;
    const open = recordedForeign(ledger, foreignTime(STEADY, near), near);
    expect(open.foreign.at(-1)).toEqual(foreignTime(STEADY, near));
    expect(recordedForeign(open, foreignTime(STEADY, near + 1), near + 1)).toBe(open);
    const closed = recorded(open, STEADY, near + 1_000);
    expect(closed.foreign).toHaveLength(8);
    expect(spans(closed).at(-1)?.[1]).toBe(near - T0 + 2_000);
    // the leader of before has not heard of that
    expect(spans(recorded(merged(closed, ledger), STEADY, near + 2_000))).toEqual(spans(closed));
  });

  it('joins no later time to the first one of a keyset version, which bounds what is replaced because of it', () => {
    const from = (i: number) => T0 + (i === 0 ? 0 : 5_000) + i * 10_000 + (i > 4 ? -500 : 0);
    const at = (i: number, version: number) => foreignTime(STEADY, from(i), from(i) + 9_000, { version });
    const times = Array.from({ length: 10 }, (_, i) => at(i, i < 4 ? 1 : 2));
    const next = recorded({ ...seen(STEADY), foreign: times }, STEADY, from(12));
    const found = spans(next).filter(([, end]) => (end ?? 0) >= from(4) - T0);
    expect(next.foreign).toHaveLength(8);
    expect(found[0]).toEqual([from(4) - T0, from(4) - T0 + 9_000]);
  });

  it('believes no time in the future, whoever wrote it, and that hides no other', () => {
    const forged = Array.from({ length: 8 }, (_, i) => foreignTime(STEADY, Date.UTC(9999, 0, 1 + i), 1));
    const endless = foreignTime(STEADY, T0 - 5, Date.UTC(9999, 0, 1));
    const ledger = { ...seen(STEADY), foreign: [...forged, endless] };
    const open = recordedForeign(ledger, foreignTime(STEADY, T0), T0);
    expect(spans(recorded(open, STEADY, T0 + 5_000))).toEqual([[0, 6_000]]);
  });

  it('is the same object where there is nothing new, so that nothing is written', () => {
    const ledger = seen(STEADY, PROMOTING);
    expect(recorded(ledger, PROMOTING, T0 + 99)).toBe(ledger);
    expect(recorded(ledger, STEADY, T0 + 99)).toBe(ledger);
  });

  it('comes to the same in whatever order two of them are merged, and burnt wins', () => {
    const ledgers = [seen(STEADY), seen(STEADY, PROMOTING), seen(STEADY, RETIRING), seen(STEADY, BURNT)];
    fc.assert(
      fc.property(fc.shuffledSubarray(ledgers), (order) => {
        const sum = order.reduce(merged, EMPTY_LEDGER);
        const known = ledgers.filter((ledger) => order.includes(ledger)).reduce(merged, EMPTY_LEDGER);
        expect(statesIn(sum)).toEqual(statesIn(known));
        expect(sum.version).toBe(known.version);
      }),
    );
    expect(statesIn(merged(seen(STEADY, BURNT), seen(STEADY, PROMOTING)))).toMatchObject({ A: 'burnt' });
  });

  it('is read as it was written, and whatever is no ledger is refused', () => {
    const ledger = seen(STEADY, BURNT);
    expect(decodeLedger(encodeLedger(ledger))).toEqual(ledger);
    for (const edit of ['', '[]', '{}', '{"version":"1"}', encodeLedger(ledger).replace('burnt', 'fine')]) {
      expect(() => decodeLedger(edit)).toThrow(/lacks|is no/);
    }
  });

  it('loses the oldest retired keys when they are too many, and never a burnt one', () => {
    const retired = Array.from({ length: 700 }, (_, i) => {
      return { kid: `k${i}`, fingerprint: `f${i}`, state: 'retired' as const, at: T0 + i };
    });
    const ledger = merged({ ...EMPTY_LEDGER, keys: retired }, seen(STEADY, BURNT));
    expect(ledger.keys.filter(({ state }) => state === 'retired').map(({ kid }) => kid)).toEqual(
      retired.slice(-500).map(({ kid }) => kid),
    );
    expect(burntIn(ledger)).toHaveLength(3);
  });
});

/** As if its keys had been made then. */
function at(keyset: Keyset, createdAt: number): Keyset {
  return { ...keyset, keys: keyset.keys.map((key) => ({ ...key, createdAt })) };
}

describe('in the light of the ledger', () => {
  const ledger = seen(STEADY, PROMOTING, DONE);

  it('a Secret that rekey wrote last is what it says', () => {
    expect(checkedAgainstLedger(ledger, managed(DONE), NAMES)).toEqual(managed(DONE));
    expect(checkedAgainstLedger(EMPTY_LEDGER, managed(DONE), NAMES)).toEqual(managed(DONE));
  });

  it('a Secret with an older version comes from a backup, and keeps what it says for an emergency', () => {
    const taken = checkedAgainstLedger(ledger, managed(PROMOTING), NAMES);
    expect(taken).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyResurrected' }, keyset: PROMOTING });
  });

  it.each([
    ['signs with one', 'fp-A', []],
    ['accepts one', 'fp-other', ['fp-B']],
  ])('a Secret that was made anew and %s of the burnt keys is refused', (_, fingerprint, fallbacks) => {
    const secret: SecretFacts = { kind: 'Unmanaged', fingerprint, fallbacks };
    expect(reasonOf(checkedAgainstLedger(seen(STEADY, BURNT), secret, NAMES))).toBe('KeyResurrected');
    expect(reasonOf(checkedAgainstLedger(seen(STEADY), secret, NAMES))).toBe('Unmanaged');
  });

  it.each([
    ['signs with', 'fp-A', []],
    ['accepts', 'fp-B', ['fp-A']],
  ])(
    'a Secret that was made anew and %s a retired key is refused, until a person accepts it',
    (_, fingerprint, fallbacks) => {
      const secret: SecretFacts = { kind: 'Unmanaged', fingerprint, fallbacks };
      const taken = checkedAgainstLedger(ledger, secret, NAMES);
      expect(taken).toMatchObject({
        finding: {
          reason: 'KeyResurrected',
          message: expect.stringContaining('rekey.dev/accept-retired-key: fp-A on the Secret'),
        },
      });
      expect(checkedAgainstLedger(ledger, { ...secret, accepted: ['fp-A'] }, NAMES).kind).toBe('Unmanaged');
    },
  );

  it('a Secret that was made anew with the key in use is taken over, whatever id it had', () => {
    expect(checkedAgainstLedger(ledger, { kind: 'Unmanaged', fingerprint: 'fp-B', fallbacks: [] }, NAMES).kind).toBe(
      'Unmanaged',
    );
    // it was taken over once more before, and has two ids
    const twice = merged(ledger, { ...EMPTY_LEDGER, keys: [{ kid: 'Z', fingerprint: 'fp-A', state: 'live', at: T0 }] });
    expect(checkedAgainstLedger(twice, { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] }, NAMES).kind).toBe(
      'Unmanaged',
    );
  });

  it('a managed Secret that holds a retired key again is refused, unless it was taken over after that', () => {
    const again = { ...STEADY, version: 99 };
    const later = seen(STEADY, PROMOTING, DONE);
    const retiredAt = later.keys.find(({ kid }) => kid === 'A')?.at ?? 0;
    expect(reasonOf(checkedAgainstLedger(later, managed(at(again, retiredAt - 1)), NAMES))).toBe('KeyResurrected');
    expect(reasonOf(checkedAgainstLedger(later, managed(at(again, retiredAt)), NAMES))).toBe('Managed');
  });

  it('a key id that is that of another key is not kept', () => {
    const secret: SecretFacts = { kind: 'Unmanaged', fingerprint: 'fp-new', fallbacks: [], kid: 'B' };
    expect(reasonOf(checkedAgainstLedger(ledger, secret, NAMES))).toBe('KeyIdUnusable');
    expect(checkedAgainstLedger(ledger, { ...secret, fingerprint: 'fp-B' }, NAMES).kind).toBe('Unmanaged');
  });

  it('a managed Secret whose annotations have forgotten that a key is burnt is refused', () => {
    const forgetful = { ...DONE, version: 99 };
    const burnt = seen({ ...BURNT, burnt: [{ kid: 'X', fingerprint: 'fp-B', burntAt: T0 }] });
    expect(reasonOf(checkedAgainstLedger(burnt, managed(forgetful), NAMES))).toBe('KeyResurrected');
  });
});
