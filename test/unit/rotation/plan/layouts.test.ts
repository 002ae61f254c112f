/** What the planner knows of data keys that hold a few keys only, and of who reads them. */
import { describe, expect, it } from 'vitest';
import { foundKeyset } from '../../../../src/rotation/keyset/before.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { guarded } from '../../../../src/rotation/plan/write-gate.ts';
import type { Layout } from '../../../../src/rotation/settings/layouts.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { consumptionOf } from '../../../../src/rotation/workloads/consumption.ts';
import { sourcesOf } from '../../../../src/rotation/workloads/sources.ts';
import { facts, SETTINGS, STEADY, T0, target, WORKLOAD, WRITES } from '../builders.ts';

const slots = (...names: string[]): Layout => ({ names, format: 'Text', content: 'Fallbacks' });
const laidOut = (...layouts: readonly Layout[]): Settings => ({ ...SETTINGS, layouts });
const key = (kid: string) => ({ kid, fingerprint: `fp-${kid}` });
const found = advance(foundKeyset(key('A'), [key('O')], 0, T0), WRITES.adopt, { key: key('B'), ack: key('N') }, T0);

describe('a write that a data key cannot hold', () => {
  const stage = (settings: Settings, keyset = found) =>
    guarded(facts(keyset, { settings }), keyset, WRITES.stage, 'Preflight');

  it.each([
    ['texts', slots('SLOT_2', 'SLOT_1'), 'SLOT_2, SLOT_1 \\(2 keys'],
    ['a list', { names: ['LIST'], format: 'JsonArray', content: 'Fallbacks', max: 2 } as const, 'LIST \\(2 keys'],
    ['a list of all', { names: ['LIST'], format: 'CommaList', content: 'All', max: 3 } as const, 'LIST \\(2 keys'],
  ])('is withheld: %s', (_, layout, words) => {
    const { action, stalled } = stage(laidOut(layout));
    expect(action.type).toBe('wait');
    expect(stalled).toMatchObject({ reason: 'UnsafeWrite', message: expect.stringMatching(words) });
    expect(stage(laidOut(layout), STEADY).action).toMatchObject({ type: 'write' });
  });

  it('is made where they fit, or where one previous key is all that is known', () => {
    for (const layout of [slots('SLOT_3', 'SLOT_2', 'SLOT_1'), slots('PREVIOUS')]) {
      expect(stage(laidOut(layout)).action).toMatchObject({ type: 'write' });
    }
  });

  it('is not planned: the finding names the field', () => {
    const requests = { rotateAt: 'now' };
    const due = { since: T0, nextRuns: [] };
    const planned = plan(facts(found, { settings: laidOut(slots('SLOT_2', 'SLOT_1')), requests, due }));
    expect(planned.blocked).toMatchObject({
      reason: 'InvalidDataKey',
      message: expect.stringMatching(/spec\.secretKeys\.layout: a rotation needs 3 keys.*SLOT_2, SLOT_1/),
    });
    expect(planned.action.type).toBe('wait');
  });
});

describe('a container that reads texts', () => {
  const names = laidOut(slots('SLOT_2', 'SLOT_1'));
  const variable = (data: string) => ({ name: data, valueFrom: { secretKeyRef: { name: 'jwt', key: data } } });
  const seen = (settings: Settings, ...data: string[]) =>
    consumptionOf(sourcesOf({ containers: [{ name: 'app', env: data.map(variable) }] }), settings);

  it('takes them only where it takes all: the staged key may stand in any', () => {
    expect(seen(names, 'JWT_SECRET', 'SLOT_2', 'SLOT_1').takes).toEqual(['JWT_SECRET', 'SLOT_2', 'SLOT_1']);
    expect(seen(names, 'JWT_SECRET', 'SLOT_1').takes).toEqual(['JWT_SECRET']);
  });

  it('knows one previous key where there is one place', () => {
    expect(seen(laidOut(slots('PREVIOUS')), 'JWT_SECRET', 'PREVIOUS').onePrevious).toBe(true);
    expect(seen(names, 'JWT_SECRET', 'SLOT_2', 'SLOT_1').onePrevious).toBe(false);
    const both = laidOut(slots('PREVIOUS'), slots('SLOT_2', 'SLOT_1'));
    expect(seen(both, 'JWT_SECRET', 'PREVIOUS', 'SLOT_2', 'SLOT_1').onePrevious).toBe(false);
  });

  it('is not one that takes the fallbacks where it takes some only', () => {
    const taking = (...data: string[]) => {
      const workload = { ...WORKLOAD, consumption: seen(names, ...data) };
      const due = { since: T0, nextRuns: [] };
      const targets = [target('app', ['Signer', 'Verifier'], { workload })];
      return plan(facts(STEADY, { settings: names, targets, due, requests: { rotateAt: 'now' } })).blocked?.reason;
    };
    expect(taking('JWT_SECRET', 'SLOT_1')).toBe('NotConsumed');
    expect(taking('JWT_SECRET', 'SLOT_2', 'SLOT_1')).not.toBe('NotConsumed');
  });

  it('may take the signing key from a list that has all keys', () => {
    const all = laidOut({ names: ['LIST'], format: 'JsonArray', content: 'All' });
    const workload = { ...WORKLOAD, consumption: seen(all, 'LIST') };
    const targets = [target('app', ['Signer', 'Verifier'], { workload })];
    const due = { since: T0, nextRuns: [] };
    const { blocked } = plan(facts(STEADY, { settings: all, targets, due, requests: { rotateAt: 'now' } }));
    expect(blocked?.reason).not.toBe('NotConsumed');
  });
});
