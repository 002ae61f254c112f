/** Of two resources on one Secret the younger is refused; an emergency that it asks for is said not to be served, and where it can be. */
import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { conflictWith } from '../../../../src/rotation/pass/conflict.ts';
import { STEADY } from '../builders.ts';

const resource = (name: string, annotations = {}) =>
  ({ metadata: { name, namespace: 'shop', annotations }, spec: { secretName: 'jwt' } }) as unknown as JwtKeyRotation;
const asks = resource('younger', { 'rekey.dev/emergency': 'n1: leaked' });
const older = resource('older');

it('names the older one', () => {
  const { reason, message } = conflictWith(resource('younger'), older, undefined);
  expect([reason, message]).toEqual([
    'SecretConflict',
    expect.stringContaining('is already rotated by JwtKeyRotation older'),
  ]);
  expect(message).not.toContain('EMERGENCY');
});

it('says that an emergency is not served, and the command that serves it', () => {
  for (const secret of [undefined, { kind: 'Managed', keyset: STEADY }] as const) {
    const { message } = conflictWith(asks, older, secret);
    expect(message).toMatch(/^EMERGENCY NOT SERVED: no key was burnt/);
    expect(message).toContain(`kubectl rekey emergency older -n shop --reason '...'`);
  }
});

it('claims nothing of one that the Secret knows as served', () => {
  const keyset = { ...STEADY, handled: { emergencies: ['n1'] } };
  expect(conflictWith(asks, older, { kind: 'Managed', keyset }).message).not.toContain('EMERGENCY');
});
