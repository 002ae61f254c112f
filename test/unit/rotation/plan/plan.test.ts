/** Each row of the transition table in docs/protocol.md, and each crash point: what the planner does in that world. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../../src/rotation/facts.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
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
} from '../builders.ts';
import { asked, asks, decide, drained, edited } from '../deeds.ts';

const ABORTING = keysetAfter([
  WRITES.adopt,
  WRITES.stage,
  {
    transition: 'abort',
    acked: { Signer: 0, Verifier: 0 },
    handled: {},
    failure: { reason: 'SingleKeyService', message: 'x' },
  },
]);

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
      'asks the verifiers before it starts',
      facts(STEADY, { requests: asked, targets: asks(services(STEADY, { main: 0, admin: 0 })) }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'stages when all is well',
      facts(STEADY, { requests: asked, targets: services(STEADY, { main: 0, admin: 0 }) }),
      'write stage',
    ],
    ['stages when the schedule says so', facts(STEADY, { due: { since: T0, nextRuns: [] } }), 'write stage'],
    ['stages when Git says so', facts(STEADY, { settings: { ...SETTINGS, forceReason: 'ticket 1' } }), 'write stage'],
    [
      'restarts the verifiers',
      facts(STAGING, { targets: services(STAGING, { main: 1, admin: 1 }) }),
      'bump main,autoscraper,admin',
    ],
    ['promotes when every verifier has acknowledged', facts(STAGING), 'write promote'],
    ['only after reading the world afresh', facts(STAGING, { live: false }), 'confirm'],
    [
      'asks again when the answers are older than a minute',
      facts(STAGING, { now: T0 + 60_000 }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'restarts the signers alone',
      facts(PROMOTING, { targets: services(PROMOTING, { main: 2, admin: 2 }) }),
      'bump main',
    ],
    [
      'starts to drain when every signer has acknowledged',
      facts(PROMOTING, { targets: services(PROMOTING, { main: 3, admin: 2 }) }),
      'write drain',
    ],
    [
      'waits for the last token',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }), now: drained - 1 }),
      'wait',
    ],
    [
      'asks everybody again before it retires',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }), now: drained }),
      'probe main-1,autoscraper-1,admin-1',
    ],
    [
      'retires after the last token',
      facts(DRAINING, { targets: services(DRAINING, { main: 3, admin: 2 }, drained), now: drained }),
      'write retire',
    ],
    [
      'restarts the verifiers',
      facts(RETIRING, { targets: services(RETIRING, { main: 3, admin: 3 }) }),
      'bump main,autoscraper,admin',
    ],
    ['finishes when every verifier has acknowledged', facts(RETIRING), 'write finish'],
    [
      'a served request is not served again',
      facts({ ...DONE, handled: { rotateAt: 'now' } }, { requests: asked }),
      'wait',
    ],
    ['abort before promote takes the staged key out', facts(STAGING, { requests: { abortAt: 'x' } }), 'write abort'],
    ['abort after promote rolls back', facts(PROMOTING, { requests: { abortAt: 'x' } }), 'write rollback'],
    ['abort while draining rolls back', facts(DRAINING, { requests: { abortAt: 'x' } }), 'write rollback'],
    [
      'abort after retire comes too late and is marked as seen',
      facts(RETIRING, { requests: { abortAt: 'x' } }),
      'write dismiss',
    ],
    [
      'waits until the abort has reached every node: pods that started sooner would keep the aborted key',
      facts(ABORTING, { targets: services(ABORTING, { main: 2, admin: 2 }), now: SETTLED - 1 }),
      'wait',
    ],
    [
      'then restarts the verifiers',
      facts(ABORTING, { targets: services(ABORTING, { main: 2, admin: 2 }), now: SETTLED }),
      'bump main,autoscraper,admin',
    ],
    ['finishes when their rollouts are over', facts(ABORTING), 'write finish'],
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
      probe: { ...probeOf(STAGING, 2, SETTLED), answers, random: 'unknown' },
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

  it.each([
    [
      'whose canary was taken away',
      { settings: { kind: 'Deployment', name: 'admin', roles: ['Verifier'], source: 'Env' } },
      {},
    ],
    ['that got a container beside the one that answers', {}, { several: true, probe: probeOf(STAGING, 2) }],
  ] as const)('a pod %s and that started too early is replaced once the write has spread', (_, edit, more) => {
    const created = (name: string, createdAt: number) =>
      pod(name, {
        ...{ templateVersion: 2, createdAt, startedAt: createdAt + 1_000 },
        ...more,
      });
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      ...edit,
      pods: [created('admin-2', T0 + 2_000)],
    }));
    expect(decide(facts(STAGING, { targets, now: T0 + 9_999 }))).toBe('wait');
    expect(decide(facts(STAGING, { targets, now: T0 + 10_000 }))).toBe('evict admin-2');
    const replaced = edited(targets, 'admin', (item) => ({ ...item, pods: [created('admin-3', T0 + 10_000)] }));
    expect(decide(facts(STAGING, { targets: replaced, now: T0 + 30_000 }))).not.toContain('evict');
  });

  it('a pod without a canary in which nothing has started yet is waited for', () => {
    const { startedAt: _, ...waiting } = pod('admin-2', { templateVersion: 2, createdAt: T0 + 2_000, ready: false });
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      settings: { kind: 'Deployment', name: 'admin', roles: ['Verifier'], source: 'Env' },
      pods: [{ ...waiting, readUpTo: T0 - 8_000 }],
    }));
    expect(decide(facts(STAGING, { targets, now: T0 + 20_000 }))).toBe('wait');
  });

  it('a pod beside which a container appeared is asked before it is replaced', () => {
    const edit = { templateVersion: 2, createdAt: T0 + 2_000, startedAt: T0 + 3_000, several: true } as const;
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      pods: [pod('admin-2', edit)],
    }));
    expect(decide(facts(STAGING, { targets, now: T0 + 20_000 }))).toContain('probe');
  });

  it('while draining, a signer whose canary was taken away and that started too early is replaced, and nothing starts again', () => {
    const early = pod('main-2', { templateVersion: 3, createdAt: T0 + 2_000, startedAt: T0 + 3_000 });
    const targets = edited(services(DRAINING, { main: 3, admin: 2 }), 'main', (item) => ({
      ...item,
      settings: { kind: 'Deployment', name: 'main', roles: ['Signer', 'Verifier'], source: 'Env' },
      pods: [early],
    }));
    expect(decide(facts(DRAINING, { targets, now: T0 + 10_000 }))).toBe('evict main-2');
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
