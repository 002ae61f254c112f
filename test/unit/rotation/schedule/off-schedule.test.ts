/** A start that is missed is told once, until a rotation is completed; one that nobody announced is not known to be missed. */
import { describe, expect, it } from 'vitest';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../../src/rotation/api/types.ts';
import { dueOf } from '../../../../src/rotation/cadence/cadence.ts';
import { offSchedule } from '../../../../src/rotation/cadence/off-schedule.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { Announcer, type AnnouncerOptions } from '../../../../src/rotation/report/announce.ts';
import { statusOf } from '../../../../src/rotation/report/status.ts';
import { iso } from '../../../../src/rotation/schedule/duration.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { DRAINING, facts, SETTINGS, STEADY, T0 } from '../builders.ts';

const DAY = 86_400_000;
const cadence = { kind: 'Cron', schedule: '0 3 1 */3 *', timeZone: 'UTC', startingDeadlineMs: DAY } as const;
const QUARTERLY: Settings = { ...SETTINGS, cadence };
const RUN = Date.UTC(2026, 3, 1, 3);
const announced: JwtKeyRotationStatus = { scheduledRun: iso(RUN) };
const told: JwtKeyRotationStatus = { scheduledRun: iso(Date.UTC(2026, 6, 1, 3)), missedRun: iso(RUN) };
const since = (at: number): Keyset => ({ ...STEADY, attempts: { since: at, failures: 0 } });
const at = (now: number, status: JwtKeyRotationStatus | undefined = announced, keyset: Keyset | undefined = STEADY) =>
  offSchedule(QUARTERLY, status, keyset, now)?.missedRun;

describe('a start that was announced', () => {
  it('is missed once its deadline is over, and not before', () => {
    expect([RUN, RUN + DAY - 1, RUN + DAY].map((now) => at(now))).toEqual([undefined, undefined, RUN]);
  });

  it('is missed until a rotation is completed, whatever is announced then', () => {
    expect(at(RUN + 60 * DAY, told)).toBe(RUN);
    expect(at(RUN + 60 * DAY, told, since(RUN - 1))).toBe(RUN);
    expect(at(RUN + 60 * DAY, told, { ...DRAINING, attempts: since(RUN - 1).attempts })).toBe(RUN);
    expect(at(RUN + 60 * DAY, told, since(RUN + 2 * DAY))).toBeUndefined();
    // the next one that is missed takes its place
    expect(at(RUN + 100 * DAY, told)).toBe(Date.UTC(2026, 6, 1, 3));
  });

  it.each([
    ['nobody announced one', {}, STEADY],
    ['a rotation was completed since', announced, since(RUN + 1)],
    ['a rotation is under way', announced, DRAINING],
  ] as const)('is not missed where %s', (_, status, keyset) => {
    expect(at(RUN + 9 * DAY, status, keyset)).toBeUndefined();
  });

  it('is not known to be missed while the Secret cannot be read, and what was told stays', () => {
    expect(offSchedule(QUARTERLY, announced, undefined, RUN + 9 * DAY)).toBeUndefined();
    expect(offSchedule(QUARTERLY, told, undefined, RUN + 9 * DAY)?.missedRun).toBe(RUN);
  });

  it('is not missed while nobody wants it', () => {
    expect(offSchedule({ ...QUARTERLY, suspend: true }, announced, STEADY, RUN + 9 * DAY)).toBeUndefined();
    expect(offSchedule(SETTINGS, told, STEADY, RUN + 9 * DAY)).toBeUndefined();
  });
});

describe('a schedule', () => {
  const weekly = (edit: Partial<Settings>) =>
    offSchedule({ ...QUARTERLY, cadence: { ...cadence, schedule: '0 3 * * 0' }, ...edit }, undefined, STEADY, T0);

  it('is too short where no two starts are further apart than tokens drain', () => {
    expect(weekly({ drainMs: 37 * DAY })).toMatchObject({
      reason: 'ScheduleTooShort',
      message: expect.stringMatching(
        /^spec.schedule: no two starts are further apart than the drain time of old tokens, 37d \(1h tokens/,
      ),
    });
    expect(weekly({ drainMs: 6 * DAY })).toBeUndefined();
    const twice = { ...cadence, schedule: '0 3 1,2 * *' };
    expect(weekly({ drainMs: 3 * DAY, cadence: twice })).toBeUndefined();
  });

  it('is not known to be too short where tokens may be given up', () => {
    expect(weekly({ drainMs: 37 * DAY, allowCutover: true })).toBeUndefined();
    expect(weekly({ drainMs: 37 * DAY, allowCutover: true, strategy: 'Overlap' })?.reason).toBe('ScheduleTooShort');
  });
});

describe('what is told of it', () => {
  const events: string[] = [];
  const silent = new Proxy({}, { get: (_, name) => (name === 'child' ? () => silent : () => undefined) });
  const newAnnouncer = () =>
    new Announcer({
      events: { event: (_: unknown, { reason }: { reason: string }) => events.push(reason) },
      ...{ metrics: silent, log: silent },
    } as unknown as AnnouncerOptions);
  const condition = ({ conditions = [] }: JwtKeyRotationStatus) => conditions.find(({ type }) => type === 'OnSchedule');

  /** @returns the status after it */
  function pass(announcer: Announcer, status: JwtKeyRotationStatus, now: number, keyset: Keyset): JwtKeyRotationStatus {
    const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
    const { apiVersion, kind } = JWT_KEY_ROTATIONS;
    const metadata = { namespace: 'shop', name: 'jwt' };
    const resource = { apiVersion, kind, metadata, spec, status } as unknown as JwtKeyRotation;
    const off = offSchedule(QUARTERLY, status, keyset, now);
    const due = dueOf(cadence, keyset.attempts, now);
    const seen = facts(keyset, {
      now,
      settings: QUARTERLY,
      due,
      unlistedConsumers: ['Pod/x'],
      ...(off && { offSchedule: off }),
    });
    const decision = plan(seen);
    const next = statusOf(resource, seen, decision);
    announcer.decided(resource, seen, decision, next);
    return next;
  }

  it('is one Event for each start that was missed, however often a pass runs, and over a restart of the operator', () => {
    let announcer = newAnnouncer();
    let status = pass(announcer, {}, RUN - DAY, STEADY);
    expect([status.scheduledRun, condition(status)]).toEqual([iso(RUN), undefined]);
    status = pass(announcer, status, RUN + DAY - 1, STEADY);
    expect([status.scheduledRun, condition(status)]).toEqual([iso(RUN), undefined]);
    const missed = () => events.filter((reason) => reason === 'RotationMissed').length;
    const late = RUN + DAY;
    // the status of the first could not be written
    pass(announcer, status, late, STEADY);
    for (let i = 0; i < 5; i += 1) status = pass(announcer, status, late + i, STEADY);
    expect(missed()).toBe(1);
    announcer = newAnnouncer();
    for (let i = 0; i < 5; i += 1) status = pass(announcer, status, late + i * DAY, STEADY);
    expect(missed()).toBe(1);
    expect(status).toMatchObject({ missedRun: iso(RUN), scheduledRun: '2026-07-01T03:00:00.000Z' });
    expect(condition(status)).toMatchObject({ status: 'False', reason: 'RotationMissed' });
    expect(condition(status)?.message).toContain(
      'a rotation was due at 2026-04-01T03:00:00.000Z, and none has completed',
    );
    status = pass(announcer, status, RUN + 99 * DAY, STEADY);
    expect([missed(), status.missedRun]).toEqual([2, '2026-07-01T03:00:00.000Z']);
    status = pass(announcer, status, RUN + 100 * DAY, since(RUN + 100 * DAY - 1));
    expect([condition(status)?.status, status.missedRun, missed()]).toEqual(['True', undefined, 2]);
  });
});
