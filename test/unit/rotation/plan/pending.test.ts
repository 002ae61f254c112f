/** Requests that wait: shown while they do, ended by whoever takes them back, and never served after that. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { JWT_KEY_ROTATIONS } from '../../../../src/rotation/api/names.ts';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { decodeState, encodeState } from '../../../../src/rotation/keyset/state.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { Announcer, type AnnouncerOptions } from '../../../../src/rotation/report/announce.ts';
import { statusOf } from '../../../../src/rotation/report/status.ts';
import {
  DONE,
  DRAINING,
  facts,
  PAUSED,
  PROMOTING,
  RETIRING,
  SETTINGS,
  STAGING,
  STEADY,
  services,
  T0,
} from '../builders.ts';
import { decide } from '../deeds.ts';

const key = { kid: 'X', fingerprint: 'fp-X' };
const ack = { kid: 'Y', fingerprint: 'fp-Y' };
const second = { rotateAt: 'second', rotateActor: 'alice' };
const forced = { ...SETTINGS, forceReason: 'ticket 7' };
const due = { since: T0, nextRuns: [] };

/** The keyset after what the planner writes. */
function written(world: Facts): Keyset {
  const { action } = plan(world);
  if (action.type !== 'write' || world.secret.kind !== 'Managed') throw new Error(`it does not write: ${action.type}`);
  return advance(world.secret.keyset, action.write, { key, ack }, T0);
}

describe('an abort', () => {
  it.each([
    ['abort', STAGING],
    ['rollback', PROMOTING],
    ['rollback', DRAINING],
    ['dismiss', RETIRING],
    ['dismiss', STEADY],
  ])('ends what is queued, by annotation and by spec: %s', (transition, keyset) => {
    const world = facts(keyset, { requests: { ...second, abortAt: 'x', abortActor: 'bob' }, settings: forced });
    expect(plan(world).action).toMatchObject({
      write: {
        ...{ transition, handled: { abortAt: 'x', withdrawn: { rotateAt: 'second', forceReason: 'ticket 7' } } },
        withdrawn: [
          'rekey.dev/rotate-requested-at is second (requested by alice)',
          'spec.forceRotation.reason is ticket 7 (requested by spec)',
        ],
      },
    });
  });

  it('ends nothing where nothing is queued, and says who asked', () => {
    const handled = { rotateAt: 'second', forceReason: 'ticket 7' };
    const requests = { ...second, abortAt: 'x', abortActor: 'bob' };
    const { action } = plan(facts({ ...STAGING, handled }, { requests, settings: forced }));
    const message = 'requested by bob: rekey.dev/abort-requested-at is x';
    const failure = { reason: 'AbortRequested', message };
    const { acked } = STAGING;
    const write = { transition: 'abort', acked, failure, handled: { ...handled, abortAt: 'x' } };
    expect(action).toEqual({ type: 'write', write });
  });

  it('is followed by no rotation: neither at once nor when the value is applied again', () => {
    const asked = { ...second, abortAt: 'x' };
    const { handled } = written(facts(STAGING, { requests: asked, settings: forced }));
    const over = { ...DONE, handled };
    expect(decide(facts(over, { requests: asked, settings: forced }))).toBe('wait');
    expect(decide(facts(over, { requests: { abortAt: 'x', rotateAt: 'third' }, settings: forced }))).toBe(
      'write stage',
    );
    expect(decide(facts(over, { requests: asked, settings: { ...forced, forceReason: 'ticket 8' } }))).toBe(
      'write stage',
    );
  });
});

describe('a withdrawal', () => {
  const requests = { ...second, withdrawAt: 'w' };

  it.each([STEADY, STAGING, PROMOTING, DRAINING, RETIRING])('ends what waits, and nothing else', (keyset) => {
    const next = written(facts(keyset, { requests, settings: forced }));
    expect(next).toEqual({
      ...keyset,
      handled: { withdrawAt: 'w', withdrawn: { rotateAt: 'second', forceReason: 'ticket 7' } },
    });
  });

  it('is served once, and survives the operator', () => {
    const next = decodeState(encodeState(written(facts(STEADY, { requests, settings: forced }))));
    expect(decide(facts(next, { requests, settings: forced }))).not.toMatch('write');
    // another request of later is none of its business
    expect(decide(facts(next, { requests: { ...requests, rotateAt: 'third' } }))).toBe('write stage');
  });

  it('comes before what stands in the way of a rotation, and rests while all does', () => {
    const blocked = { requests, unlistedConsumers: ['Deployment/other'] };
    expect(decide(facts(STEADY, blocked))).toBe('write withdraw');
    expect(decide(facts(STEADY, { requests, settings: { ...SETTINGS, suspend: true } }))).toBe('write withdraw');
    expect(decide(facts(STEADY, { requests: { ...requests, paused: PAUSED } }))).toBe('wait');
    expect(decide(facts(STEADY, { requests: { ...requests, paused: PAUSED }, live: false }))).toBe('wait');
  });

  it('of nothing is noted, and a schedule is not what it takes back', () => {
    const world = facts(STEADY, { requests: { withdrawAt: 'w' }, due });
    expect(plan(world).action).toEqual({
      type: 'write',
      write: { transition: 'withdraw', handled: { withdrawAt: 'w' } },
    });
    expect(decide(facts(written(world), { requests: { withdrawAt: 'w' }, due }))).toBe('write stage');
  });

  it('stays known when a rotation begins for another reason, and what was withdrawn is not called served', () => {
    const { handled } = written(facts(STEADY, { requests, settings: forced }));
    const begun = plan(facts({ ...STEADY, handled }, { requests, settings: forced, due })).action;
    expect(begun).toMatchObject({ write: { transition: 'stage', rotation: { trigger: 'Schedule' }, handled } });
  });

  it('that came with a copy of the resource is noted, and one that was set by itself is served', () => {
    const found = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } as const;
    const adopts = (withdrawApart: boolean) =>
      plan(facts(STEADY, { secret: found, requests: { withdrawAt: 'w', withdrawApart } })).action;
    expect(adopts(false)).toMatchObject({ write: { transition: 'adopt', handled: { withdrawAt: 'w' } } });
    expect(adopts(true)).toMatchObject({ write: { transition: 'adopt', handled: {} } });
  });

  it('of an abort that was set by itself before there was a keyset is served as well', () => {
    const found = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } as const;
    const requests = { ...second, rotateApart: true, abortAt: 'x', abortApart: true };
    const adopted = written({ ...facts(STEADY, { requests }), secret: { kind: 'Managed', keyset: STEADY } });
    expect(plan(facts(STEADY, { secret: found, requests })).action).toMatchObject({ write: { handled: {} } });
    expect(adopted.handled).toEqual({ abortAt: 'x', withdrawn: { rotateAt: 'second' } });
  });
});

describe('what waits', () => {
  const { apiVersion, kind } = JWT_KEY_ROTATIONS;
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = (status: JwtKeyRotation['status'] = {}) =>
    ({ apiVersion, kind, metadata: { namespace: 'shop', name: 'jwt' }, spec, status }) as unknown as JwtKeyRotation;
  const shown = (world: Facts, before = resource()) => statusOf(before, world, plan(world));

  it('is in the status, beside what it waits for', () => {
    const behind = facts(STAGING, { requests: second, settings: forced });
    const reason = 'rekey.dev/rotate-requested-at is second';
    expect(shown(behind)).toMatchObject({
      rotation: { id: 'r1', trigger: 'Annotation', actor: 'alice', reason: 'test', from: 'A', to: 'B' },
      queued: [
        { trigger: 'Annotation', actor: 'alice', reason },
        { trigger: 'ForceRotation', actor: 'spec', reason: 'ticket 7' },
      ],
    });
    // it is gone from there when it is over
    const later = shown(
      facts({ ...DONE, handled: { rotateAt: 'second' } }, { requests: second }),
      resource(shown(behind)),
    );
    expect([later.rotation, later.queued]).toEqual([undefined, undefined]);
    const after = shown(
      facts(written(facts(STAGING, { requests: { ...second, withdrawAt: 'w' } })), { requests: second }),
    );
    expect(after).toMatchObject({ lastHandledWithdrawAt: 'w', lastWithdrawnRotateAt: 'second' });
    expect(after).not.toHaveProperty('queued');
  });

  it('is told by one Event when it comes, and by none as long as it waits or in another process', () => {
    const events: { reason: string; note: string }[] = [];
    const log = { info: () => undefined, debug: () => undefined, warn: () => undefined, child: () => log };
    const metrics = { observed: () => undefined };
    const announcer = () =>
      new Announcer({
        events: { event: (_: unknown, event: { reason: string; note: string }) => events.push(event) },
        ...{ metrics, log },
      } as unknown as AnnouncerOptions);
    const world = facts(STAGING, { requests: second, targets: services(STAGING, { main: 2, admin: 2 }) });
    const status = shown(world);
    const one = announcer();
    one.decided(resource(), world, plan(world), status);
    // the status cannot be written
    one.decided(resource(), world, plan(world), status);
    announcer().decided(resource(status), world, plan(world), status);
    const queued = events.filter(({ reason }) => reason === 'RotationQueued');
    expect(queued.map(({ note }) => note)).toEqual([
      'Annotation by alice: rekey.dev/rotate-requested-at is second. It waits until the rotation under way ends (Annotation by alice: test)',
    ]);
  });
});
