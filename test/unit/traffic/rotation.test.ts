import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startTraffic, type Traffic } from '../../support/traffic/traffic.ts';
import { Fleet, secretOf } from './fleet.ts';

const TTL_SECONDS = 4;
/** Old tokens live when a service has restarted, on a slow machine too. */
const LONG_TTL_SECONDS = 60;

/**
 * The table of protocol §1 with real processes: what the traffic must be able to tell apart. Old tokens live for four
 * seconds; every rotation below is done by hand. Signers restart first where a fault is to be seen: chance must not decide.
 */
describe.concurrent('Traffic during a rotation', { timeout: 600_000 }, () => {
  it('sees tokens rejected, old and brand-new ones, when the key is just replaced', async () => {
    await using fleet = new Fleet({ TOKEN_TTL_SECONDS: String(LONG_TTL_SECONDS) });
    await fleet.start(secretOf('a'));
    const traffic = trafficOf(fleet, LONG_TTL_SECONDS);
    await until(() => traffic.stats().issued >= 20);
    await fleet.restart(secretOf('b'), ['main']);
    await until(() => traffic.stats().rejectedYoung > 0);
    await fleet.restart(secretOf('b'), ['autoscraper', 'admin']);
    const seesOld = () => traffic.rejections().some(({ kid, ageMs }) => kid === 'k-a' && ageMs > 1000);
    await until(() => traffic.stats().rejected > 20 && seesOld());
    const report = await traffic.stop();

    expect(report.rejectedYoung).toBeGreaterThan(0);
    expect(new Set(report.rejections.map(({ error }) => error))).toEqual(new Set(['bad_signature']));
    expect(report.rejections).toHaveLength(report.rejected);
  });

  it('sees brand-new tokens rejected when current and previous key are exchanged in one step', async () => {
    await using fleet = new Fleet({ TOKEN_TTL_SECONDS: String(TTL_SECONDS) });
    await fleet.start(secretOf('a'));
    const traffic = trafficOf(fleet);
    await until(() => traffic.stats().issued >= 20);
    await fleet.restart(secretOf('ba'), ['main']);
    await until(() => traffic.stats().rejectedYoung > 0);
    await fleet.restart(secretOf('ba'), ['autoscraper', 'admin']);
    await traffic.drain();
    const report = await traffic.stop();

    expect(report.rejectedYoung).toBeGreaterThan(0);
    expect(new Set(report.rejections.map(({ kid }) => kid))).toEqual(new Set(['k-b']));
  });

  it('sees no token rejected when the key is staged, promoted, waited for and retired', async () => {
    await using fleet = new Fleet({ TOKEN_TTL_SECONDS: String(TTL_SECONDS) });
    await fleet.start(secretOf('a'));
    const traffic = trafficOf(fleet);
    await until(() => traffic.stats().issued >= 20);
    await fleet.restart(secretOf('ab'));
    await fleet.restart(secretOf('ba'), ['main']);
    await until(() => !traffic.outstanding().has('k-a'));
    await fleet.restart(secretOf('b'));
    const report = await traffic.stop();

    expect(report.rejections).toEqual([]);
    expect(report.issuedByKid).toMatchObject({ 'k-a': expect.any(Number), 'k-b': expect.any(Number) });
    expect(report.checks).toBe(report.accepted + report.unavailable + report.late);
    for (const { accepted, checks, unserved } of Object.values(report.byService)) {
      expect(accepted).toBeGreaterThan(0);
      // each token is sent to each service; on a busy machine some get no answer
      expect(checks + unserved).toBeGreaterThanOrEqual(report.issued);
    }
  });

  it('sees old tokens rejected when the old key is retired too early', async () => {
    // long enough that old tokens live when the last service has restarted, however slow the machine
    await using fleet = new Fleet({ TOKEN_TTL_SECONDS: String(LONG_TTL_SECONDS) });
    await fleet.start(secretOf('a'));
    const traffic = trafficOf(fleet, LONG_TTL_SECONDS);
    await until(() => traffic.stats().issued >= 20);
    await fleet.restart(secretOf('ab'));
    await fleet.restart(secretOf('ba'), ['main']);
    await fleet.restart(secretOf('b'));
    await until(() => traffic.stats().rejected > 0);
    const report = await traffic.stop();

    expect(report.rejected).toBeGreaterThan(0);
    expect(new Set(report.rejections.map(({ kid }) => kid))).toEqual(new Set(['k-a']));
  });

  it('sees a service that knows one key only, as soon as the second is promoted', async () => {
    await using fleet = new Fleet(
      { TOKEN_TTL_SECONDS: String(LONG_TTL_SECONDS), KEY_MODE: 'single' },
      { main: 1, admin: 1 },
    );
    await fleet.start(secretOf('a'));
    const traffic = trafficOf(fleet, LONG_TTL_SECONDS);
    await fleet.restart(secretOf('ab'));
    await until(() => traffic.stats().issued >= 20);
    expect(traffic.stats().rejected).toBe(0);
    await fleet.restart(secretOf('ba'));
    await until(() => (traffic.stats().byService.admin?.rejected ?? 0) > 0);
    const report = await traffic.stop();
    expect(report.byService.admin?.rejected).toBeGreaterThan(0);
  });
});

function trafficOf(fleet: Fleet, tokenTtlSeconds = TTL_SECONDS): Traffic {
  return startTraffic({
    endpoints: fleet.endpoints,
    tokensPerSecond: 8,
    tokenTtlSeconds,
    issuers: ['main'],
    recheckEveryMs: 1000,
  });
}

/** Polls; the test's own time-out is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}
