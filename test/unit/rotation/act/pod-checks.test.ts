/** What pods are asked for a person: beside the passes, once for each request, within bounds, and never in an emergency. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { KubeError } from '../../../../src/kube/errors.ts';
import { checkApps } from '../../../../src/rotation/act/check-apps.ts';
import { PodChecks } from '../../../../src/rotation/act/pod-checks.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { askConformance } from '../../../../src/rotation/conformance/ask.ts';
import type { ServiceKeys } from '../../../../src/rotation/conformance/tokens.ts';
import { isAppCheckOf } from '../../../../src/rotation/people/asking.ts';
import { appCheckOf } from '../../../../src/rotation/requests/requests.ts';
import { CanarySender } from '../../../../src/rotation/secret/canary-sender.ts';
import { newKey } from '../../../../src/rotation/secret/keys.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { createLogger } from '../../../../src/runtime/log.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';
import { facts, pod, STEADY, target } from '../builders.ts';

const log = createLogger({ level: 'error', now: () => 0 });
const ASK_APPS = 'rekey.dev/app-check-requested-at';
const ASK_CANARIES = 'rekey.dev/canary-check-requested-at';

function resource(annotations: Readonly<Record<string, string>>, name = 'keys'): JwtKeyRotation {
  return { metadata: { namespace: 'shop', name, annotations } } as unknown as JwtKeyRotation;
}

/** Checks that end when the test says so. */
function checks() {
  const clock = new FakeClock();
  const begun: { readonly signal?: AbortSignal; readonly end: (error?: Error) => void }[] = [];
  const told: string[] = [];
  const begin = (signal?: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly pods: [] }>();
    const end = (error?: Error) => (error === undefined ? resolve({ pods: [] }) : reject(error));
    begun.push({ end, ...(signal && { signal }) });
    return promise;
  };
  const podChecks = new PodChecks({
    actor: { checkCanaries: () => begin(), checkApps: (_, __, ___, signal) => begin(signal) },
    ...{ clock, log, now: () => 0, onAnswer: (key) => void told.push(key) },
  });
  const look = (annotations: Readonly<Record<string, string>>, name?: string) =>
    podChecks.observed(resource(annotations, name), facts(STEADY));
  const ended = async (i: number, error?: Error) => {
    begun[i]?.end(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, begun, told, look, ended, podChecks };
}

describe('a check', () => {
  it('is not waited for, made once for each request, and kept until the status has it', async () => {
    const { begun, told, look, ended } = checks();
    expect([look({ [ASK_APPS]: 'a' }), look({ [ASK_APPS]: 'a' })]).toEqual([{ checks: {} }, { checks: {} }]);
    expect([begun.length, told]).toEqual([1, []]);
    await ended(0);
    expect(told).toEqual(['shop/keys']);
    const answer = { appCheck: { requestedAt: 'a', checkedAt: '1970-01-01T00:00:00.000Z', pods: [] } };
    expect([look({ [ASK_APPS]: 'a' }), look({ [ASK_APPS]: 'a' })]).toEqual([{ checks: answer }, { checks: answer }]);
    expect(begun.length).toBe(1);
  });

  it('is made one at a time, and not oftener than each two seconds, however often the annotation changes', async () => {
    const { clock, begun, look, ended } = checks();
    look({ [ASK_APPS]: 'a', [ASK_CANARIES]: 'a' });
    for (let i = 0; i < 100; i += 1) look({ [ASK_APPS]: String(i) });
    expect(begun.length).toBe(1);
    await ended(0);
    expect(look({ [ASK_APPS]: 'b' })).toEqual({ checks: {}, againMs: 2_000 });
    await clock.advance(2_000);
    look({ [ASK_APPS]: 'b' });
    expect(begun.length).toBe(2);
  });

  it('of a fifth resource waits, and is begun with what is known then', async () => {
    const { begun, look, ended } = checks();
    for (const name of ['a', 'b', 'c', 'd']) look({ [ASK_APPS]: 'x' }, name);
    expect(look({ [ASK_APPS]: 'x' }, 'e')).toEqual({ checks: {}, againMs: 2_000 });
    await ended(0);
    look({ [ASK_APPS]: 'x' }, 'e');
    expect(begun.length).toBe(5);
  });

  it('is not begun in an emergency, and is cut off by one', async () => {
    const { begun, told, look, ended, podChecks } = checks();
    const emergency = { 'rekey.dev/emergency': 'n: leaked' };
    look({ [ASK_APPS]: 'a', ...emergency });
    expect(begun.length).toBe(0);
    look({ [ASK_APPS]: 'a' });
    look({ [ASK_APPS]: 'a', ...emergency });
    expect(begun[0]?.signal?.aborted).toBe(true);
    await ended(0);
    expect(told).toEqual([]);
    look({ [ASK_APPS]: 'b' }, 'other');
    podChecks.forgot('shop/other');
    expect(begun[1]?.signal?.aborted).toBe(true);
  });

  it('that fails is an answer, and is not repeated', async () => {
    const { begun, look, ended } = checks();
    look({ [ASK_APPS]: 'a' });
    await ended(0, new KubeError({ verb: 'get', resource: 'secrets', code: 'Forbidden', detail: 'no' }));
    const { appCheck } = look({ [ASK_APPS]: 'a' }).checks;
    expect(appCheck?.note).toMatch(/^nothing was sent: .*secrets/);
    look({ [ASK_CANARIES]: 'a' });
    expect(begun.length).toBe(1);
  });
});

describe('a request', () => {
  it('is recognized, also one that is too long to be kept as it is', () => {
    const name = `Deployment/${'x'.repeat(253)}`;
    const at = '2026-11-29T12:00:00.000Z';
    const request = appCheckOf(resource({ [ASK_APPS]: `${at} ${name}` }));
    expect(request?.target).toBe(name);
    expect(isAppCheckOf(request?.requestedAt, at, name)).toBe(true);
    expect(isAppCheckOf(request?.requestedAt, at, `${name.slice(0, -1)}b`)).toBe(false);
  });
});

const canary = canaryOf({ path: '/', port: 80 }, {});

function targetsWithPods(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const one = target(`t${i}`, ['Verifier'], { pods: [pod(`p${i}`)] });
    return { ...one, settings: { ...one.settings, canary } };
  });
}

describe('the targets', () => {
  const absent = new KubeError({ verb: 'get', resource: 'secrets', code: 'NotFound', detail: 'x' });
  const client = { get: () => Promise.reject(absent) } as unknown as KubeClient;
  const options = {
    client,
    sender: new CanarySender(systemClock),
    now: Date.now,
    signal: new AbortController().signal,
  };
  const noteOf = async (count: number, wanted?: string) =>
    (await checkApps(options, 'shop', facts(STEADY, { targets: targetsWithPods(count) }), wanted)).note;

  it('that are too many are named as not asked, and not called empty', async () => {
    const note = await noteOf(18);
    expect(note).toContain('more than 16 targets: Deployment/t16, Deployment/t17');
    expect(note).not.toContain('has no pod');
  });

  it('that are none make a short note, without what looks like a key', async () => {
    const key = 'deadbeef'.repeat(8);
    expect((await noteOf(1, 'x'.repeat(200_000)))?.length).toBeLessThan(500);
    expect(await noteOf(1, key)).not.toContain(key.slice(0, 16));
  });
});

describe('a service', () => {
  async function serve(status: number, headers: Readonly<Record<string, string>> = {}) {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(status, headers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sender = new CanarySender(systemClock);
    onTestFinished(async () => {
      await sender.close();
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const tokens = { algorithm: 'HS256', clockSkewMs: 0, claims: {} } as const;
    const ask = (keys: ServiceKeys, budgetMs: number, signal?: AbortSignal) =>
      askConformance({ url, form: canary, tokens }, keys, {
        ...{ sender, budgetMs, withoutExpiry: false, now: Date.now, ...(signal && { signal }) },
      });
    return { ask, asked: () => asked };
  }
  const keys = (fallbacks: number): ServiceKeys => ({
    signing: newKey(32),
    fallbacks: Array.from({ length: fallbacks }, () => newKey(32)),
  });

  it('that asks for patience gets no more than there is in all', async () => {
    const { ask } = await serve(429, { 'retry-after': '1' });
    const begun = performance.now();
    const rows = await ask(keys(0), 500);
    expect(rows.every(({ answer }) => answer === 'unknown')).toBe(true);
    expect(performance.now() - begun).toBeLessThan(4_000);
  });

  it('is asked about some fallbacks, and of the others nothing is known', async () => {
    const { ask, asked } = await serve(401);
    const rows = (await ask(keys(1_000), 60_000)).filter(({ name }) => name === 'fallback');
    expect(rows.filter(({ answer }) => answer === 'refused')).toHaveLength(16);
    expect(rows.at(-1)).toMatchObject({ answer: 'unknown', said: '984 more were not tried' });
    expect(asked()).toBeLessThan(60);
  });

  it('is not asked any more once that is cut off', async () => {
    const { ask, asked } = await serve(401);
    const rows = await ask(keys(1), 60_000, AbortSignal.abort());
    expect([asked(), rows.every(({ answer }) => answer === 'unknown')]).toEqual([0, true]);
  });
});
