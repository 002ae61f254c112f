/** What a pod is believed to hold where its answers do not tell all: it knows one previous key, or has a second container with the key. */
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/rotation/facts.ts';
import { currentShape, type Keyset, previousOf } from '../../../../src/rotation/keyset/keyset.ts';
import { hasLoadedNewest, levelOf, shapesHeld } from '../../../../src/rotation/plan/evidence.ts';
import { inferredOfRotation } from '../../../../src/rotation/plan/inferred.ts';
import { facts, keysetAfter, pod, probeOf, SETTLE_MS, T0, target, WRITES } from '../builders.ts';

const MINUTE = 60_000;
const steps = [WRITES.adopt, WRITES.stage, WRITES.promote, WRITES.drain, WRITES.retire];
/** Each write a minute after the one before. */
const keysets = steps.map((_, i) => keysetAfter(steps.slice(0, i + 1), (step) => T0 + step * MINUTE));
const [, STAGED, PROMOTED, , RETIRED] = keysets as [Keyset, Keyset, Keyset, Keyset, Keyset];

const base = target('main', ['Signer', 'Verifier']);
const onePrevious = base.workload && {
  workload: { ...base.workload, consumption: { ...base.workload.consumption, onePrevious: true } },
};
const main = { ...base, ...onePrevious };

/** A pod that started then and accepts these keys. */
function versionsHeld(keyset: Keyset, accepts: readonly string[], startedAt: number): readonly number[] {
  const answers = new Map(
    keyset.keys.map(({ kid }): [string, Answer] => [kid, accepts.includes(kid) ? 'accepted' : 'refused']),
  );
  const asked = { at: startedAt, heardAt: startedAt, askedAt: startedAt, ready: true, failures: 0 };
  const probe = { version: keyset.version, ...asked, answers, random: 'refused' } as const;
  return shapesHeld(main, pod('main-1', { probe, startedAt }), keyset).map(({ version }) => version);
}

const writtenAt = (keyset: Keyset) => currentShape(keyset).writtenAt;
const settled = (keyset: Keyset) => writtenAt(keyset) + SETTLE_MS;

describe('a pod that knows one previous key', () => {
  it('is shown the other real key, and the ack key only where there is none', () => {
    expect(keysets.map((keyset) => previousOf(currentShape(keyset), keyset))).toEqual(['N1', 'B', 'A', 'A', 'N4']);
  });

  it('holds the staged keyset when it accepts both keys and started after it was written', () => {
    expect(versionsHeld(STAGED, ['A', 'B'], settled(STAGED))).toEqual([2]);
    // of the adopted keyset and the one before nothing is known that would tell them apart
    expect(versionsHeld(STAGED, ['A'], writtenAt(STAGED) + 1)).toEqual([0]);
  });

  it('answers the same after promotion, so that its start decides', () => {
    expect(versionsHeld(PROMOTED, ['A', 'B'], settled(PROMOTED))).toEqual([3]);
    expect(versionsHeld(PROMOTED, ['A', 'B'], settled(PROMOTED) - 1)).toEqual([2, 3]);
    expect(versionsHeld(PROMOTED, ['A', 'B'], settled(STAGED) - 1)).toEqual([2, 3]);
  });

  it('proves by the ack key that the old key is gone, whenever it started', () => {
    expect(versionsHeld(RETIRED, ['B', 'N4'], writtenAt(RETIRED) + 1)).toEqual([4]);
  });

  it('may know them all, and then proves by the ack key what it has loaded', () => {
    expect(versionsHeld(PROMOTED, ['A', 'B', 'N3'], writtenAt(PROMOTED) + 1)).toEqual([3]);
  });

  it('counts as inferred, which the resource says', () => {
    expect([levelOf(main), levelOf(base)]).toEqual(['Inferred', 'Canary']);
  });
});

describe('a pod of which several containers take the key', () => {
  const newest = { ...probeOf(PROMOTED, 3), random: 'refused' } as const;
  const held = (startedAt: number, probe = newest) => {
    const several = pod('main-1', { several: true, probe, startedAt });
    return shapesHeld(base, several, PROMOTED).map(({ version }) => version);
  };

  it('holds what the others may have read when they started, whatever one answers', () => {
    expect(held(settled(PROMOTED))).toEqual([3]);
    expect(held(settled(PROMOTED) - 1)).toEqual([2, 3]);
  });

  it('has loaded the newest keyset when each of them has', () => {
    const of = (startedAt: number) => pod('main-1', { several: true, probe: newest, startedAt });
    expect(hasLoadedNewest(of(settled(PROMOTED)), PROMOTED)).toBe(true);
    expect(hasLoadedNewest(of(settled(PROMOTED) - 1), PROMOTED)).toBe(false);
  });

  it('counts as inferred, and is told as such', () => {
    const shared = { ...base, pods: [pod('main-1', { several: true })] };
    expect(levelOf(shared)).toBe('Inferred');
    expect(inferredOfRotation(facts(RETIRED, { targets: [shared] }), RETIRED, false)).toContain(
      'Deployment/main: several containers of a pod take the key, but only one answers',
    );
  });
});
