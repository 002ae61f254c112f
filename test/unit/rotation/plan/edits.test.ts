/** An edit of the spec that the rotation under way does not follow is told, in the condition Rotating; one that it does is not. */
import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../../src/rotation/api/types.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { statusOf } from '../../../../src/rotation/report/status.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { DONE, DRAINING, facts, PROMOTING, RETIRING, SETTINGS, STAGING, STEADY, services } from '../builders.ts';

const QUARTER_HOUR_LESS = { drainMs: SETTINGS.drainMs - 900_000 };
const CUTOVER = { strategy: 'Cutover', allowCutover: true } as const;

function seen(keyset: Keyset, edit: Partial<Settings>, status: JwtKeyRotationStatus = {}) {
  const targets = services(keyset, { main: keyset.version, admin: keyset.version });
  const found = facts(keyset, { targets, settings: { ...SETTINGS, ...edit } });
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  return statusOf(
    { metadata: { name: 'jwt', namespace: 'shop' }, spec, status } as unknown as JwtKeyRotation,
    found,
    plan(found),
  );
}

function told(keyset: Keyset, edit: Partial<Settings>): string | undefined {
  const message = seen(keyset, edit).conditions?.find(({ type }) => type === 'Rotating')?.message ?? '';
  return message.split('; from the next rotation on: ')[1];
}

const made = (keyset: Keyset): Keyset => ({
  ...keyset,
  ...(keyset.rotation && { rotation: { ...keyset.rotation, keyBytes: 32 } }),
});
const SWITCHING: Keyset = { ...STAGING, phase: 'Switching' };
const shorter =
  'this rotation keeps the drain time it started with, 1h 16m; the spec says 1h 1m (1h tokens + 1m skew + 0s slack)';

it.each<[string, Keyset, Partial<Settings>, string | undefined]>([
  ['a shorter drain, while staging', STAGING, QUARTER_HOUR_LESS, shorter],
  ['a shorter drain, while promoting', PROMOTING, QUARTER_HOUR_LESS, shorter],
  ['a shorter drain, while draining', DRAINING, QUARTER_HOUR_LESS, shorter],
  ['no shorter drain that is over', RETIRING, QUARTER_HOUR_LESS, undefined],
  ['no longer drain: it is followed', DRAINING, { drainMs: SETTINGS.drainMs + 1000 }, undefined],
  ['a cutover', PROMOTING, CUTOVER, 'this rotation keeps both keys accepted; the spec says strategy: Cutover'],
  [
    'no cutover, during one',
    SWITCHING,
    { strategy: 'Overlap' },
    'this rotation is a cutover and has already replaced the key; the spec no longer allows a cutover',
  ],
  ['nothing of a cutover that is allowed', SWITCHING, { allowCutover: true }, undefined],
  [
    'another length of the key',
    made(STAGING),
    { keyBytes: 64 },
    'the new key of this rotation has 32 bytes; spec.key.bytes says 64',
  ],
  ['nothing of a length that is not known', STAGING, { keyBytes: 64 }, undefined],
  [
    'a key to stage, when it is too late',
    RETIRING,
    { preStage: true },
    'the old key of this rotation has left, and no other key was staged with that write; the spec says preStage: true',
  ],
  ['no key to stage while there is time', DRAINING, { preStage: true }, undefined],
  [
    'a suspension',
    STAGING,
    { suspend: true },
    'this rotation continues (to hold it: kubectl rekey pause jwt -n shop); because of spec.suspend, no other starts',
  ],
  [
    'all of them',
    STAGING,
    { ...QUARTER_HOUR_LESS, ...CUTOVER },
    `${shorter}, and this rotation keeps both keys accepted`,
  ],
  ['nothing of a spec that is as it was', made(STAGING), {}, undefined],
  ['nothing at rest', STEADY, { ...QUARTER_HOUR_LESS, ...CUTOVER, keyBytes: 64 }, undefined],
  ['no suspension at rest', STEADY, { suspend: true }, undefined],
  ['nothing when it is over', DONE, QUARTER_HOUR_LESS, undefined],
])('tells of %s', (_, keyset, edit, expected) => {
  const found = told(keyset, edit);
  if (expected === undefined) expect(found).toBeUndefined();
  else expect(found?.startsWith(expected), found).toBe(true);
});

it('the drain of a rotation under way stands in the status, and is forgotten with it', () => {
  const inSeconds = (keyset: Keyset, edit: Partial<Settings> = {}) => seen(keyset, edit).drainSeconds;
  expect([STAGING, PROMOTING, DRAINING].map((keyset) => inSeconds(keyset, QUARTER_HOUR_LESS))).toEqual([
    4560, 4560, 4560,
  ]);
  expect(seen(STEADY, {}, { drainSeconds: 4560 })).not.toHaveProperty('drainSeconds');
  expect(inSeconds(DRAINING, { drainMs: 5_000_100 })).toBe(5001);
  expect([STEADY, RETIRING, DONE].map((keyset) => inSeconds(keyset))).toEqual([undefined, undefined, undefined]);
});

it('a rotation notes of how many bytes its key is made', () => {
  const asked = facts(STEADY, {
    requests: { rotateAt: 'now' },
    settings: { ...SETTINGS, keyBytes: 48 },
    targets: services(STEADY, { main: 1, admin: 1 }),
  });
  const { action } = plan(asked);
  expect(action).toMatchObject({ type: 'write', write: { transition: 'stage', rotation: { keyBytes: 48 } } });
});
