/** Pods that started while the Secret was not as rekey had written it. */
import { describe, expect, it } from 'vitest';
import { newAccount, takeIn } from '../../../../src/rotation/audit/account.ts';
import { checkedAgainstLedger } from '../../../../src/rotation/audit/against-ledger.ts';
import type { Facts, PodFacts, SecretFacts } from '../../../../src/rotation/facts.ts';
import type { ForeignTime } from '../../../../src/rotation/keyset/foreign-times.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { EMPTY_LEDGER } from '../../../../src/rotation/keyset/ledger.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { degraded } from '../../../../src/rotation/report/conditions.ts';
import {
  afterForeign,
  DONE,
  DRAINING,
  facts,
  foreignTime,
  keysetAfter,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  SETTINGS,
  SETTLE_MS,
  STAGING,
  STEADY,
  T0,
  target,
  WORKLOAD,
  WRITES,
} from '../builders.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const FROM = T0 + HOUR;
const TO = FROM + 2 * SECOND;
const TIME = foreignTime(DONE, FROM, TO);
const SKEW = SETTINGS.clockSkewMs;
const NOW = T0 + 3 * HOUR;
const ROLES = ['Signer', 'Verifier'] as const;
const emergency = { id: 'e', trigger: 'Emergency', actor: 'bob', reason: 'leak', drainMs: 0 } as const;
const burn = { transition: 'burn', nonce: 'n1', rotation: emergency, version: 0 } as const;

/** Pods of one target, observed after these times. */
function world(
  keyset: Keyset,
  pods: readonly PodFacts[],
  times: readonly ForeignTime[],
  edit: Partial<Facts> = {},
): Facts {
  const { now = NOW } = edit;
  const one = target('main', ROLES, { pods: pods.map((each) => afterForeign(each, times, now)) });
  return facts(keyset, { now, targets: [one], ledger: { ...EMPTY_LEDGER, foreign: times }, ...edit });
}

const started = (startedAt: number, name = 'main-1') =>
  pod(name, { startedAt, probe: probeOf(DONE, DONE.version, NOW), templateVersion: DONE.version });

function findingOf(pods: readonly PodFacts[], times: readonly ForeignTime[] = [TIME]) {
  return plan(world(DONE, pods, times)).blocked;
}

describe('a pod that may have read a key of somebody else', () => {
  it.each([
    ['started meanwhile', FROM, true],
    ['started within the skew of its clock before', FROM - SKEW, true],
    ['started on a node that may have lagged', TO + SETTLE_MS - 1, true],
    ['started before', FROM - SKEW - SECOND, false],
    ['started when every node had the Secret of before again', TO + SETTLE_MS + SKEW, false],
  ])('is named if it %s', (_, startedAt, isNamed) => {
    const found = findingOf([started(startedAt)]);
    expect(found?.reason).toBe(isNamed ? 'ForeignWriter' : undefined);
    if (!isNamed) return;
    expect(found?.message).toContain(
      `: at some time between ${new Date(FROM).toISOString()} and ${new Date(TO).toISOString()}, data key JWT_SECRET_KEY held a key`,
    );
    expect(found?.message).toMatch(
      /again: main-1\. Restart them: kubectl rollout restart deployment\/main -n NAMESPACE$/,
    );
  });

  it('is not named if it has proved to have loaded what was written afterwards, and is asked for that', () => {
    const before = foreignTime(DONE, FROM, TO, { version: DONE.version - 1 });
    expect(findingOf([started(FROM)], [before])).toBeUndefined();
    expect(findingOf([started(FROM)], [TIME])?.reason).toBe('ForeignWriter');
    const { probe: _, ...unasked } = started(FROM);
    const { action, blocked } = plan(world(DONE, [unasked], [before]));
    expect([action.type, blocked?.reason]).toEqual(['probe', 'ForeignWriter']);
  });

  it('is to be restarted once that helps, and a pass says when that is', () => {
    const at = (now: number, time: ForeignTime) => {
      const { action, blocked } = plan(world(DONE, [started(FROM)], [time], { now }));
      return [action, blocked?.message.replace(/^.*(Restart them)/, '$1').replace(/: .*/, '')];
    };
    const spread = TO + SETTLE_MS + SKEW + SECOND;
    const wait = [{ type: 'wait', until: spread }, `Restart them after ${new Date(spread).toISOString()}`];
    // the ledger is told of the end after this decision
    expect(at(TO - SECOND, foreignTime(DONE, FROM))).toEqual(wait);
    expect(at(spread - 1, TIME)).toEqual(wait);
    expect(at(spread, TIME)).toEqual([{ type: 'wait' }, 'Restart them']);
  });

  it('is named with few others, however many there are', () => {
    const pods = Array.from({ length: 40 }, (_, i) => started(FROM, `main-${i}`));
    expect(findingOf(pods)?.message).toContain(': main-0, main-1, main-2, main-3, main-4 and 35 more.');
  });

  it('is not named once the key was adopted', () => {
    expect(findingOf([started(FROM)], [{ ...TIME, fingerprints: ['fp-B'] }])).toBeUndefined();
    expect(findingOf([started(FROM)], [{ ...TIME, dataKeys: [] }])?.message).toContain(', it held a key');
  });

  it('holds no rotation up, and is told of while one is under way or waits', () => {
    const { action, blocked } = plan(world(DONE, [started(FROM)], [TIME], { requests: { rotateAt: 'now' } }));
    expect([action.type, blocked]).toEqual(['write', undefined]);
    const suspended = { ...SETTINGS, suspend: true };
    for (const [keyset, edit] of [
      [DRAINING, {}],
      [DONE, { settings: suspended, requests: { rotateAt: 'now' } }],
    ] as const) {
      const probe = probeOf(keyset, keyset.version, NOW);
      const one = pod('main-1', { startedAt: FROM, probe, templateVersion: keyset.version });
      const seen = world(keyset, [one], [foreignTime(keyset, FROM, TO)], { now: TO + 5 * SECOND, ...edit });
      expect(degraded(seen, plan(seen))).toMatchObject({ status: 'True', reason: 'ForeignWriter' });
    }
  });
});

describe('the start of a pod that may have read anything', () => {
  const { canary: _, ...settings } = target('main', ROLES).settings;
  /** Nobody can ask the pods. */
  function blind(keyset: Keyset, one: PodFacts, times: readonly ForeignTime[], now: number): Facts {
    const seen = world(keyset, [one], times, { now });
    const workload = { ...WORKLOAD, uid: 'u', templateVersion: keyset.version };
    return { ...seen, targets: seen.targets.map((each) => ({ ...each, settings, workload })) };
  }
  const BURNING = keysetAfter([WRITES.adopt, WRITES.stage, burn]);
  const AT = T0 + 90 * SECOND;
  const UNTIL = T0 + 120 * SECOND;
  const one = (keyset: Keyset) => pod('main-1', { startedAt: AT, createdAt: AT, templateVersion: keyset.version });
  const acts = (keyset: Keyset, times: readonly ForeignTime[], now = UNTIL + 300 * SECOND, it = one(keyset)) => {
    const { action } = plan(blind(keyset, it, times, now));
    return action.type === 'write' ? action.write.transition : action.type;
  };

  it.each([
    ['promote', STAGING, 'evict'],
    ['extinguish', BURNING, 'delete'],
  ])('proves nothing: no %s, and the pod is replaced once', (transition, keyset, instead) => {
    expect(acts(keyset, [])).toBe(transition);
    const times = [foreignTime(keyset, T0 + 60 * SECOND, UNTIL)];
    expect(acts(keyset, times)).toBe(instead);
    // a successor might read the same while nodes lag
    expect(acts(keyset, times, UNTIL + SETTLE_MS - 1)).toBe('wait');
    const at = UNTIL + SETTLE_MS;
    const next = pod('main-2', { createdAt: at, startedAt: at, templateVersion: keyset.version });
    expect(acts(keyset, times, at + SETTLE_MS, next)).toBe(transition);
  });

  it.each([
    ['Retiring', RETIRING],
    ['Draining', DRAINING],
    ['Promoting', PROMOTING],
  ])('proves nothing either where an older keyset is as good, or forgotten: %s', (_, keyset) => {
    const now = T0 + SETTINGS.drainMs + HOUR;
    const times = [foreignTime(keyset, now - 60 * SECOND, now - 30 * SECOND)];
    const start = { startedAt: now - 40 * SECOND, createdAt: now - 40 * SECOND };
    const late = pod('main-1', { ...start, templateVersion: keyset.version });
    expect(['finish', 'retire', 'drain']).toContain(acts(keyset, [], now, late));
    // a signer that may sign with the old key again: its tokens need the whole drain time
    expect(acts(keyset, times, now, late)).toBe(keyset.phase === 'Draining' ? 'reopen' : 'evict');
  });

  it('is not said to be that of the newest keyset at rest', () => {
    const known = (times: readonly ForeignTime[]) => plan(blind(DONE, started(FROM), times, NOW)).assessment.targets[0];
    expect(known([])).toMatchObject({ acked: 1, missing: 0 });
    expect(known([TIME])).toMatchObject({ acked: 0, missing: 1, holding: [] });
  });

  it.each([
    ['evict', STAGING],
    ['delete', BURNING],
  ])(
    'does not make rekey %s one pod after another while somebody writes every minute: it says so',
    (action, keyset) => {
      const times = Array.from({ length: 8 }, (_, i) => {
        return foreignTime(keyset, T0 + (i + 1) * 60 * SECOND, T0 + (i + 1) * 60 * SECOND + 2 * SECOND);
      });
      const made = (at: number) => pod('main-1', { createdAt: at, startedAt: at, templateVersion: keyset.version });
      const seen = (at: number, now: number) =>
        plan(
          blind(
            keyset,
            made(at),
            times.filter(({ since }) => since < now),
            now,
          ),
        );
      expect(seen(T0 + 61 * SECOND, T0 + 100 * SECOND).action.type).toBe(action);
      for (let at = T0 + 100 * SECOND; at < T0 + 480 * SECOND; at += 7 * SECOND) {
        expect(['wait', 'confirm', 'write']).toContain(seen(at, at + 30 * SECOND).action.type);
      }
      const now = T0 + SETTINGS.rolloutTimeoutMs + 60 * SECOND;
      const last = foreignTime(keyset, now - 20 * SECOND, now - 15 * SECOND);
      const { stalled } = plan(blind(keyset, made(now - 18 * SECOND), [...times, last], now));
      expect(stalled?.reason).toBe('RolloutStalled');
    },
  );

  it('is not the only thing that waits: no write follows before every node has the Secret of rekey again', () => {
    const probe = probeOf(STAGING, STAGING.version, UNTIL);
    const before = pod('main-1', { startedAt: T0 + SECOND, templateVersion: STAGING.version, probe });
    const at = (now: number, since = UNTIL - 2 * SECOND) => {
      const times = [foreignTime(STAGING, since, UNTIL)];
      const seen = facts(STAGING, { now, ledger: { ...EMPTY_LEDGER, foreign: times } });
      const workload = { ...WORKLOAD, uid: 'u', templateVersion: STAGING.version };
      return plan({ ...seen, targets: seen.targets.map((each) => ({ ...each, workload, pods: [before] })) });
    };
    expect(at(UNTIL + SECOND).action).toEqual({ type: 'wait', until: UNTIL + SETTLE_MS });
    expect(at(UNTIL + SECOND).stalled).toBeUndefined();
    expect(at(UNTIL + SETTLE_MS).action.type).toBe('write');
    const longAgo = UNTIL - SETTINGS.rolloutTimeoutMs;
    expect(at(UNTIL + SECOND, longAgo).stalled?.message).toContain('somebody else has changed it since');
  });
});

describe('a time in which the Secret is somebody else’s', () => {
  const resource = { metadata: { name: 'jwt', namespace: 'shop' }, spec: { secretName: 'jwt' } } as never;
  const names = { secretName: 'jwt', ledgerName: 'jwt-rekey' };
  const BURNT = keysetAfter([WRITES.adopt, burn, { transition: 'extinguish', acked: { Signer: 2, Verifier: 2 } }]);
  const finding = { reason: 'ForeignWriter', message: '' } as const;

  /** What the ledger knows after looks at the Secret, each at a time. */
  function known(...looks: readonly (readonly [number, SecretFacts])[]): readonly ForeignTime[] {
    const account = newAccount(resource);
    for (const [now, secret] of looks) {
      const seen = facts(BURNT, { now, secret: checkedAgainstLedger(account.ledger, secret, names) });
      takeIn(account, resource, seen, plan(seen).assessment);
    }
    return account.ledger.foreign;
  }
  const own: SecretFacts = { kind: 'Managed', keyset: BURNT };
  const strange = { dataKeys: ['JWT_SECRET_KEY'], fingerprints: ['fp-X'] };

  it.each<[string, SecretFacts, readonly string[]]>([
    ['a backup of all of it, annotations too', { kind: 'Managed', keyset: STEADY }, ['fp-A']],
    ['a key of somebody else', { kind: 'Refused', finding, keyset: BURNT, foreign: strange }, ['fp-X']],
    [
      'annotations that cannot be read',
      { kind: 'Refused', finding, foreign: { dataKeys: [], fingerprints: ['fp-X', 'fp-B'] } },
      ['fp-X'],
    ],
    ['no annotations', { kind: 'Unmanaged', fingerprint: 'fp-X', fallbacks: ['fp-B'] }, ['fp-X']],
    ['no annotations, and a burnt key', { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] }, ['fp-A']],
    ['another type', { kind: 'Refused', finding }, []],
  ])('is noted, with the keys that are not live: %s', (_, secret, fingerprints) => {
    const times = known([NOW, own], [NOW + SECOND, secret], [NOW + HOUR, own]);
    expect(times).toMatchObject([{ since: NOW, until: NOW + HOUR + SECOND, version: BURNT.version, fingerprints }]);
  });

  it('is not noted of a Secret that rekey has never managed, nor while there is none', () => {
    expect(known([NOW, { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] }])).toEqual([]);
    expect(known([NOW, own], [NOW + SECOND, { kind: 'Absent' }])).toEqual([]);
  });

  it('begins when the Secret was last seen to be its own, or at the last write if nobody has looked since', () => {
    const from = (changedAt: number | undefined, ...before: readonly (readonly [number, SecretFacts])[]) => {
      const foreign = changedAt === undefined ? strange : { ...strange, changedAt };
      return known(...before, [NOW + HOUR, { kind: 'Refused', finding, keyset: BURNT, foreign }])[0]?.since;
    };
    expect(from(undefined, [NOW, own])).toBe(NOW);
    // the look was at a cache that had not heard of it
    expect(from(NOW - SECOND, [NOW, own])).toBe(NOW - SECOND);
    // its manager has changed something else since
    expect(from(NOW + SECOND, [NOW, own])).toBe(NOW);
    // and years before, when the data key was no matter of rekey's
    expect(from(T0 - HOUR, [NOW, own])).toBe(NOW);
  });
});
