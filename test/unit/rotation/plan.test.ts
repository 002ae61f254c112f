/** Each row of the transition table in docs/protocol.md, and each crash point: what the planner does in that world. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/rotation/decision.ts';
import type { Facts, PodFacts, TargetFacts } from '../../../src/rotation/facts.ts';
import type { Keyset } from '../../../src/rotation/keyset.ts';
import { plan } from '../../../src/rotation/plan.ts';
import { advance, lostKeyset, type Write } from '../../../src/rotation/transition.ts';
import {
  DONE,
  DRAINING,
  facts,
  keysetAfter,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  SETTINGS,
  SETTLED,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WRITES,
} from './builders.ts';

const asked = { paused: false, rotateAt: 'now', rotateActor: 'kubectl' };

/** The action in a few words, as the table has it. */
function deed({ action }: Decision): string {
  switch (action.type) {
    case 'write':
      return `write ${action.write.transition}`;
    case 'bump':
      return `bump ${action.targets.map((item) => item.settings.name).join(',')}`;
    case 'evict':
    case 'delete':
    case 'probe':
      return `${action.type} ${action.pods.map((item) => item.pod.name).join(',')}`;
    default:
      return action.type;
  }
}

const decide = (world: Facts) => deed(plan(world));
const edited = (targets: readonly TargetFacts[], name: string, edit: (item: TargetFacts) => TargetFacts) =>
  targets.map((item) => (item.settings.name === name ? edit(item) : item));
const asks = (targets: readonly TargetFacts[]) =>
  targets.map((item) => ({ ...item, pods: item.pods.map(({ probe: _, ...rest }) => rest) }));
const drained = T0 + SETTINGS.drainMs;

describe('the transition table', () => {
  const rows: readonly (readonly [string, Facts, string])[] = [
    [
      'creates the first key where the Secret is absent and nothing runs',
      facts(STEADY, { secret: { kind: 'Absent' }, targets: [target('main', ['Signer', 'Verifier'], { pods: [] })] }),
      'write create',
    ],
    [
      'adopts a Secret without rotating it',
      facts(STEADY, { secret: { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] }, requests: asked }),
      'write adopt',
    ],
    ['rests when nothing is due', facts(STEADY), 'wait'],
    [
      'T0 asks the verifiers before it starts',
      facts(STEADY, { requests: asked, targets: asks(services(STEADY, { main: 0, admin: 0 })) }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'T1 stages when all is well',
      facts(STEADY, { requests: asked, targets: services(STEADY, { main: 0, admin: 0 }) }),
      'write stage',
    ],
    ['T1 stages when the schedule says so', facts(STEADY, { due: { since: T0, nextRuns: [] } }), 'write stage'],
    [
      'T1 stages when Git says so',
      facts(STEADY, { settings: { ...SETTINGS, forceReason: 'ticket 1' } }),
      'write stage',
    ],
    [
      'T1 restarts the verifiers',
      facts(STAGING, { targets: services(STAGING, { main: 1, admin: 1 }) }),
      'bump main,autoscraper,admin',
    ],
    ['T3 promotes when every verifier has acknowledged', facts(STAGING), 'write promote'],
    ['T3 only after reading the world afresh', facts(STAGING, { live: false }), 'confirm'],
    [
      'T3 asks again when the answers are older than a minute',
      facts(STAGING, { now: T0 + 60_000 }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'T3 restarts the signers alone',
      facts(PROMOTING, { targets: services(PROMOTING, { main: 2, admin: 2 }) }),
      'bump main',
    ],
    [
      'T4 starts to drain when every signer has acknowledged',
      facts(PROMOTING, { targets: services(PROMOTING, { main: 3, admin: 2 }) }),
      'write drain',
    ],
    [
      'T5 waits for the last token',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }), now: drained - 1 }),
      'wait',
    ],
    [
      'T5 asks everybody again before it retires',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }), now: drained }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'T5 retires after the last token',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }, drained), now: drained }),
      'write retire',
    ],
    [
      'T5 restarts the verifiers',
      facts(RETIRING, { targets: services(RETIRING, { main: 3, admin: 3 }) }),
      'bump main,autoscraper,admin',
    ],
    ['T6 finishes when every verifier has acknowledged', facts(RETIRING), 'write finish'],
    [
      'a served request is not served again',
      facts({ ...DONE, handled: { rotateAt: 'now' } }, { requests: asked }),
      'wait',
    ],
    [
      'abort before promote takes the staged key out',
      facts(STAGING, { requests: { paused: false, abortAt: 'x' } }),
      'write abort',
    ],
    [
      'abort after promote rolls back',
      facts(PROMOTING, { requests: { paused: false, abortAt: 'x' } }),
      'write rollback',
    ],
    [
      'abort while draining rolls back',
      facts(DRAINING, { requests: { paused: false, abortAt: 'x' } }),
      'write rollback',
    ],
    [
      'abort after retire comes too late and is marked as seen',
      facts(RETIRING, { requests: { paused: false, abortAt: 'x' } }),
      'write dismiss',
    ],
  ];
  it.each(rows)('%s', (_, world, expected) => {
    expect(decide(world)).toBe(expected);
  });
});

describe('who is waited for', () => {
  it('a Terminating pod of the old version holds up the drain', () => {
    const leaving = pod('main-old', { terminating: true, templateVersion: 2, probe: probeOf(PROMOTING, 2) });
    const targets = edited(services(PROMOTING, { main: 3, admin: 2 }), 'main', (item) => ({
      ...item,
      pods: [...item.pods, leaving],
    }));
    expect(decide(facts(PROMOTING, { targets }))).toBe('wait');
  });

  it('a pod that does not answer holds up promote', () => {
    const answers = new Map([...probeOf(STAGING, 2).answers].map(([kid]) => [kid, 'unknown'] as const));
    const silent = pod('admin-2', {
      templateVersion: 2,
      probe: { version: 2, at: SETTLED, answers, random: 'unknown' },
    });
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      pods: [...item.pods, silent],
    }));
    expect(decide(facts(STAGING, { targets }))).toBe('wait');
  });

  it('a pod of the newest template with the old Secret is evicted', () => {
    const stale = pod('admin-2', { templateVersion: 2, probe: probeOf(STAGING, 1) });
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      pods: [...item.pods, stale],
    }));
    expect(decide(facts(STAGING, { targets }))).toBe('evict admin-2');
  });

  it('a stale signer found while draining starts the wait again', () => {
    const stale = pod('main-2', { templateVersion: 3, probe: probeOf(DRAINING, 2) });
    const targets = edited(services(DRAINING, { main: 3, admin: 2 }), 'main', (item) => ({
      ...item,
      pods: [...item.pods, stale],
    }));
    expect(decide(facts(DRAINING, { targets, now: drained }))).toBe('write reopen');
  });

  it('a service without canaries is given time for the write to spread before it restarts', () => {
    const signer = target('minter', ['Signer'], { pods: [pod('minter-1', { templateVersion: 2 })] });
    const targets = [...services(PROMOTING, { main: 3, admin: 2 }), signer];
    expect(decide(facts(PROMOTING, { targets, now: T0 + 9_999 }))).toBe('wait');
    const again = services(PROMOTING, { main: 3, admin: 2 }, T0 + 10_000);
    expect(decide(facts(PROMOTING, { targets: [...again, signer], now: T0 + 10_000 }))).toBe('bump minter');
  });
});

describe('a write', () => {
  it.each([
    ['Staging', STAGING],
    ['Retiring', RETIRING],
  ])('that all pods have acknowledged is given time to reach nodes without a pod: %s', (_, keyset) => {
    expect(plan(facts(keyset, { now: SETTLED - 1 })).action).toEqual({ type: 'wait', until: SETTLED });
  });
});

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

describe('a canary that every pod refuses', () => {
  const refuse = (keyset: typeof STAGING, targets: readonly TargetFacts[]) =>
    targets.map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({
        ...one,
        probe: one.probe && {
          ...one.probe,
          answers: new Map([...probeOf(keyset, 1).answers].map(([kid]) => [kid, 'refused'] as const)),
        },
      })),
    })) as readonly TargetFacts[];
  const rows: readonly (readonly [string, typeof STAGING])[] = [
    ['Staging', STAGING],
    ['Promoting', PROMOTING],
    ['Retiring', RETIRING],
  ];
  it.each(rows)('tells of the canary and not of the pods: nobody is evicted in %s', (_, keyset) => {
    const targets = refuse(keyset, services(keyset, { main: keyset.version, admin: keyset.version }));
    const { action, stalled } = plan(facts(keyset, { targets }));
    expect([action.type, stalled?.reason]).toEqual(['wait', 'CanaryRefused']);
  });
});

describe('a workload that does not replace its pods by itself', () => {
  const manual = (holds: number, edit: Partial<TargetFacts> = {}) =>
    edited(
      services(STAGING, { main: 2, admin: holds }),
      'admin',
      (item) =>
        ({
          ...item,
          workload: item.workload && { ...item.workload, manual: true, templateVersion: 1 },
          pods: [0, 1].map((i) => pod(`admin-${i}`, { templateVersion: 1, probe: probeOf(STAGING, holds) })),
          ...edit,
        }) as TargetFacts,
    );
  const acked = (targets: readonly TargetFacts[]) => edited(targets, 'autoscraper', (item) => ({ ...item, pods: [] }));

  it('is not stamped: its old pods are evicted one after the other', () => {
    expect(decide(facts(STAGING, { targets: acked(manual(1)) }))).toBe('evict admin-0');
  });

  it('is waited for while one of its pods is away', () => {
    const targets = edited(acked(manual(1)), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => ({ ...one, ready: i === 0 })),
    }));
    expect(decide(facts(STAGING, { targets }))).toBe('evict admin-1');
    const two = edited(targets, 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one) => ({ ...one, terminating: one.name === 'admin-1' })),
    }));
    expect(decide(facts(STAGING, { targets: two }))).toBe('wait');
  });

  it('is done when every pod has the keyset, whatever its template says', () => {
    expect(decide(facts(STAGING, { targets: acked(manual(2)) }))).toBe('write promote');
  });

  it('needs a canary', () => {
    const targets = edited(manual(2), 'admin', (item) => ({
      ...item,
      settings: { kind: 'StatefulSet', source: 'Env', name: 'admin', roles: ['Verifier'] },
    }));
    expect(plan(facts(STEADY, { targets })).blocked?.reason).toBe('CanaryMissing');
  });
});

describe('a service that cannot hold two keys', () => {
  const unfit = (pods: number) =>
    edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      pods: Array.from({ length: pods }, (_, i) =>
        pod(`admin-${i}`, { templateVersion: 2, startedAt: T0, probe: probeOf(STAGING, 1) }),
      ),
    }));

  it('is told from a stale Secret by one pod that starts when the write has spread', () => {
    const at = (now: number, pods: number) => decide(facts(STAGING, { targets: unfit(pods), now }));
    expect([at(T0 + 9_999, 1), at(T0 + 9_999, 3)]).toEqual(['wait', 'wait']);
    expect([at(T0 + 10_000, 1), at(T0 + 10_000, 3)]).toEqual(['evict admin-0', 'evict admin-0']);
  });

  it('is found at stage, and the rotation aborts', () => {
    const restarted = edited(unfit(3), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 0 ? { ...one, startedAt: T0 + 10_000 } : one)),
    }));
    const { action } = plan(facts(STAGING, { targets: restarted, now: T0 + 11_000 }));
    expect(action).toMatchObject({
      type: 'write',
      write: { transition: 'abort', failure: { reason: 'SingleKeyService' } },
    });
  });

  it('is replaced where it serves least: first a pod that is not ready, and none while another is away', () => {
    const weak = edited(unfit(2), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 1 ? { ...one, ready: false } : one)),
    }));
    expect(decide(facts(STAGING, { targets: weak, now: T0 + 10_000 }))).toBe('evict admin-1');
    const away = edited(weak, 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 1 ? { ...one, terminating: true } : one)),
    }));
    expect(decide(facts(STAGING, { targets: away, now: T0 + 10_000 }))).toBe('wait');
  });

  it('after abort the verifiers restart, and the end is awaited without an answer', () => {
    const failure = { reason: 'SingleKeyService', message: '' };
    const keyset = keysetAfter([
      WRITES.adopt,
      WRITES.stage,
      { transition: 'abort', acked: { Signer: 0, Verifier: 0 }, failure, handled: {} },
    ]);
    expect(decide(facts(keyset, { targets: services(keyset, { main: 2, admin: 2 }) }))).toBe(
      'bump main,autoscraper,admin',
    );
    expect(decide(facts(keyset, { targets: asks(services(keyset, { main: 3, admin: 3 })) }))).toBe('write finish');
  });

  it('a failed scheduled rotation is not tried again at once, a requested one is', () => {
    const failed = { ...STEADY, attempts: { since: T0, failures: 1, failedAt: T0 } };
    const due = { since: T0, nextRuns: [] };
    expect(plan(facts(failed, { due })).blocked?.reason).toBe('BackingOff');
    expect(
      decide(
        facts(failed, { due, now: T0 + 3_600_000, targets: services(failed, { main: 1, admin: 1 }, T0 + 3_600_000) }),
      ),
    ).toBe('write stage');
    expect(decide(facts(failed, { requests: asked }))).toBe('write stage');
  });
});

describe('crash points', () => {
  const rows: readonly (readonly [string, Facts, string])[] = [
    [
      'after the stage write, before any restart',
      facts(STAGING, { targets: asks(services(STAGING, { main: 1, admin: 1 })) }),
      'bump main,autoscraper,admin',
    ],
    [
      'after some targets were restarted',
      facts(STAGING, {
        targets: asks(
          [services(STAGING, { main: 2, admin: 1 })[0], ...services(STAGING, { main: 1, admin: 1 }).slice(1)].filter(
            (item) => item !== undefined,
          ),
        ),
      }),
      'bump autoscraper,admin',
    ],
    [
      'with all acknowledgements gathered: they are gathered again',
      facts(STAGING, { targets: asks(services(STAGING, { main: 2, admin: 2 })) }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'after the promote write',
      facts(PROMOTING, { targets: asks(services(PROMOTING, { main: 2, admin: 2 })) }),
      'bump main',
    ],
    ['while draining', facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }) }), 'wait'],
    [
      'after the retire write',
      facts(RETIRING, { targets: asks(services(RETIRING, { main: 3, admin: 3 })) }),
      'bump main,autoscraper,admin',
    ],
  ];
  it.each(rows)('%s', (_, world, expected) => {
    expect(decide(world)).toBe(expected);
  });
});

describe('where nothing may be written', () => {
  const refusal = { reason: 'ForeignWriter', message: 'edited' } as const;
  const workload = { uid: 'u', paused: true, manual: false, rolledOut: true, consumes: true, ready: 1 };
  const rows: readonly (readonly [string, Partial<Facts>])[] = [
    ['ForeignWriter', { secret: { kind: 'Refused', finding: refusal } }],
    ['SecretDeleted', { secret: { kind: 'Absent' } }],
    ['TargetNotFound', { targets: [{ settings: target('main', ['Signer', 'Verifier']).settings, pods: [] }] }],
    ['TargetPaused', { targets: [target('main', ['Signer', 'Verifier'], { workload })] }],
    [
      'TargetNotConsuming',
      {
        targets: [
          target('main', ['Signer', 'Verifier'], { workload: { ...workload, paused: false, consumes: false } }),
        ],
      },
    ],
    ['UnlistedConsumer', { unlistedConsumers: ['Deployment/worker'] }],
    ['Suspended', { settings: { ...SETTINGS, suspend: true } }],
    ['Paused', { requests: { ...asked, paused: true } }],
    [
      'RolloutInProgress',
      {
        targets: [
          target('main', ['Signer', 'Verifier'], {
            workload: { ...workload, paused: false, manual: false, rolledOut: false },
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
    const workload2 = { ...workload, paused: false, manual: false, rolledOut: false, templateVersion: 2 };
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
  });
});

describe('an emergency', () => {
  const request = { nonce: '1', reason: 'leaked', actor: 'alice', handled: false };
  const emergency = { paused: true, emergency: request };
  const burn: Write = {
    transition: 'burn',
    nonce: '1',
    rotation: { ...WRITES.stage.rotation, trigger: 'Emergency' },
    version: 0,
  };
  const BURNING = keysetAfter([WRITES.adopt, WRITES.stage, burn]);
  const old = services(BURNING, { main: 2, admin: 2 });
  const fresh = (edit: Partial<PodFacts> = {}) =>
    services(BURNING, { main: 3, admin: 3 }).map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({ ...one, startedAt: T0, ...edit })),
    }));

  it.each([
    ['Steady', STEADY],
    ['Staging', STAGING],
    ['Promoting', PROMOTING],
    ['Draining', DRAINING],
    ['Retiring', RETIRING],
  ])('burns every key at once from %s, whatever is paused, suspended, closed or missing', (_, keyset) => {
    const world = facts(keyset, {
      live: false,
      requests: emergency,
      window: { open: false },
      targets: [{ settings: target('x', ['Signer']).settings, pods: [] }],
      settings: { ...SETTINGS, suspend: true },
    });
    expect(decide(world)).toBe('write burn');
  });

  it('burns what rekey did not write, and what nobody can read', () => {
    const finding = { reason: 'ForeignWriter', message: '' } as const;
    expect(decide(facts(STEADY, { requests: emergency, secret: { kind: 'Refused', finding, keyset: STEADY } }))).toBe(
      'write burn',
    );
    expect(
      decide(
        facts(STEADY, {
          requests: emergency,
          secret: { kind: 'Refused', finding: { ...finding, reason: 'StateUnreadable' } },
        }),
      ),
    ).toBe('write burn');
    expect(decide(facts(STEADY, { requests: emergency, secret: { kind: 'Absent' } }))).toBe('write burn');
    const immutable = plan(
      facts(STEADY, {
        requests: emergency,
        secret: { kind: 'Refused', finding: { ...finding, reason: 'SecretImmutable' } },
      }),
    );
    expect([immutable.action.type, immutable.stalled?.reason]).toEqual(['wait', 'SecretImmutable']);
  });

  it('runs once per nonce, also where only the status remembers it', () => {
    const handled = { ...STEADY, handled: { emergencies: ['1', '0'] } };
    expect(decide(facts(handled, { requests: { paused: false, emergency: request } }))).toBe('wait');
    const unreadable = { kind: 'Refused', finding: { reason: 'StateUnreadable', message: '' } } as const;
    expect(
      decide(
        facts(STEADY, { requests: { paused: false, emergency: { ...request, handled: true } }, secret: unreadable }),
      ),
    ).toBe('wait');
    expect(decide(facts(handled, { requests: { paused: false, emergency: { ...request, nonce: '2' } } }))).toBe(
      'write burn',
    );
  });

  it('never takes the staged key, which lay in the same Secret', () => {
    expect(BURNING.keys.map(({ kid }) => kid)).toEqual(['C', 'N3']);
    const burnt = BURNING.burnt.map(({ kid }) => kid);
    expect(burnt).toEqual(['A', 'B', 'N2']);
    expect(BURNING.history.at(-1)?.verify).toEqual(BURNING.keys.map(({ kid }) => kid));
  });

  it('deletes the pods of verifiers first, all at once, and hurries those that linger', () => {
    const minter = target('minter', ['Signer'], { pods: [pod('minter-1')] });
    expect(decide(facts(BURNING, { targets: [...old, minter] }))).toBe('delete main-1,autoscraper-1,admin-1');
    expect(decide(facts(BURNING, { targets: [...fresh(), minter] }))).toBe('delete minter-1');
    const leaving = (graceSeconds: number) =>
      old.map((item) => ({ ...item, pods: item.pods.map((one) => ({ ...one, terminating: true, graceSeconds })) }));
    expect(decide(facts(BURNING, { targets: leaving(30) }))).toBe('delete main-1,autoscraper-1,admin-1');
    expect(decide(facts(BURNING, { targets: leaving(5) }))).toBe('wait');
  });

  it('is not over before pods that cannot be asked started when the write had spread', () => {
    const at = (startedAt: number, now: number) => {
      const minter = target('minter', ['Signer'], { pods: [pod('minter-1', { startedAt })] });
      return decide(
        facts(BURNING, {
          targets: [
            ...services(BURNING, { main: 3, admin: 3 }, now).map((item) => ({
              ...item,
              pods: item.pods.map((one) => ({ ...one, startedAt: T0 })),
            })),
            minter,
          ],
          now,
        }),
      );
    };
    expect([at(T0 - 1, T0), at(T0 + 1, T0 + 9_999), at(T0 + 1, T0 + 10_000), at(T0 + 10_000, T0 + 11_000)]).toEqual([
      'delete minter-1',
      'wait',
      'delete minter-1',
      'write extinguish',
    ]);
  });

  it('over a Secret that was lost knows that old pods hold something else', () => {
    const lost = advance(
      lostKeyset(7, T0),
      { ...burn, version: 7 },
      { key: { kid: 'C', fingerprint: 'fp-C' }, ack: { kid: 'N8', fingerprint: 'fp-N8' } },
      T0,
    );
    const minter = target('minter', ['Signer'], { pods: [pod('minter-1')] });
    expect(decide(facts(lost, { targets: [minter] }))).toBe('delete minter-1');
  });

  it('does not delete new pods again and again because a canary is wrong', () => {
    const refuse = ({ keys, burnt }: Keyset) =>
      new Map([...keys, ...burnt].map(({ kid }) => [kid, 'refused'] as const));
    const targets = fresh().map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({ ...one, probe: one.probe && { ...one.probe, answers: refuse(BURNING) } })),
    })) as typeof old;
    const { action, stalled } = plan(facts(BURNING, { targets }));
    expect([action.type, stalled?.reason]).toEqual(['wait', 'CanaryRefused']);
  });

  it('is told to be late, and of consumers that it does not reach', () => {
    const silent = fresh({ ready: false }).map((item) => ({
      ...item,
      pods: item.pods.map(({ probe: _, ...one }) => ({ ...one, startedAt: T0 + 600_000 })),
    }));
    expect(plan(facts(BURNING, { targets: silent, now: T0 + 600_000 })).stalled?.reason).toBe('RolloutStalled');
    expect(
      plan(facts(BURNING, { targets: silent, now: T0 + 600_000, unlistedConsumers: ['Deployment/x'] })).stalled?.reason,
    ).toBe('UnlistedConsumer');
  });

  it('does not fire again where a Secret is adopted anew', () => {
    const secret = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } as const;
    const { action } = plan(
      facts(STEADY, { secret, requests: { paused: false, emergency: { ...request, handled: true } } }),
    );
    expect(action).toMatchObject({ type: 'write', write: { transition: 'adopt', handled: { emergencies: ['1'] } } });
  });

  it('in mode Rolling restarts the workloads, and deletes only what a restart leaves alone', () => {
    const settings = { ...SETTINGS, emergencyMode: 'Rolling' } as const;
    expect(decide(facts(BURNING, { targets: old, settings }))).toBe('bump main,autoscraper,admin');
    const stamped = (pods: number) =>
      old.map((item) => ({
        ...item,
        workload: item.workload && { ...item.workload, templateVersion: 3 },
        pods: item.pods.map((one) => ({ ...one, templateVersion: pods })),
      }));
    expect(decide(facts(BURNING, { targets: stamped(2) as typeof old, settings }))).toBe('wait');
    expect(decide(facts(BURNING, { targets: stamped(3) as typeof old, settings }))).toBe(
      'delete main-1,autoscraper-1,admin-1',
    );
  });

  it('in mode Rolling deletes a pod of the newest template that started too early and that nobody can ask', () => {
    const settings = { ...SETTINGS, emergencyMode: 'Rolling' } as const;
    const early = old.map((item) => {
      const { canary: _, ...unasked } = item.settings;
      const workload = item.workload && { ...item.workload, templateVersion: 3 };
      const pods = item.pods.map((one) => ({ ...one, templateVersion: 3, startedAt: T0 + 1_000 }));
      return { ...item, settings: unasked, workload, pods };
    }) as typeof old;
    expect(decide(facts(BURNING, { targets: early, settings, now: SETTLED }))).toBe(
      'delete main-1,autoscraper-1,admin-1',
    );
  });

  it('is over when every pod has refused every burnt key, read afresh', () => {
    expect(decide(facts(BURNING, { targets: asks(fresh()) }))).toBe('probe main-1,autoscraper-1,admin-1');
    expect(decide(facts(BURNING, { targets: fresh(), live: false }))).toBe('confirm');
    expect(decide(facts(BURNING, { targets: fresh() }))).toBe('write extinguish');
    const accepting = fresh().map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({
        ...one,
        probe: one.probe && { ...one.probe, answers: new Map([...one.probe.answers, ['A', 'accepted'] as const]) },
      })),
    }));
    expect(decide(facts(BURNING, { targets: accepting as typeof old }))).toBe('delete main-1,autoscraper-1,admin-1');
  });
});
