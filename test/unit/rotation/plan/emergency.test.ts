/** What the planner does when a key has leaked. */
import { describe, expect, it } from 'vitest';
import type { PodFacts, TargetFacts } from '../../../../src/rotation/facts.ts';
import { lostKeyset } from '../../../../src/rotation/keyset/before.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import {
  DRAINING,
  facts,
  keysetAfter,
  PAUSED,
  PROMOTING,
  pod,
  RETIRING,
  SETTINGS,
  SETTLE_MS,
  SETTLED,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WRITES,
} from '../builders.ts';
import { asks, decide } from '../deeds.ts';

/** The same pod as if it had been created then. */
function started(one: PodFacts, at: number, edit: Partial<PodFacts> = {}): PodFacts {
  return pod(one.name, { ...one, createdAt: at, startedAt: at, readUpTo: at - SETTLE_MS, ...edit });
}

describe('an emergency', () => {
  const request = { nonce: '1', reason: 'leaked', actor: 'alice', handled: false };
  const emergency = { paused: PAUSED, emergency: request };
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
      pods: item.pods.map((one) => started(one, T0, edit)),
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

  it('says of how many pods it is only concluded that they refuse, and which pod it waits for', () => {
    const main = target('main', ['Signer', 'Verifier']);
    const { canary: _, ...settings } = target('admin', ['Verifier']).settings;
    const { startedAt: __, ...waits } = pod('main-1', { createdAt: T0 + 60_000 });
    const pods = [started(pod('main-0'), T0 + 60_000), waits];
    const blind = { ...target('admin', ['Verifier']), settings, pods: [started(pod('admin-0'), T0 + 60_000)] };
    const targets = [{ ...main, pods }, blind];
    const { progress } = plan(facts(BURNING, { targets, now: T0 + 120_000 }));
    expect(progress).toBe(
      '1 of 3 pods refuse every burnt key (1 inferred); waiting for main-0, main-1 (no container with the key runs)',
    );
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

  it('runs once per nonce', () => {
    const handled = { ...STEADY, handled: { emergencies: ['1', '0'] } };
    expect(decide(facts(handled, { requests: { emergency: request } }))).toBe('wait');
    expect(decide(facts(handled, { requests: { emergency: { ...request, nonce: '2' } } }))).toBe('write burn');
  });

  it('never takes the staged key, which lay in the same Secret', () => {
    expect(BURNING.keys.map(({ kid }) => kid)).toEqual(['C', 'N3']);
    const burnt = BURNING.burnt.map(({ kid }) => kid);
    expect(burnt).toEqual(['A', 'B', 'N2']);
    expect(BURNING.history.at(-1)?.verify).toEqual(BURNING.keys.map(({ kid }) => kid));
  });

  it('is not called over while a target may have pods that cannot be found', () => {
    const asked = services(BURNING, { main: 3, admin: 3 }).map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({ ...one, startedAt: T0 })),
    }));
    expect(decide(facts(BURNING, { targets: asked }))).toBe('write extinguish');
    const finding = { reason: 'NotSupported', message: 'Rollout/shop cannot be followed' } as const;
    const hidden: TargetFacts = { settings: target('shop', ['Verifier']).settings, pods: [], finding, unseen: true };
    const { action, stalled } = plan(facts(BURNING, { targets: [...asked, hidden] }));
    expect([action.type, stalled?.reason]).toEqual(['wait', 'NotSupported']);
    expect(stalled?.message).toContain('not proved');
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
      pods: item.pods.map(({ probe: _, ...one }) => started(one, T0 + 600_000)),
    }));
    expect(plan(facts(BURNING, { targets: silent, now: T0 + 600_000 })).stalled?.reason).toBe('RolloutStalled');
    expect(
      plan(facts(BURNING, { targets: silent, now: T0 + 600_000, unlistedConsumers: ['Deployment/x'] })).stalled?.reason,
    ).toBe('UnlistedConsumer');
  });

  it('does not fire again where a Secret is adopted anew', () => {
    const secret = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } as const;
    const { action } = plan(facts(STEADY, { secret, requests: { emergency: { ...request, handled: true } } }));
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
    const { action, stalled } = plan(facts(BURNING, { targets: accepting as typeof old }));
    // they have loaded the newest keyset: their successors would accept the burnt key as well
    expect([action.type, stalled?.reason]).toEqual(['wait', 'KeyStillAccepted']);
    expect(stalled?.message).toContain('Deployment/main: pod main-1 accepts key A');
  });
});
