/** Keys that were found beside the one that signs: in the middle of a rotation by hand, some containers sign with them still. */
import { describe, expect, it } from 'vitest';
import { foundKeyset } from '../../../../src/rotation/keyset/before.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import { candidate, type Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { unsafeReasons } from '../../../../src/rotation/plan/safe-write.ts';
import { facts, SETTINGS, services, T0, WRITES } from '../builders.ts';
import { asked, drained } from '../deeds.ts';

const key = (kid: string) => ({ kid, fingerprint: `fp-${kid}` });
const found = (onePrevious = false) => foundKeyset(key('A'), [key('O'), key('P')], 0, T0, onePrevious);

function wrote(writes: readonly Write[], before = found()): Keyset {
  return writes.reduce((keyset, write, i) => advance(keyset, write, { key: key('B'), ack: key(`N${i}`) }, T0), before);
}

const verified = ({ history }: Keyset) => (history.at(-1)?.verify ?? []).filter((kid) => !kid.startsWith('N'));
const { adopt, stage, promote, drain, retire } = WRITES;
const abort = {
  transition: 'abort',
  acked: { Signer: 1, Verifier: 1 },
  failure: { reason: 'x', message: '' },
  handled: {},
} as const;
const rollback = { ...abort, transition: 'rollback', acked: { Signer: 2, Verifier: 2 } } as const;

describe('found keys', () => {
  it.each([
    ['adopt', [adopt], ['A', 'O', 'P']],
    ['stage', [adopt, stage], ['A', 'B', 'O', 'P']],
    ['abort', [adopt, stage, abort], ['A', 'O', 'P']],
    ['promote', [adopt, stage, promote], ['B', 'A', 'O', 'P']],
    ['rollback', [adopt, stage, promote, rollback], ['A', 'B', 'O', 'P']],
    ['drain', [adopt, stage, promote, drain], ['B', 'A', 'O', 'P']],
    ['retire', [adopt, stage, promote, drain, retire], ['B']],
  ] as const)('are accepted after %s as the protocol says', (_, writes, kids) => {
    expect(verified(wrote(writes))).toEqual(kids);
  });

  it('drain from when every signer has started after the adoption, and not before', () => {
    const exits = (writes: readonly Write[]) =>
      wrote(writes).keys.flatMap(({ state, lastSignerExit }) => (state === 'found' ? [lastSignerExit] : []));
    expect(exits([adopt])).toEqual([undefined, undefined]);
    expect(exits([adopt, stage, promote])).toEqual([undefined, undefined]);
    expect(exits([adopt, stage, promote, drain])).toEqual([T0, T0]);
    expect(exits([adopt, stage, promote, drain, { transition: 'reopen' }])).toEqual([undefined, undefined]);
  });

  it('leave no sooner than their tokens: else the write is unsafe', () => {
    const draining = wrote([adopt, stage, promote, drain]);
    const life = (now: number) => ({ now, drainMs: SETTINGS.drainMs });
    const reasons = (keyset: Keyset, now: number) =>
      unsafeReasons(keyset, keyset.acked, candidate(keyset, retire, 'fresh'), life(now));
    expect(reasons(draining, T0 + SETTINGS.drainMs)).toEqual([]);
    expect(reasons(draining, T0 + SETTINGS.drainMs - 1).join()).toMatch(/tokens signed with O/);
    const open = { ...draining, keys: draining.keys.map(({ lastSignerExit: _, ...rest }) => rest) };
    expect(reasons(open, drained).join()).toMatch(/tokens signed with P/);
  });

  it('do not hold a rotation up', () => {
    const keyset = wrote([adopt]);
    const world = facts(keyset, { requests: asked, targets: services(keyset, { main: 1, admin: 1 }) });
    expect(plan(world).action).toMatchObject({ type: 'write', write: { transition: 'stage' } });
  });

  it('are waited for first where services know a single previous key', () => {
    const keyset = wrote([adopt], found(true));
    expect(keyset.keys.map(({ state }) => state)).toEqual(['signing', 'draining', 'draining', 'ack']);
    const world = facts(keyset, { requests: asked, targets: services(keyset, { main: 1, admin: 1 }) });
    expect(plan(world).blocked?.reason).toBe('FoundKeysDraining');
  });
});
