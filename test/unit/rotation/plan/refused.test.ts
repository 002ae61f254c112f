/** An effect that was refused is held back until its time, whatever wakes the resource, and told as long as it is wanted. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { type Cause, type Refusal, refusedAgain } from '../../../../src/rotation/api/refusal.ts';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { Memory } from '../../../../src/rotation/pass/memory.ts';
import { effectsOf } from '../../../../src/rotation/plan/effect.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { facts, keysetAfter, PROMOTING, SETTLED, STAGING, STEADY, services, WRITES } from '../builders.ts';

const REQUESTED = { rotateAt: 'now' };
const EMERGENCY = { nonce: '1', reason: 'leaked', actor: 'alice', handled: false };

/** Refused once a moment ago. */
function refusal(effect: string, cause: Cause = 'Admission', edit: Partial<Refusal> = {}): Refusal {
  const first = refusedAgain(undefined, { effect, cause, said: 'no', by: 'p' }, SETTLED, false);
  return { ...first, ...edit };
}
const told = (world: Facts) => {
  const { action, blocked, stalled, phase } = plan(world);
  return { action, phase, ...(blocked && { blocked: blocked.reason }), ...(stalled && { stalled: stalled.reason }) };
};
const fresh = (edit: Partial<Facts>) => {
  const targets = services(STEADY, { main: 1, admin: 1 }, SETTLED);
  return facts(STEADY, { requests: REQUESTED, targets, ...edit });
};

const rotation = { id: 'e', trigger: 'Emergency', actor: 'a', reason: 'r', drainMs: 0 } as const;
const BURNING = keysetAfter([WRITES.adopt, { transition: 'burn', nonce: '1', rotation, version: 0 }]);

const wrote = (keyset: Keyset) => ({ kind: 'Wrote', keyset, facts: { kind: 'Managed', keyset } }) as const;

describe('what was refused', () => {
  it.each(['Rights', 'Quota', 'Admission', 'TooLarge', 'Terminating', 'Invalid'] as const)(
    'for %s is held back, told, tried when its time has come, and told meanwhile',
    (cause) => {
      const refusals = [refusal('write stage', cause)];
      const reason = cause === 'Rights' ? 'Forbidden' : 'WriteRefused';
      expect(told(fresh({}))).toMatchObject({ action: { type: 'write', write: { transition: 'stage' } } });
      const held = told(fresh({ refusals }));
      expect(held).toMatchObject({ action: { type: 'wait', until: SETTLED + 1_000 }, blocked: reason });
      const due = told(fresh({ refusals, now: SETTLED + 1_000 }));
      expect(due).toMatchObject({ action: { type: 'write' }, blocked: reason, phase: held.phase });
    },
  );

  it.each(['Outrun', 'Budget'] as const)('for %s is told when it lasts longer than rolloutTimeout', (cause) => {
    const refusals = [refusal('write stage', cause, { retryAt: SETTLED + 10_000_000 })];
    expect(told(fresh({ refusals }))).toEqual({
      action: expect.objectContaining({ type: 'wait' }),
      phase: 'Preflight',
    });
    const since = SETTLED - 600_000;
    const lasting = refusals.map((each) => ({ ...each, since }));
    expect(told(fresh({ refusals: lasting })).blocked).toBe(cause === 'Budget' ? 'DisruptionBlocked' : 'WriteRefused');
  });

  it('because it fails is held back, and told when that lasts longer than a restart of an API server', () => {
    const refusals = [refusal('write stage', 'Failed')];
    const held = told(fresh({ refusals }));
    expect(held).toEqual({ action: { type: 'wait', until: SETTLED + 1_000 }, phase: 'Preflight' });
    const lasting = refusals.map((each) => ({ ...each, since: SETTLED - 30_000 }));
    expect(told(fresh({ refusals: lasting }))).toMatchObject({ action: { type: 'wait' }, blocked: 'WriteFailed' });
  });

  it('because it failed is told no more when it is not tried, and an emergency is told of as long as it is wanted', () => {
    const targets = services(STAGING, { main: 2, admin: 2 }, SETTLED);
    const world = (edit: Partial<Facts>) => facts(STAGING, { targets, live: false, ...edit });
    expect(plan(world({})).action.type).toBe('confirm');
    const failed = refusal('write promote', 'Failed', { since: SETTLED - 40_000, retryAt: SETTLED - 40_000 });
    expect(told(world({ refusals: [failed] })).stalled).toBeUndefined();
    expect(told(world({ refusals: [{ ...failed, retryAt: SETTLED - 1_000 }] })).stalled).toBe('WriteFailed');
    expect(told(world({ refusals: [refusal('write burn 1', 'Failed')] })).stalled).toBeUndefined();
  });

  it('because two budgets select the pod is told at once: the API server never evicts it', () => {
    const world = facts(STAGING, { targets: services(STAGING, { main: 1, admin: 1 }) });
    const refusals = effectsOf(plan(world).action).map((effect) => refusal(effect, 'Budgets'));
    expect(told({ ...world, refusals })).toMatchObject({ action: { type: 'wait' }, stalled: 'DisruptionBlocked' });
  });

  it('does not hold back what is something else', () => {
    const refusals = [refusal('write promote'), refusal('restart Deployment/main for version 7')];
    expect(told(fresh({ refusals }))).toMatchObject({ action: { type: 'write' } });
    expect(told(fresh({ refusals })).blocked).toBeUndefined();
  });

  it('of one workload holds up no other', () => {
    const world = facts(STAGING, { targets: services(STAGING, { main: 1, admin: 1 }) });
    const { action } = plan(world);
    const [first = '', ...others] = effectsOf(action);
    expect(others.length).toBeGreaterThan(0);
    const left = plan({ ...world, refusals: [refusal(first)] });
    expect([...effectsOf(left.action)]).toEqual(others);
    expect(left.stalled?.reason).toBe('WriteRefused');
    const none = plan({ ...world, refusals: [first, ...others].map((effect) => refusal(effect)) });
    expect(none).toMatchObject({
      action: { type: 'wait', until: SETTLED + 1_000 },
      stalled: { reason: 'WriteRefused' },
    });
  });

  it('is not asked for again by a look from the API server', () => {
    const targets = services(STAGING, { main: 2, admin: 2 }, SETTLED);
    const world = facts(STAGING, { targets, live: false });
    expect(plan(world).action.type).toBe('confirm');
    expect(plan({ ...world, refusals: [refusal('write promote')] })).toMatchObject({
      ...{ action: { type: 'wait', until: SETTLED + 1_000 }, stalled: { reason: 'WriteRefused' } },
    });
  });

  it('is told no more when nobody wants it', () => {
    expect(told(facts(STEADY, { refusals: [refusal('write stage')] }))).toEqual({
      ...{ action: { type: 'wait' }, phase: 'Steady' },
    });
  });

  it('holds no emergency back, unless it is that', () => {
    const requests = { emergency: EMERGENCY };
    const other = ['write stage', 'write burn 0'].map((effect) => refusal(effect));
    expect(told(facts(STEADY, { requests, refusals: other }))).toMatchObject({
      action: { type: 'write', write: { transition: 'burn' } },
    });
    const own = plan(facts(STEADY, { requests, refusals: [refusal('write burn 1')] }));
    expect(own).toMatchObject({ action: { type: 'wait' }, phase: 'Degraded', stalled: { reason: 'WriteRefused' } });
    expect(own.stalled?.message).toContain('EMERGENCY NOT SERVED: admission refuses "write burn 1" (no)');
  });

  it('is no emergency before its write has been made, and one that fails is told at once', () => {
    const requests = { emergency: EMERGENCY };
    expect(plan(facts(STEADY, { requests }))).toMatchObject({ action: { type: 'write' }, phase: 'Steady' });
    const failing = plan(facts(STEADY, { requests, refusals: [refusal('write burn 1', 'Failed')] }));
    expect(failing).toMatchObject({ action: { type: 'wait' }, phase: 'Degraded', stalled: { reason: 'WriteFailed' } });
    expect(failing.stalled?.message).toContain('EMERGENCY NOT SERVED: "write burn 1" fails');
  });

  it('in an emergency says that it is not finished', () => {
    const world = facts(BURNING, { targets: services(BURNING, { main: 1, admin: 1 }) });
    const { action } = plan(world);
    expect(action.type).toBe('delete');
    const { stalled, action: left } = plan({ ...world, refusals: effectsOf(action).map((effect) => refusal(effect)) });
    expect(stalled?.message).toContain('EMERGENCY NOT FINISHED');
    expect(left.type).toBe('wait');
  });
});

describe('the pauses', () => {
  const row = (cause: Cause, urgent: boolean, times: number) => {
    const pauses: number[] = [];
    let last: Refusal | undefined;
    for (let i = 0; i < times; i += 1) {
      last = refusedAgain(last, { effect: 'e', cause, said: '' }, 0, urgent);
      pauses.push(last.retryAt);
    }
    return pauses;
  };

  it('double from a second to minutes, and stay there', () => {
    expect(row('Admission', false, 11)).toEqual([
      ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000],
    ]);
  });

  it('grow with each time that something was made, whatever comes between, and begin anew for what fails after that', () => {
    const causes: readonly Cause[] = ['Failed', 'Failed', 'Failed', 'Undone', 'Failed', 'Undone', 'Failed'];
    let last: Refusal | undefined;
    const seen = causes.map((cause, i) => {
      last = refusedAgain(last, { effect: 'e', cause, said: '' }, 0, false);
      return [cause, last.retryAt, refusedAgain(last, { effect: 'e', cause, said: '' }, i, false).since];
    });
    expect(seen).toEqual([
      ...[
        ['Failed', 1_000, 0],
        ['Failed', 2_000, 0],
        ['Failed', 4_000, 0],
        ['Undone', 15_000, 0],
      ],
      ...[
        ['Failed', 1_000, 0],
        ['Undone', 30_000, 0],
        ['Failed', 1_000, 0],
      ],
    ]);
    const made = refusedAgain(undefined, { effect: 'e', cause: 'Undone', said: '' }, 0, false);
    expect(refusedAgain(made, { effect: 'e', cause: 'Failed', said: '' }, 300_000, false).since).toBe(300_000);
  });

  it('are never longer than 15 s in an emergency, or where nobody tells that it may go well now', () => {
    for (const pauses of [row('Admission', true, 100), row('Rights', false, 100), row('Budget', false, 100)]) {
      expect(Math.max(...pauses)).toBe(15_000);
    }
  });
});

describe('the memory of what was refused', () => {
  const resource = (generation: number, annotations: Record<string, string> = {}) =>
    ({ metadata: { generation, annotations } }) as unknown as JwtKeyRotation;
  const write = { type: 'write', write: WRITES.promote } as const;
  const refused = { effect: 'write promote', cause: 'Admission', said: 'no' } as const;
  const held = (): Memory => {
    const memory = new Memory();
    memory.heard(resource(1), () => true);
    memory.tried(write, [refused], SETTLED, false);
    memory.tried(write, [refused], SETTLED, false);
    return memory;
  };

  it('counts, and forgets what was done', () => {
    const memory = held();
    expect(memory.refusals).toMatchObject([{ count: 2, since: SETTLED, retryAt: SETTLED + 2_000 }]);
    memory.tried(write, [], SETTLED, false);
    expect(memory.refusals).toEqual([]);
  });

  it.each([
    ['generation', resource(2), 0],
    ['requests', resource(1, { 'rekey.dev/rotate-requested-at': 'now' }), 0],
    ['nothing of ours', resource(1, { 'example.com/a': 'b' }), SETTLED + 2_000],
  ])('lets it be tried at once when the resource changes: %s', (_, changed, retryAt) => {
    const memory = held();
    memory.heard(changed, () => true);
    expect(memory.refusals).toMatchObject([{ retryAt }]);
  });

  it('lets it be tried every 15 s at most, if the resource changes too often', () => {
    const memory = held();
    memory.heard(resource(2), () => false);
    expect(memory.refusals).toMatchObject([{ count: 2, retryAt: SETTLED + 2_000 }]);
    for (let i = 0; i < 4; i += 1) memory.tried(write, [refused], SETTLED + 1_000, false);
    memory.heard(resource(3), () => false);
    expect(memory.refusals).toMatchObject([{ count: 6, retryAt: SETTLED + 16_000 }]);
    memory.heard(resource(4), () => true);
    expect(memory.refusals).toMatchObject([{ retryAt: 0 }]);
  });

  it('repeats no restart that somebody takes back because the resource changes', () => {
    const memory = new Memory();
    memory.tried({ type: 'wait' }, [{ effect: 'restart Deployment/main', cause: 'Undone', said: '' }], SETTLED, false);
    const before = memory.refusals;
    memory.heard(resource(2), () => true);
    memory.heard(resource(3), () => true);
    expect(memory.refusals).toEqual(before);
    expect(before).toMatchObject([{ made: 1, retryAt: SETTLED + 15_000 }]);
  });

  it.each([
    ['an emergency that is outrun', { emergency: EMERGENCY }, 'write burn 1', 'Outrun'],
    ['a withdrawal that fails', { rotateAt: 'now', abortAt: 'now' }, 'write dismiss', 'Failed'],
  ] as const)('keeps %s at rest, in growing pauses, until it is told', (_, requests, effect, cause) => {
    const memory = new Memory();
    let now = SETTLED;
    let tries = 0;
    const said = new Set<string>();
    for (; now < SETTLED + 1_200_000; now += 200) {
      const step = plan(facts(STEADY, { requests, now, refusals: memory.refusals }));
      memory.decided(step);
      for (const { reason } of [step.stalled, step.blocked].filter((each) => each !== undefined)) said.add(reason);
      if (step.action.type !== 'write') continue;
      expect(effectsOf(step.action)).toEqual([effect]);
      tries += 1;
      memory.tried(step.action, [{ effect, cause, said: 'no' }], now, cause === 'Outrun');
    }
    expect(tries).toBeGreaterThan(8);
    expect(tries).toBeLessThan(120);
    expect([...said]).toEqual([cause === 'Outrun' ? 'WriteRefused' : 'WriteFailed']);
  });

  it('forgets a write that was outrun once the keys have got further', () => {
    const memory = new Memory();
    const { settings } = facts(STAGING);
    const read = (keyset: Keyset) => ({ facts: { kind: 'Managed', keyset } as const, resourceVersion: '1' });
    memory.remember(read(STAGING), settings, 0);
    memory.tried(write, [{ ...refused, cause: 'Outrun' }], SETTLED, false);
    memory.remember(read(structuredClone(STAGING)), settings, 0);
    expect(memory.refusals).toHaveLength(1);
    memory.remember(read(PROMOTING), settings, 0);
    expect(memory.refusals).toEqual([]);
  });

  it('forgets a write that failed once the Secret shows that it was made, and no other', () => {
    const failed = { ...refused, cause: 'Failed' } as const;
    const other = { ...refused, effect: 'restart Deployment/main for version 2', cause: 'Failed' } as const;
    const memory = new Memory();
    const { settings } = facts(STAGING);
    const read = (keyset: Keyset) => ({ facts: { kind: 'Managed', keyset } as const, resourceVersion: '1' });
    memory.remember(read(STAGING), settings, 0);
    memory.tried(write, [failed, other], SETTLED, false);
    memory.forgetSecret();
    memory.remember(read(structuredClone(STAGING)), settings, 0);
    expect(memory.refusals).toHaveLength(2);
    memory.forgetSecret();
    memory.remember(read(PROMOTING), settings, 0);
    expect(memory.refusals.map(({ effect }) => effect)).toEqual([other.effect]);
  });

  it('forgets it at rest and with the next write of the keys', () => {
    const memory = held();
    memory.decided({ action: { type: 'wait' }, phase: 'Steady', progress: '' });
    expect(memory.refusals).toEqual([]);
    const written = held();
    written.learn({ ...wrote(PROMOTING), resourceVersion: '2' }, facts(PROMOTING).settings, 0);
    expect(written.refusals).toEqual([]);
  });

  it('forgets the pods that are gone', () => {
    const memory = new Memory();
    const action = { type: 'delete', pods: [], graceSeconds: 0 } as const;
    memory.tried(action, [{ ...refused, effect: 'delete pod x (uid 1)', pod: '1' }], SETTLED, true);
    expect(memory.refusals).toHaveLength(1);
    memory.prune(facts(STEADY));
    expect(memory.refusals).toEqual([]);
  });
});

describe('what was done to a pod', () => {
  const behind = facts(BURNING, { targets: services(BURNING, { main: 1, admin: 1 }) });

  /** Passes of one memory, five each second, over a world that shows nothing of what is done. @returns when it was done */
  function run(seconds: number, each: (memory: Memory, pass: number) => void = () => {}): readonly number[] {
    const memory = new Memory();
    const times: number[] = [];
    for (let pass = 0; pass < seconds * 5; pass += 1) {
      const now = behind.now + pass * 200;
      each(memory, pass);
      const { action } = plan({ ...behind, now, refusals: memory.refusals });
      if (action.type !== 'delete') continue;
      times.push(pass * 200);
      memory.tried(action, [], now, true);
    }
    return times;
  }

  it('is not done again as often as a pass runs, while the watch of pods is late', () => {
    expect(run(60)).toEqual([0, 5_000, 15_000, 30_000, 45_000]);
  });

  it('is not done again because somebody changes the resource, or the keys are written again', () => {
    const resource = (generation: number) => ({ metadata: { generation } }) as unknown as JwtKeyRotation;
    const times = run(4, (memory, pass) => {
      memory.heard(resource(pass), () => true);
      memory.learn({ ...wrote(BURNING), resourceVersion: String(pass) }, behind.settings, 0);
    });
    expect(times).toEqual([0]);
  });

  it('is told when it does not show for longer than rolloutTimeout', () => {
    const memory = new Memory();
    const { action } = plan(behind);
    memory.tried(action, [], behind.now, true);
    expect(plan({ ...behind, refusals: memory.refusals }).stalled).toBeUndefined();
    const now = behind.now + behind.settings.rolloutTimeoutMs;
    const { stalled } = plan({ ...behind, now, refusals: memory.refusals });
    expect(stalled).toMatchObject({ reason: 'RolloutStalled', message: expect.stringContaining('does not show it') });
  });
});

describe('a restart that somebody takes back', () => {
  const undone = () => {
    const targets = services(PROMOTING, { main: 2, admin: 2 }, SETTLED);
    return facts(PROMOTING, { targets, now: SETTLED });
  };

  it('is asked for again in pauses that grow, and told', () => {
    const memory = new Memory();
    const times: number[] = [];
    for (let now = SETTLED; now < SETTLED + 4 * 3_600_000; now += 1_000) {
      const decision = plan({ ...undone(), now, refusals: memory.refusals });
      memory.decided(decision);
      const { action, stalled } = decision;
      if (times.length > 0) expect(stalled?.reason).toBe('RolloutStalled');
      if (action.type !== 'bump') continue;
      times.push(now);
      memory.tried(action, [], now, false);
    }
    // twice as long each time, an hour at most
    expect(times.length).toBeLessThan(14);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(15_000);
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(3_600_000);
  });
});
