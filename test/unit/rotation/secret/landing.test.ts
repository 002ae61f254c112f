import { describe, expect, it } from 'vitest';
import { currentShape, type Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { decodeState, encodeState } from '../../../../src/rotation/keyset/state.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { inferredOfReplacement } from '../../../../src/rotation/plan/inferred.ts';
import { iso } from '../../../../src/rotation/schedule/duration.ts';
import { asLanded } from '../../../../src/rotation/secret/landing.ts';
import { facts, keysetAfter, pod, probeOf, T0, target, WRITES } from '../builders.ts';

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
    expect(asLanded(draining, taken(draining.attempts.lastWriteAt ?? 0))).toEqual(draining);
    expect(asLanded(draining, taken((draining.attempts.lastWriteAt ?? 0) + 20_000))).toEqual(draining);
  });

  it('is not known better of a Secret that an earlier version has written', () => {
    const { lastWriteAt: _, ...attempts } = promoting.attempts;
    const before = { ...promoting, attempts };
    expect(asLanded(before, taken(at + 20_000))).toEqual(before);
  });

  it.each(['burn', 'cutover'] as const)(
    'of a %s leaves what it says of itself as it is: who counts from that counts too much',
    (name) => {
      const rotation = { id: 'e', trigger: 'Emergency', actor: 'x', reason: 'leak', drainMs: 0 } as const;
      const burn: Write = { transition: 'burn', nonce: 'n', version: 0, rotation };
      const cutover: Write = { transition: 'cutover', handled: {}, rotation: { ...rotation, trigger: 'Annotation' } };
      const keyset = sent(name === 'burn' ? burn : cutover);
      const landed = asLanded(keyset, taken(writtenAt(keyset) + 20_000));
      expect(landed).toEqual({ ...keyset, history: landed.history });
      // and the state is still one that rekey may have written, also after the next write of annotations
      expect(decodeState(encodeState(landed))).toEqual(landed);
    },
  );

  it('of an emergency changes nothing of which keys it has burnt, nor of what pods were not asked about', () => {
    const rotation = { id: 'e', trigger: 'Emergency', actor: 'x', reason: 'leak', drainMs: 0 } as const;
    const keyset = sent({ transition: 'burn', nonce: 'n', version: 0, rotation });
    const landed = asLanded(keyset, taken(writtenAt(keyset) + 20_000));
    const unasked = (burning: Keyset) => {
      const answers = new Map([...probeOf(burning, burning.version).answers, ['k-a', 'refused'] as const]);
      const probe = { ...probeOf(burning, burning.version), answers };
      const targets = [target('main', ['Verifier'], { pods: [pod('main-1', { probe })] })];
      return inferredOfReplacement(facts(burning, { targets }), burning);
    };
    expect(unasked(keyset)).toContain('was not asked about every earlier key');
    expect(unasked(landed)).toBe(unasked(keyset));
  });
});
