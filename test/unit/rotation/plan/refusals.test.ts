/** Where the planner writes nothing, and what it says then. */
import { describe, expect, it } from 'vitest';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import { EMPTY_LEDGER } from '../../../../src/rotation/keyset/ledger.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import {
  DRAINING,
  facts,
  keysetAfter,
  PAUSED,
  PROMOTING,
  probeOf,
  SETTINGS,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WORKLOAD,
  WRITES,
} from '../builders.ts';
import { asked, decide, drained, edited } from '../deeds.ts';

describe('clocks that differ', () => {
  const at = (clockOffsetMs: number) => {
    const promoting = facts(PROMOTING, { targets: services(PROMOTING, { main: 3, admin: 2 }), clockOffsetMs });
    const due = facts(DRAINING, {
      targets: services(DRAINING, { main: 3, admin: 2 }, drained),
      now: drained,
      clockOffsetMs,
    });
    return [promoting, due].map((world) => plan(world).stalled?.reason ?? decide(world));
  };

  it('by more than clockSkew keep the old key: the wait neither begins nor ends', () => {
    expect(at(-62_001)).toEqual(['ClockSkew', 'ClockSkew']);
    expect(at(62_001)).toEqual(['ClockSkew', 'ClockSkew']);
    expect(at(62_000)).toEqual(['write drain', 'write retire']);
  });
});

describe('where nothing may be written', () => {
  const refusal = { reason: 'ForeignWriter', message: 'edited' } as const;
  const rows: readonly (readonly [string, Partial<Facts>])[] = [
    ['ForeignWriter', { secret: { kind: 'Refused', finding: refusal } }],
    ['SecretDeleted', { secret: { kind: 'Absent' } }],
    ['TargetNotFound', { targets: [{ settings: target('main', ['Signer', 'Verifier']).settings, pods: [] }] }],
    [
      'TargetPaused',
      { targets: [target('main', ['Signer', 'Verifier'], { workload: { ...WORKLOAD, paused: true } })] },
    ],
    [
      'TargetNotConsuming',
      {
        targets: [target('main', ['Signer', 'Verifier'], { workload: { ...WORKLOAD, consumes: false } })],
      },
    ],
    ['UnlistedConsumer', { unlistedConsumers: ['Deployment/worker'] }],
    ['Suspended', { settings: { ...SETTINGS, suspend: true } }],
    ['Paused', { requests: { ...asked, paused: PAUSED } }],
    ['PauseUnreadable', { requests: { ...asked, paused: { reason: 'PauseUnreadable', message: 'is maybe' } } }],
    [
      'RolloutInProgress',
      {
        targets: [
          target('main', ['Signer', 'Verifier'], {
            workload: { ...WORKLOAD, rolledOut: false },
          }),
        ],
      },
    ],
    ['InvalidWindow', { impossibleWindow: { reason: 'InvalidWindow', message: 'never opens' } }],
    [
      'CanaryVoid',
      {
        targets: services(STEADY, { main: 1, admin: 1 }).map((item) => ({
          ...item,
          pods: item.pods.map((one) => ({ ...one, probe: { ...probeOf(STEADY, 1), random: 'accepted' as const } })),
        })),
      },
    ],
  ];
  it.each(rows)('%s', (reason, edit) => {
    const { action, blocked } = plan(facts(STEADY, { requests: asked, now: T0, ...edit }));
    expect([action.type, blocked?.reason]).toEqual(['wait', reason]);
  });

  it('outside a maintenance window the staged key waits', () => {
    const decision = plan(facts(STAGING, { window: { open: false, opensAt: T0 + 1 } }));
    expect([decision.phase, decision.action]).toEqual(['Staged', { type: 'wait', until: T0 + 1 }]);
  });

  it('mid-rotation the rotation rests and says so', () => {
    const { action, stalled } = plan(facts(STAGING, { unlistedConsumers: ['Deployment/worker'] }));
    expect([action.type, stalled?.reason]).toEqual(['wait', 'UnlistedConsumer']);
  });

  it('a restart that takes too long is reported with the pods it waits for', () => {
    const workload2 = { ...WORKLOAD, rolledOut: false, templateVersion: 2 };
    const targets = edited(services(STAGING, { main: 2, admin: 2 }, T0 + 600_000), 'admin', (item) => ({
      ...item,
      workload: workload2,
    }));
    const { stalled } = plan(facts(STAGING, { targets, now: T0 + 600_000 }));
    expect(stalled?.reason).toBe('RolloutStalled');
  });
});

describe('what was found at adoption', () => {
  const found = keysetAfter([{ ...WRITES.adopt, fallbacks: ['fp-O'] }]);
  const old = { kid: 'O', fingerprint: 'fp-O', state: 'draining', createdAt: T0, lastSignerExit: T0 } as const;
  const withOld = {
    ...found,
    keys: [...found.keys, old],
    history: found.history.map((shape) => ({ ...shape, verify: [...shape.verify, 'O'] })),
  };

  it('is accepted until its tokens are dead: a rotation waits that long', () => {
    const at = (now: number) =>
      facts(withOld, { now, requests: asked, targets: services(withOld, { main: 1, admin: 1 }, now) });
    expect(plan(at(drained - 1)).blocked?.reason).toBe('FoundKeysDraining');
    expect(decide(at(drained))).toBe('write stage');
  });

  it('need not be what every pod has loaded: who accepts the key in use is fit to start', () => {
    const mixed = services(withOld, { main: 1, admin: 1 }, drained).map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({
        ...one,
        probe: one.probe && {
          ...one.probe,
          answers: new Map([
            ['A', 'accepted'],
            ['O', 'refused'],
            ['N1', 'refused'],
          ] as const),
        },
      })),
    })) as readonly TargetFacts[];
    const longer = {
      ...withOld,
      history: [{ ...withOld.history[0], verify: ['A', 'O'] }, ...withOld.history.slice(1)],
    } as typeof withOld;
    expect(decide(facts(longer, { now: drained, requests: asked, targets: mixed }))).toBe('write stage');
  });

  it('is not taken for restarted because of a stamp of a Secret that was lost', () => {
    const targets = services(STEADY, { main: 7, admin: 5 });
    const world = facts(STEADY, { secret: { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] }, targets });
    expect(plan(world).action).toMatchObject({ type: 'write', write: { transition: 'adopt', version: 7 } });
    const ledger = { ...EMPTY_LEDGER, version: 9 };
    expect(plan({ ...world, ledger }).action).toMatchObject({ write: { transition: 'adopt', version: 9 } });
  });
});

describe('a ledger that cannot be read', () => {
  const ledgerFinding = { reason: 'LedgerUnreadable', message: 'no JSON' } as const;
  const emergency = { nonce: 'n', reason: 'leak', actor: 'bob', handled: false };
  const burn = { transition: 'burn', nonce: 'n', rotation: WRITES.stage.rotation, version: 0 } as const;

  it.each([
    ['a rotation', facts(STEADY, { requests: asked })],
    ['the first key', facts(STEADY, { secret: { kind: 'Absent' } })],
    ['an adoption', facts(STEADY, { secret: { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } })],
    ['the way back', facts(STAGING, { requests: { abortAt: '1' } })],
  ])('stops %s, and is looked at again soon', (_, world) => {
    const { action, blocked, stalled } = plan({ ...world, ledgerFinding });
    expect([action, (blocked ?? stalled)?.reason]).toEqual([
      { type: 'wait', until: world.now + 10_000 },
      'LedgerUnreadable',
    ]);
  });

  it('stops neither an emergency nor its end', () => {
    expect(decide(facts(STEADY, { ledgerFinding, requests: { paused: PAUSED, emergency } }))).toBe('write burn');
    const burning = keysetAfter([WRITES.adopt, burn]);
    expect(decide(facts(burning, { ledgerFinding, targets: services(burning, { main: 0, admin: 0 }) }))).toMatch(
      'delete',
    );
  });
});

describe('an emergency that the ledger knows', () => {
  it('is not served once more by a Secret that does not', () => {
    const emergency = { nonce: 'n', reason: 'leak', actor: 'bob', handled: false };
    const world = facts(STEADY, { requests: { emergency } });
    expect(decide(world)).toBe('write burn');
    const burnt = (fingerprint: string) => [{ kid: 'k', fingerprint, state: 'burnt', at: 0 }] as const;
    expect(decide({ ...world, ledger: { version: 9, keys: burnt('fp-A'), emergencies: ['n'], foreign: [] } })).not.toBe(
      'write burn',
    );
    // no key of it is burnt: a nonce that it does not know was put there by somebody else, a higher version perhaps too
    for (const version of [0, 9]) {
      expect(decide({ ...world, ledger: { version, keys: burnt('f'), emergencies: ['n'], foreign: [] } })).toBe(
        'write burn',
      );
    }
  });
});
