/** How long an old key is accepted, what that is the sum of, and that it is said wherever it is waited for. */
import { describe, expect, it } from 'vitest';
import { plan } from '../../../src/rotation/plan/plan.ts';
import { parseDuration } from '../../../src/rotation/schedule/duration.ts';
import { defaultSlackMs, drainText, drainTextOf } from '../../../src/rotation/settings/drain.ts';
import { drainOf } from '../../../src/rotation/settings/settings.ts';
import { DRAINING, facts, SETTINGS, services, T0 } from './builders.ts';

const ms = (text: string) => parseDuration(text) ?? Number.NaN;
const drain = (maxTokenTTL: string, clockSkew = '60s', slack?: string) =>
  drainOf({ maxTokenTTL, clockSkew, retire: { mode: 'Eager', ...(slack !== undefined && { slack }) } });

describe('the slack where none is given', () => {
  it.each([
    ['20s', '60s', '2m10s'],
    ['5m', '60s', '2m10s'],
    ['15m', '60s', '3m45s'],
    ['1h', '60s', '15m'],
    ['24h', '60s', '6h'],
    ['30d', '60s', '7d12h'],
    ['20s', '0s', '10s'],
    ['20s', '5m', '10m10s'],
    // whole seconds: a sum that people read must come out right
    ['61s', '0s', '16s'],
  ])('of tokens that live %s, with a skew of %s, is %s', (maxTokenTTL, clockSkew, slack) => {
    expect(defaultSlackMs({ maxTokenTtlMs: ms(maxTokenTTL), clockSkewMs: ms(clockSkew) })).toBe(ms(slack));
  });

  it('is more than a clock that nobody finds to be wrong can run ahead: twice the skew, and what a Date header hides', () => {
    for (const skew of ['0s', '1s', '60s', '10m']) {
      const { drainMs, maxTokenTtlMs, clockSkewMs } = drain('1s', skew);
      expect(drainMs - maxTokenTtlMs - clockSkewMs).toBeGreaterThanOrEqual(2 * (clockSkewMs + 2_000));
    }
  });
});

describe('a drain time in words', () => {
  it.each([
    ['3m 30s (20s tokens + 1m skew + 2m 10s slack)', drain('20s')],
    ['1d 6h 1m (1d tokens + 1m skew + 6h slack)', drain('24h')],
    ['16m 20s (20s tokens + 1m skew + 15m slack)', drain('20s', '60s', '15m')],
    ['7s (5s tokens + 1s skew + 1s slack)', drain('5s', '1s', '1s')],
  ])('is %s', (text, { ...parts }) => expect(drainText(parts)).toBe(text));

  it('is told without its parts where these are not known', () => {
    expect(drainTextOf(drain('20s'), ms('16m20s'))).toBe('16m 20s');
  });
});

it('a wait for it says when it is over, and does not say that tokens live as long', () => {
  const targets = services(DRAINING, { main: 3, admin: 2 });
  const { progress } = plan(facts(DRAINING, { targets, now: T0 + 60_000 }));
  const sum = '1h 16m (1h tokens + 1m skew + 15m slack)';
  expect(SETTINGS.drainMs).toBe(drain('1h').drainMs);
  expect(progress).toBe(
    `the old key leaves at 2026-01-01T01:16:00.000Z, ${sum} after the last pod that could sign with it was gone`,
  );
});
