/** What an Event says as a fact was observed, or it says that it was concluded. */
import { expect, it } from 'vitest';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { Announcer, type AnnouncerOptions } from '../../../../src/rotation/report/announce.ts';
import { DRAINING, facts, PROMOTING, pod, SETTLED, services, T0 } from '../builders.ts';

function announcing() {
  const notes: string[] = [];
  const silent = () => undefined;
  const log = { info: silent, warn: silent, child: () => log };
  const announcer = new Announcer({
    events: { event: (_regarding: unknown, { note }: { note: string }) => notes.push(note) },
    metrics: { wrote: silent },
    log,
  } as unknown as AnnouncerOptions);
  const spec = { maxTokenTTL: '1h', clockSkew: '60s', retire: { mode: 'Eager' } } as JwtKeyRotation['spec'];
  const { apiVersion, kind } = JWT_KEY_ROTATIONS;
  const resource = { apiVersion, kind, metadata: { namespace: 'shop', name: 'jwt' }, spec } as JwtKeyRotation;
  return { announcer, resource, notes };
}

it.each([
  [['a'], 'deleted a: it may hold a key that was replaced at once'],
  [['a', 'b'], 'deleted a, b: they may hold a key that was replaced at once'],
])('pods that were deleted are one or several: %j', (names, note) => {
  const { announcer, resource, notes } = announcing();
  const [target] = services(PROMOTING, { main: 3, admin: 3 });
  const pods = names.map((name) => ({ target, pod: pod(name) }));
  announcer.acted(resource, plan(facts(PROMOTING)), { kind: 'Deleted', pods } as never);
  expect(notes).toEqual([note]);
});

it.each([
  ['has answered', true],
  ['is known by its start only', false],
])('that no pod signs with the old key is said with what it rests on: a signer that %s', (_, canary) => {
  const targets = services(PROMOTING, { main: 3, admin: 3 }, SETTLED).map((target) => {
    if (target.settings.name !== 'main' || canary) return target;
    const { canary: __, ...blind } = target.settings;
    return {
      ...target,
      settings: blind,
      pods: [pod('main-1', { startedAt: SETTLED, readUpTo: T0, templateVersion: 3 })],
    };
  });
  const decision = plan(facts(PROMOTING, { targets }));
  const { announcer, resource, notes } = announcing();
  announcer.acted(resource, decision, {
    ...{ kind: 'Wrote', keyset: DRAINING, resourceVersion: '1' },
    facts: { kind: 'Managed', keyset: DRAINING },
  });
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(
    canary
      ? /it stays accepted until 2026-01-01T01:16:00.000Z, for 1h 16m \(1h tokens \+ 1m skew \+ 15m slack\)$/
      : /inferred in part: Deployment\/main/,
  );
});
