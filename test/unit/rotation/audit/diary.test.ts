/** What is noted of a rotation while it goes on: what was looked at, and no more. */
import { describe, expect, it } from 'vitest';
import { type AuditRecord, appendRecord, verifyLog } from '../../../../src/rotation/audit/audit-log.ts';
import { type Diary, EMPTY_DIARY, noted, stepsOf } from '../../../../src/rotation/audit/diary.ts';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { iso } from '../../../../src/rotation/schedule/duration.ts';
import {
  DONE,
  DRAINING,
  facts,
  keysetAfter,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  SETTLED,
  STAGING,
  STEADY,
  services,
  T0,
  target,
  WRITES,
} from '../builders.ts';

const look = (diary: Diary, keyset: Keyset, edit: Partial<Facts> = {}): Diary => {
  const seen = facts(keyset, edit);
  return noted(diary, seen, plan(seen).assessment, keyset);
};
const watched = (...keysets: readonly Keyset[]) => keysets.reduce((diary, keyset) => look(diary, keyset), EMPTY_DIARY);
const stepsAfter = (...keysets: readonly Keyset[]) => stepsOf(watched(...keysets), 'r1');
const fleet = (keyset: Keyset, count: number, probed = true): readonly TargetFacts[] => [
  target('main', ['Signer', 'Verifier'], {
    pods: Array.from({ length: count }, (_, i) =>
      pod(`p${i}`, { ...(probed && { probe: probeOf(keyset, keyset.version) }), startedAt: SETTLED }),
    ),
  }),
];

describe('the diary of a rotation', () => {
  it('has each step with the pods that proved it, and none while pods follow nothing', () => {
    const steps = stepsAfter(STAGING, STAGING, PROMOTING, DRAINING, RETIRING, DONE) ?? [];
    expect(steps.map(({ phase, keysetVersion }) => [phase, keysetVersion])).toEqual([
      ...[
        ['Staging', 2],
        ['Promoting', 3],
        ['Draining', 3],
        ['Retiring', 4],
      ],
    ]);
    expect(steps[0]?.targets).toMatchObject([
      { name: 'Deployment/main', proved: { 'main-1': iso(T0) } },
      { name: 'Deployment/autoscraper', proved: { 'autoscraper-1': iso(T0) } },
      { name: 'Deployment/admin', proved: { 'admin-1': iso(T0) } },
    ]);
    expect(steps[2]?.targets).toEqual([]);
    for (const i of [1, 3]) expect(steps[i]?.targets[0]).toMatchObject({ proved: { 'main-1': iso(T0) } });
  });

  it('has nothing of what was not looked at', () => {
    expect(stepsAfter(STEADY)).toBeUndefined();
    expect(stepsAfter(DONE)).toBeUndefined();
    expect(stepsAfter(RETIRING, DONE)?.map(({ phase }) => phase)).toEqual(['Retiring']);
  });

  it('names no pod that may hold an older keyset, or has not answered', () => {
    const behind = services(STAGING, { main: 1, admin: 1 });
    const names = (edit: Partial<Facts>) =>
      stepsOf(look(EMPTY_DIARY, STAGING, edit), 'r1')?.[0]?.targets.flatMap(({ proved = {}, inferred = [] }) => [
        ...[...Object.keys(proved), ...inferred],
      ]);
    expect(names({ targets: behind })).toEqual([]);
    expect(names({ targets: fleet(STAGING, 2, false) })).toEqual([]);
    expect(names({ targets: fleet(STAGING, 2) })).toEqual(['p0', 'p1']);
  });

  it('names no pod that holds what it must, but not this keyset: a verifier need not follow the promotion', () => {
    const targets = services(PROMOTING, { main: 3, admin: 2 });
    const [step] = stepsOf(look(EMPTY_DIARY, PROMOTING, { targets }), 'r1') ?? [];
    expect(step?.targets).toMatchObject([{ name: 'Deployment/main', proved: { 'main-1': iso(T0) } }]);
    expect(step?.targets).toHaveLength(1);
  });

  it('takes the answer of one container for no proof of the others', () => {
    const late = SETTLED + 3_600_000;
    const probe = probeOf(STAGING, STAGING.version);
    const targets = [
      target('main', ['Verifier'], { pods: [pod('main-1', { several: true, startedAt: late, probe })] }),
    ];
    const [step] = stepsOf(look(EMPTY_DIARY, STAGING, { targets, now: 2 * late - SETTLED }), 'r1') ?? [];
    expect(step?.targets).toEqual([{ name: 'Deployment/main', inferred: ['main-1'] }]);
  });

  it('tells what was concluded from what was proved', () => {
    const settings = { kind: 'Deployment', name: 'job', roles: ['Verifier'], source: 'Env' } as const;
    const started = pod('job-1', { startedAt: SETTLED + 3_600_000 });
    const targets = [{ ...target('job', ['Verifier']), settings, pods: [started] }];
    const [step] = stepsOf(look(EMPTY_DIARY, STAGING, { targets, now: SETTLED + 7_200_000 }), 'r1') ?? [];
    expect(step?.targets).toEqual([{ name: 'Deployment/job', inferred: ['job-1'] }]);
  });

  it('names a hundred pods and counts the others', () => {
    const first = look(EMPTY_DIARY, STAGING, { targets: fleet(STAGING, 70) });
    const second = look(first, PROMOTING, { targets: fleet(PROMOTING, 70) });
    const steps = stepsOf(second, 'r1') ?? [];
    const counts = steps.map(({ targets: [one] }) => [Object.keys(one?.proved ?? {}).length, one?.more]);
    expect(counts).toEqual([
      [70, undefined],
      [30, 40],
    ]);
    // a further look at the same pods names no more of them
    expect(stepsOf(look(second, PROMOTING, { targets: fleet(PROMOTING, 70) }), 'r1')).toEqual(steps);
  });

  it('leaves room for about a hundred records of a large fleet', () => {
    const name = (i: number) => `a-service-7d9c6d7f66-${String(i).padStart(5, '0')}`;
    const proved = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [name(i), iso(T0)]));
    const steps = ['Staging', 'Promoting', 'Draining', 'Retiring'].map((phase, i) => ({
      ...{ phase, keysetVersion: i + 1, at: iso(T0) },
      targets: i === 0 ? [{ name: 'Deployment/a-service', bumpedAt: iso(T0), proved }] : [],
    }));
    const { rotation } = DONE;
    const record = { rotationId: 'r', resource: 'shop/jwt', ...rotation, steps } as unknown as AuditRecord;
    let log = '';
    for (let i = 0; i < 200; i += 1) log = appendRecord(log, record).log;
    expect(verifyLog(log)).toMatchObject({ last: 200 });
    expect(verifyLog(log).records).toBeGreaterThan(100);
  });

  it('has sixteen steps at most of a rotation that goes back and forth', () => {
    let diary = EMPTY_DIARY;
    for (let i = 0; i < 40; i += 1) diary = look(diary, i % 2 === 0 ? PROMOTING : DRAINING);
    expect(stepsOf(diary, 'r1')).toHaveLength(16);
  });

  it('tells the way back from the way forward', () => {
    const failure = { reason: 'AbortRequested', message: 'requested' };
    const rolledBack = keysetAfter([
      ...[WRITES.adopt, WRITES.stage, WRITES.promote],
      { transition: 'rollback', acked: { Signer: 3, Verifier: 2 }, handled: {}, failure } as never,
    ]);
    const steps = stepsAfter(PROMOTING, rolledBack) ?? [];
    expect(steps.map(({ phase, back }) => [phase, back])).toEqual([
      ['Promoting', undefined],
      ['Promoting', true],
    ]);
  });

  it('keeps what it has of a rotation that an emergency cut off, until the Secret forgets it', () => {
    const rotation = { id: 'r2', trigger: 'Emergency', actor: 'bob', reason: 'leak', drainMs: 0 } as const;
    const burning = keysetAfter([
      ...[WRITES.adopt, WRITES.stage],
      { transition: 'burn', rotation, nonce: 'n', handled: {} } as never,
    ]);
    const diary = look(watched(STAGING), burning);
    expect(stepsOf(diary, 'r1')?.map(({ phase }) => phase)).toEqual(['Staging']);
    expect(stepsOf(diary, 'r2')?.map(({ phase }) => phase)).toEqual(['Burning']);
    expect(stepsOf(look(diary, STEADY), 'r1')).toBeUndefined();
  });

  it('knows since when there was a key that has left', () => {
    expect(watched(STAGING, RETIRING, DONE).created.get('A')).toBe(T0);
    expect(watched(STAGING, RETIRING, DONE).created.get('B')).toBe(T0);
    expect([...watched(DONE).created.keys()]).toEqual(['B']);
  });
});
