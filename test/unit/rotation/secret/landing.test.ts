import { describe, expect, it } from 'vitest';
import { iso } from '../../../../src/rotation/api/iso.ts';
import { currentShape, type Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { asLanded } from '../../../../src/rotation/secret/landing.ts';
import { keysetAfter, T0, WRITES } from '../builders.ts';

const STEP_MS = 60_000;
const SENT = [WRITES.adopt, WRITES.stage, WRITES.promote] as const;

/** Each write is sent a minute after the one before. */
function sent(...more: readonly Write[]): Keyset {
  return keysetAfter([...SENT, ...more], (step) => T0 + step * STEP_MS);
}

function taken(at: number, manager = 'rekey') {
  return { metadata: { name: 'jwt', managedFields: [{ manager, time: iso(at) }] } };
}

const writtenAt = (keyset: Keyset) => currentShape(keyset).writtenAt;

describe('the time of a write', () => {
  const promoting = sent();
  const at = writtenAt(promoting);

  it('is that at which the API server took it, where it was held up', () => {
    const landed = asLanded(promoting, taken(at + 20_000));
    expect(writtenAt(landed)).toBe(at + 21_000);
    expect(landed.history.slice(0, -1)).toEqual(promoting.history.slice(0, -1));
  });

  it.each([
    ['the API server took it in the same second', taken(at)],
    ['the API server tells an earlier time', taken(at - 1000)],
    ['somebody else wrote later', taken(at + 20_000, 'kubectl-edit')],
    ['the API server tells no times', { metadata: { name: 'jwt' } }],
    ['a time cannot be read', { metadata: { name: 'jwt', managedFields: [{ manager: 'rekey', time: 'soon' }] } }],
  ])('is that at which it was sent, where %s', (_, secret) => {
    expect(asLanded(promoting, secret)).toEqual(promoting);
  });

  it('is not changed by a later write of annotations alone', () => {
    const draining = sent(WRITES.drain);
    expect(asLanded(draining, taken(draining.lastWriteAt ?? 0))).toEqual(draining);
    expect(asLanded(draining, taken((draining.lastWriteAt ?? 0) + 20_000))).toEqual(draining);
  });

  it('is not known better of a Secret that an earlier version has written', () => {
    const { lastWriteAt: _, ...before } = promoting;
    expect(asLanded(before, taken(at + 20_000))).toEqual(before);
  });

  it.each(['burn', 'cutover'] as const)('moves what a %s says of itself, so that the state stays one', (name) => {
    const rotation = { id: 'e', trigger: 'Emergency', actor: 'x', reason: 'leak', drainMs: 0 } as const;
    const burn: Write = { transition: 'burn', nonce: 'n', version: 0, rotation };
    const cutover: Write = { transition: 'cutover', handled: {}, rotation: { ...rotation, trigger: 'Annotation' } };
    const keyset = sent(name === 'burn' ? burn : cutover);
    const landed = asLanded(keyset, taken(writtenAt(keyset) + 20_000));
    const said = name === 'burn' ? landed.emergency?.writtenAt : landed.rotation?.cutOverAt;
    expect(said).toBe(writtenAt(keyset) + 21_000);
    expect(writtenAt(landed)).toBe(said);
  });
});
