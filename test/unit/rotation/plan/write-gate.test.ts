/** The writes that the safe-write rule does not judge: without its precondition none is made. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { exempt } from '../../../../src/rotation/plan/write-gate.ts';
import { facts, SETTINGS, STEADY } from '../builders.ts';

type Exempt = Parameters<typeof exempt>[1];

const rotation = { id: 'r', trigger: 'Emergency', actor: 'a', reason: 'leak', drainMs: 0 } as const;
const WRITES: { readonly [T in Exempt['transition']]: Extract<Write, { readonly transition: T }> } = {
  create: { transition: 'create', version: 1, handled: {} },
  adopt: { transition: 'adopt', fingerprint: 'f', fallbacks: [], version: 0, handled: {} },
  cutover: { transition: 'cutover', handled: {} },
  burn: { transition: 'burn', nonce: 'n', rotation, version: 1 },
};
const ALLOWED = { ...SETTINGS, allowCutover: true };
const emergency = { nonce: 'n', reason: 'leak', actor: 'a', handled: false };
const unmanaged = { kind: 'Unmanaged', fingerprint: 'f', fallbacks: [] } as const;

describe('a write that the safe-write rule does not judge', () => {
  it.each<[Exempt['transition'], Partial<Facts>]>([
    ['create', { secret: { kind: 'Absent' } }],
    ['adopt', { secret: unmanaged }],
    ['cutover', { settings: ALLOWED }],
    ['burn', { requests: { emergency } }],
  ])('is made where its precondition holds: %s', (transition, edit) => {
    const decision = exempt(facts(STEADY, edit), WRITES[transition], 'Pending', 'words');
    expect(decision).toMatchObject({ action: { type: 'write', write: { transition } }, progress: 'words' });
  });

  it.each<[Exempt['transition'], string, Partial<Facts>]>([
    ['create', 'over a Secret that is there', { secret: unmanaged }],
    ['create', 'by what a cache says', { secret: { kind: 'Absent' }, live: false }],
    ['adopt', 'over a Secret that rekey has written', {}],
    ['cutover', 'that nobody has allowed', {}],
    ['cutover', 'outside a window', { settings: ALLOWED, window: { open: false } }],
    ['cutover', 'by what a cache says', { settings: ALLOWED, live: false }],
    ['burn', 'that nobody has asked for', {}],
  ])('is withheld: %s %s', (transition, _, edit) => {
    const { action, stalled } = exempt(facts(STEADY, edit), WRITES[transition], 'Pending', 'words');
    expect([action.type, stalled?.reason]).toEqual(['wait', 'UnsafeWrite']);
  });
});
