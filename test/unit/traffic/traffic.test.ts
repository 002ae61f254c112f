import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { accepts } from '../../support/traffic/client.ts';
import { startTraffic, type Traffic, type TrafficOptions } from '../../support/traffic/traffic.ts';
import { type FakePod, fakePod } from './fake-service.ts';

const NOWHERE = 'http://127.0.0.1:1';

describe('startTraffic', () => {
  it('shows each new token to every ready pod of every service at once', async () => {
    await using main = await fakePod('main');
    await using admin0 = await fakePod('admin');
    await using admin1 = await fakePod('admin');
    const traffic = trafficOf([main, admin0, admin1], { recheckEveryMs: 60_000 });
    await until(() => traffic.stats().issued >= 5);
    const { issued, accepted, checks } = await traffic.stop();
    for (const pod of [main, admin0, admin1]) expect(pod.seen.size).toBe(issued);
    expect([accepted, checks]).toEqual([issued * 3, issued * 3]);
  });

  it('asks every service again and again', async () => {
    await using main = await fakePod('main');
    await using admin = await fakePod('admin');
    const traffic = trafficOf([main, admin], { recheckEveryMs: 50 });
    await until(() => [...admin.seen.values()].filter((times) => times.length >= 5).length >= 3);
    await traffic.stop();
    expect(admin.seen.size).toBe(main.seen.size);
  });

  it('asks a last time shortly before the token expires, and not after', async () => {
    await using main = await fakePod('main', 3);
    await using admin = await fakePod('admin', 3);
    const traffic = trafficOf([main, admin], { recheckEveryMs: 60_000 });
    await until(() => traffic.stats().issued >= 3);
    await traffic.drain();
    await traffic.stop();
    for (const [token, times] of [...admin.seen].slice(0, 3)) {
      const expiresAt = expOf(token) * 1000;
      expect(times).toHaveLength(2);
      // 1.3 s before exp: the margin, and time for the answer.
      expect(times[1]).toBeGreaterThanOrEqual(expiresAt - 1_310);
      expect(times[1]).toBeLessThan(expiresAt);
    }
  });

  it('counts a refusal by one pod of several, without asking another', async () => {
    await using main = await fakePod('main');
    await using admin = await fakePod('admin');
    admin.answer = 401;
    const traffic = trafficOf([main, admin]);
    await until(() => traffic.stats().rejected >= 3);
    const report = await traffic.stop();
    expect(report.byService.admin).toMatchObject({ accepted: 0, unavailable: 0, unserved: 0 });
    expect(report.rejections[0]).toMatchObject({
      kid: 'k-1',
      issuerPod: main.endpoint.pod,
      verifierPod: admin.endpoint.pod,
      status: 401,
      error: 'bad_signature',
    });
    expect(report.rejectedYoung).toBe(report.rejections.filter(({ ageMs }) => ageMs < 1000).length);
  });

  it('counts 403 as a refusal', async () => {
    await using main = await fakePod('main');
    main.answer = 403;
    const traffic = trafficOf([main]);
    await until(() => traffic.stats().rejected > 0);
    expect((await traffic.stop()).rejections[0]).toMatchObject({ status: 403 });
  });

  it.each([500, 503, 404, 302, 'hang up'] as const)('takes %s for no verdict and asks another pod', async (answer) => {
    await using main = await fakePod('main');
    await using bad = await fakePod('admin');
    await using good = await fakePod('admin');
    bad.answer = answer;
    const traffic = trafficOf([main, bad, good], { recheckEveryMs: 50 });
    await until(() => traffic.stats().unavailable >= 10);
    const report = await traffic.stop();
    expect(report).toMatchObject({ rejected: 0, unserved: 0 });
    expect(report.byService.admin?.accepted).toBeGreaterThanOrEqual(report.issued);
  });

  it('says so when no pod of a service gives a verdict', async () => {
    await using main = await fakePod('main');
    await using admin = await fakePod('admin');
    admin.endpoint = { ...admin.endpoint, url: NOWHERE };
    const traffic = trafficOf([main, admin]);
    await until(() => traffic.stats().unserved > 0);
    const report = await traffic.stop();
    expect(report).toMatchObject({ rejected: 0 });
    expect(report.byService.admin).toMatchObject({ accepted: 0 });
    expect(report.byService.main).toMatchObject({ unserved: 0, unavailable: 0 });
  });

  it('asks Terminating pods too, and lets them be gone', async () => {
    await using main = await fakePod('main');
    await using leaving = await fakePod('admin');
    await using gone = await fakePod('admin');
    await using staying = await fakePod('admin');
    leaving.answer = 401;
    leaving.endpoint = { ...leaving.endpoint, ready: false, terminating: true };
    gone.endpoint = { ...gone.endpoint, ready: false, terminating: true, url: NOWHERE };
    const traffic = trafficOf([main, leaving, gone, staying]);
    await until(() => traffic.stats().rejected >= 3);
    const report = await traffic.stop();
    expect(report).toMatchObject({ unavailable: 0, unserved: 0 });
    expect(new Set(report.rejections.map(({ verifierPod }) => verifierPod))).toEqual(new Set([leaving.endpoint.pod]));
    expect(report.rejections.every(({ terminating }) => terminating)).toBe(true);
  });

  it('leaves pods alone that are neither ready nor terminating', async () => {
    await using main = await fakePod('main');
    await using starting = await fakePod('admin');
    starting.endpoint = { ...starting.endpoint, ready: false };
    const traffic = trafficOf([main, starting]);
    await until(() => traffic.stats().accepted >= 5);
    await traffic.stop();
    expect(starting.seen.size).toBe(0);
  });

  it('goes to the next issuer when one gives no token', async () => {
    await using broken = await fakePod('main');
    await using main = await fakePod('main');
    broken.endpoint = { ...broken.endpoint, url: NOWHERE };
    const traffic = trafficOf([broken, main]);
    await until(() => traffic.stats().issued >= 6);
    const report = await traffic.stop();
    expect(report.issueFailures).toBeGreaterThan(0);
  });

  it('knows the outstanding tokens by kid, and that none is left after a drain', async () => {
    await using main = await fakePod('main', 2);
    const pods = [main.endpoint];
    const traffic = trafficOf([main], { endpoints: () => pods });
    await until(() => traffic.stats().issued >= 5);
    expect(traffic.outstanding().get('k-1')).toBeGreaterThanOrEqual(5);
    pods.pop(); // no issuer, no new tokens
    await traffic.drain();
    expect(traffic.outstanding()).toEqual(new Map());
    await traffic.stop();
  });

  it('ends a drain when it is stopped, and gives the same report twice', async () => {
    await using main = await fakePod('main');
    const traffic = trafficOf([main]);
    await until(() => traffic.stats().issued > 0);
    const drained = traffic.drain();
    await until(() => traffic.stats().issued >= 5); // by now the drain waits for the tokens, which live for 30 s
    const report = await traffic.stop();
    await drained;
    await traffic.drain();
    expect(await traffic.stop()).toBe(report);
    expect(report.finishedAt.getTime()).toBeGreaterThan(report.startedAt.getTime());
  });

  it('asks nobody any more once it has stopped', async () => {
    await using main = await fakePod('main');
    const traffic = trafficOf([main], { recheckEveryMs: 20 });
    await until(() => traffic.stats().issued >= 3);
    const { checks } = await traffic.stop();
    await sleep(100); // five times the recheck: the absence of requests has no state to wait for
    const shown = [...main.seen.values()].reduce((sum, times) => sum + times.length, 0);
    expect([shown, traffic.stats().checks]).toEqual([checks, checks]);
  });
});

describe('accepts', () => {
  const cases = [
    { answer: 200, verdict: 'accepted' },
    { answer: 401, verdict: 'refused' },
    { answer: 403, verdict: 'refused' },
    { answer: 503, verdict: 'unknown' },
    { answer: 302, verdict: 'unknown' },
    { answer: 'hang up', verdict: 'unknown' },
  ] as const;
  it.each(cases)('takes $answer for $verdict', async ({ answer, verdict }) => {
    await using pod = await fakePod('admin');
    pod.answer = answer;
    expect(await accepts(pod.endpoint.url, 'a.b.c')).toBe(verdict);
  });

  it('takes a pod that is gone for unknown', async () => {
    expect(await accepts(NOWHERE, 'a.b.c')).toBe('unknown');
  });
});

function trafficOf(pods: readonly FakePod[], options: Partial<TrafficOptions> = {}): Traffic {
  return startTraffic({
    endpoints: () => pods.map(({ endpoint }) => endpoint),
    tokensPerSecond: 50,
    tokenTtlSeconds: 30,
    issuers: ['main'],
    recheckEveryMs: 200,
    ...options,
  });
}

function expOf(token: string): number {
  const { exp }: { exp: number } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return exp;
}

/** Polls; the test's own time-out is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
