import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { ConfigMap } from '../../../../src/kube/types.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { AuditWriter } from '../../../../src/rotation/audit/audit-writer.ts';
import { AUDIT_KEY, LEDGER_KEY, ledgerConfigMapName } from '../../../../src/rotation/audit/ledger-config-map.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { decodeLedger } from '../../../../src/rotation/keyset/ledger.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { type Clock, systemClock } from '../../../../src/runtime/clock.ts';
import { createLogger } from '../../../../src/runtime/log.ts';
import { DONE, facts, keysetAfter, STAGING, STEADY, T0, WRITES } from '../builders.ts';

const failed = (code: 'NotFound' | 'Forbidden' | 'Conflict' | 'ServerError') =>
  new KubeError({ code, verb: 'get', resource: 'configmaps' });
const metadata = { name: 'jwt', namespace: 'shop', uid: '1' };
const resource = { apiVersion: '', kind: '', metadata, spec: { secretName: 'jwt' } } as unknown as JwtKeyRotation;
const emergency = { id: 'r2', trigger: 'Emergency', actor: 'bob', reason: 'leak', drainMs: 0 } as const;
const ours = { labels: { 'app.kubernetes.io/managed-by': 'rekey' }, resourceVersion: '1' };

/** A ConfigMap that is there or not, whose next calls fail as told. */
class Shelf {
  readonly notes: string[] = [];
  readonly failures: Error[] = [];
  readonly retries: number[] = [];
  time = 0;
  map: ConfigMap | undefined;
  writes = 0;
  readonly writer: AuditWriter;

  constructor(map?: object) {
    this.map = map as ConfigMap | undefined;
    const clock: Clock = { ...systemClock, monotonic: () => this.time };
    this.writer = new AuditWriter({
      client: {
        get: async () => {
          const failure = this.failures.shift() ?? (this.map === undefined ? failed('NotFound') : undefined);
          if (failure !== undefined) throw failure;
          return this.map as never;
        },
        create: async (_, object) => this.#put(object as never),
        mergePatch: async (_, __, body) => {
          const { metadata: sent, data } = body as unknown as ConfigMap;
          if (sent.resourceVersion !== this.map?.metadata.resourceVersion) throw failed('Conflict');
          return this.#put({ metadata: sent, data: { ...this.map?.data, ...data } } as never);
        },
      },
      clock,
      log: createLogger({ level: 'error', now: systemClock.now }),
      events: { event: (_, { reason }) => void this.notes.push(reason) },
      fence: () => undefined,
      onRetry: (_, afterMs) => void this.retries.push(afterMs),
    });
  }

  #put(map: ConfigMap): never {
    this.writes += 1;
    this.map = { ...map, metadata: { ...map.metadata, resourceVersion: String(this.writes + 1) } };
    return this.map as never;
  }

  get records(): readonly { readonly [field: string]: unknown }[] {
    const lines = (this.map?.data?.[AUDIT_KEY] ?? '').split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line));
  }

  get ledger() {
    return decodeLedger(this.map?.data?.[LEDGER_KEY] ?? '');
  }

  observed(keyset: Keyset): void {
    const seen = facts(keyset);
    this.writer.observed(resource, seen, plan(seen).assessment);
  }

  async observe(...keysets: readonly Keyset[]): Promise<void> {
    for (const keyset of keysets) this.observed(keyset);
    await this.writer.idle();
  }
}

describe('the audit writer', () => {
  it('keeps the ledger and the log in one ConfigMap, and writes nothing twice', async () => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    expect([shelf.ledger.version, shelf.records.length]).toEqual([STEADY.version, 0]);
    await shelf.observe(DONE, DONE);
    expect(shelf.records).toMatchObject([{ outcome: 'Completed', from: { kid: 'A', fp: 'fp-A' }, to: { kid: 'B' } }]);
    expect(shelf.ledger.version).toBe(DONE.version);
    const { writes } = shelf;
    await shelf.observe(DONE);
    expect(shelf.writes).toBe(writes);
  });

  it('remembers when keys of somebody else stood in the Secret, and writes that once', async () => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    const foreign = { dataKeys: ['KEYS'], fingerprints: ['fp-X'] };
    const finding = { reason: 'ForeignWriter', message: '' } as const;
    const seen = facts(STEADY, { secret: { kind: 'Refused', finding, keyset: STEADY, foreign } });
    for (let pass = 0; pass < 3; pass += 1) {
      shelf.writer.observed(resource, seen, plan(seen).assessment);
      await shelf.writer.idle();
    }
    const { now } = facts(STEADY);
    const time = { ...foreign, since: now, version: STEADY.version };
    expect([shelf.ledger.foreign, shelf.writes]).toEqual([[time], 2]);
    shelf.time = 10_000;
    await shelf.observe(STEADY, STEADY);
    expect([shelf.ledger.foreign, shelf.writes]).toEqual([[{ ...time, until: now + 1_000 }], 3]);
  });

  it('notes when the Secret was somebody else’s at most every ten seconds, however often that changes', async () => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    const finding = { reason: 'ForeignWriter', message: '' } as const;
    const foreign = { dataKeys: ['KEYS'], fingerprints: ['fp-X'] };
    for (let i = 0; i < 120; i += 1) {
      shelf.time = i * 500;
      const now = T0 + 60_000 + i * 500;
      const secret = i % 2 === 0 ? ({ kind: 'Refused', finding, keyset: STEADY, foreign } as const) : undefined;
      const seen = facts(STEADY, { now, ...(secret && { secret }) });
      shelf.writer.observed(resource, seen, plan(seen).assessment);
      await shelf.writer.idle();
    }
    expect(shelf.writes).toBe(1 + 6);
    // whoever comes later still learns that it was so all the time
    shelf.time = 60_000;
    const later = facts(STEADY, { now: T0 + 120_000 });
    shelf.writer.observed(resource, later, plan(later).assessment);
    await shelf.writer.idle();
    expect(shelf.ledger.foreign.at(-1)?.until).toBeGreaterThan(T0 + 60_000 + 117 * 500);
    expect(shelf.ledger.foreign.length).toBeLessThanOrEqual(8);
    expect(Math.max(...shelf.retries)).toBe(9_500);
  });

  it('asks to be called again when the API server fails, is not before that, and tells once', async () => {
    const shelf = new Shelf();
    shelf.failures.push(failed('ServerError'), failed('ServerError'));
    for (const time of [0, 1, 10_000, 29_999, 30_000]) {
      shelf.time = time;
      await shelf.observe(DONE);
    }
    expect([shelf.retries, shelf.notes, shelf.records.length]).toEqual([[10_000, 20_000], ['AuditFailed'], 1]);
  });

  it('forgets what it saw when a whole cluster was restored, the ConfigMap with it', async () => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    const { map } = shelf;
    await shelf.observe(DONE);
    shelf.map = map;
    expect((await shelf.writer.ledgerOf(resource, false)).ledger.version).toBe(DONE.version);
    expect((await shelf.writer.ledgerOf(resource, false, true)).ledger.version).toBe(STEADY.version);
    const { writes } = shelf;
    await shelf.observe(STEADY);
    expect(shelf.writes).toBe(writes);
  });

  it.each([
    ['a record is due', DONE],
    ['only the ledger has changed, so that it is not read first', STAGING],
  ])('loses nothing that another operator has written meanwhile, where %s', async (_, keyset) => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    const other = { version: 77, keys: [{ kid: 'X', fp: 'f', state: 'burnt', at: '2026-01-01T00:00:00Z' }] };
    const data = { ...shelf.map?.data, [LEDGER_KEY]: JSON.stringify({ ...other, emergencies: ['n'] }) };
    shelf.map = { metadata: { ...ours, resourceVersion: '9' }, data } as never;
    await shelf.observe(keyset);
    expect(shelf.ledger).toMatchObject({ version: 77, emergencies: ['n'] });
    expect(shelf.ledger.keys.map(({ kid }) => kid)).toContain('X');
    expect(shelf.notes).toEqual([]);
  });

  it('does not touch a ConfigMap that is somebody else’s, and goes on without', async () => {
    const map = { metadata: { resourceVersion: '1' }, data: { 'audit.jsonl': 'theirs' } };
    const shelf = new Shelf(map);
    expect(await shelf.writer.ledgerOf(resource, false)).toMatchObject({ ledger: { version: 0 } });
    shelf.observed(DONE);
    await shelf.writer.idle();
    expect([shelf.map, shelf.notes]).toEqual([map, ['AuditFailed']]);
  });

  it('reads the ledger once, and asks again while it cannot be read', async () => {
    const shelf = new Shelf();
    await shelf.observe(STEADY);
    const text = shelf.map?.data?.[LEDGER_KEY] ?? '';
    const later = new Shelf({ metadata: ours, data: { [LEDGER_KEY]: text } });
    expect((await later.writer.ledgerOf(resource, false)).ledger.version).toBe(STEADY.version);
    const broken = new Shelf({ metadata: ours, data: { [LEDGER_KEY]: `${text}x` } });
    expect((await broken.writer.ledgerOf(resource, false)).finding?.reason).toBe('LedgerUnreadable');
    broken.observed(DONE);
    await broken.writer.idle();
    expect(broken.map?.data?.[LEDGER_KEY]).toBe(`${text}x`);
    expect(broken.records).toHaveLength(1);
  });

  it.each([
    ['another resource of the same name', { ...resource, metadata: { ...metadata, uid: '2' } }],
    ['another Secret', { ...resource, spec: { secretName: 'jwt-2' } } as JwtKeyRotation],
  ])('says of %s nothing that it saw of the one before', async (_, successor) => {
    const shelf = new Shelf();
    await shelf.observe(DONE);
    shelf.map = undefined;
    expect((await shelf.writer.ledgerOf(resource, false)).ledger.version).toBe(DONE.version);
    expect((await shelf.writer.ledgerOf(successor, false)).ledger.version).toBe(0);
    const seen = facts(STEADY);
    shelf.writer.observed(successor, seen, plan(seen).assessment);
    await shelf.writer.idle();
    expect([shelf.ledger.version, shelf.records]).toEqual([STEADY.version, []]);
  });

  it('holds no emergency up: not when the API server fails, not when it may not read', async () => {
    const shelf = new Shelf();
    shelf.failures.push(failed('ServerError'), failed('ServerError'), failed('Forbidden'));
    expect((await shelf.writer.ledgerOf(resource, true)).ledger.version).toBe(0);
    const again = new Shelf();
    again.failures.push(failed('ServerError'), failed('Forbidden'));
    await expect(again.writer.ledgerOf(resource, false)).rejects.toThrow();
    expect((await again.writer.ledgerOf(resource, false)).ledger.version).toBe(0);
    expect(again.notes).toEqual(['AuditFailed']);
  });

  it('records the rotation that an emergency cut off, and then the emergency', async () => {
    const burn = { transition: 'burn', nonce: 'n', rotation: emergency, version: 0 } as const;
    const over = { transition: 'extinguish', acked: { Signer: 3, Verifier: 3 } } as const;
    const shelf = new Shelf();
    await shelf.observe(keysetAfter([WRITES.adopt, WRITES.stage, burn]));
    expect(shelf.records).toMatchObject([{ rotationId: 'r1', outcome: 'Interrupted', from: { fp: 'fp-A' } }]);
    await shelf.observe(keysetAfter([WRITES.adopt, WRITES.stage, burn, over]));
    expect(shelf.records.map(({ rotationId, outcome }) => [rotationId, outcome])).toEqual([
      ['r1', 'Interrupted'],
      ['r2', 'Completed'],
    ]);
  });

  it('tells when each target was stamped and when its last pod had answered', async () => {
    const shelf = new Shelf();
    await shelf.observe(DONE);
    expect(shelf.records).toMatchObject([{ targets: [{ name: 'main', ackedAt: new Date(T0).toISOString() }, {}, {}] }]);
  });

  it('is waited for when the operator stops: nobody may lead while a write of ours is on its way', async () => {
    const shelf = new Shelf();
    shelf.observed(DONE);
    await shelf.writer.idle();
    expect(shelf.records).toHaveLength(1);
  });

  it('lets nobody wait for writes in other namespaces than are meant', async () => {
    const shelf = new Shelf();
    const { namespace = '' } = resource.metadata;
    shelf.observed(DONE);
    await shelf.writer.idle((name) => name !== namespace);
    expect(shelf.writes).toBe(0);
    await shelf.writer.idle((name) => name === namespace);
    expect(shelf.records).toHaveLength(1);
  });

  it('records no key that somebody has pasted into a reason', async () => {
    const shelf = new Shelf();
    const key = 'ab'.repeat(32);
    const rotation = DONE.rotation && { ...DONE.rotation, reason: `leaked: ${key}` };
    await shelf.observe({ ...DONE, ...(rotation && { rotation }) });
    expect(shelf.records).toMatchObject([{ reason: 'leaked: [redacted]' }]);
    expect(JSON.stringify(shelf.map)).not.toContain(key);
  });

  it('names a ConfigMap as Kubernetes lets one be named, and no two alike', () => {
    expect(ledgerConfigMapName('shop-jwt')).toBe('shop-jwt-rekey');
    const long = `${'a'.repeat(246)}.`;
    const names = ['b', 'c', 'b.b'].map((end) => ledgerConfigMapName(`${long}${end}`));
    expect(new Set(names).size).toBe(3);
    for (const name of names) {
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      expect(name.length).toBeLessThanOrEqual(253);
    }
  });
});

it('writes eight ConfigMaps at once, in all, and namespaces take turns', async () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const writer = new AuditWriter({
    client: {
      get: async () => {
        throw failed('NotFound');
      },
      create: async (_, { metadata: { namespace = '' } }) => {
        begun.push(namespace);
        await new Promise<void>((resolve) => ends.push(resolve));
        return { metadata: {} } as never;
      },
      mergePatch: async () => ({ metadata: {} }) as never,
    },
    clock: systemClock,
    log: createLogger({ level: 'error', now: systemClock.now }),
    events: { event: () => undefined },
    fence: () => undefined,
    onRetry: () => undefined,
  });
  const observe = (namespace: string, i: number) => {
    const known = { ...resource, metadata: { ...metadata, namespace, name: `jwt-${i}`, uid: `${namespace}-${i}` } };
    const observed = facts(STAGING);
    writer.observed(known as JwtKeyRotation, observed, plan(observed).assessment);
  };
  for (let i = 0; i < 20; i += 1) observe('slow', i);
  observe('other', 0);
  await expect.poll(() => begun.length).toBe(8);
  for (const end of ends.splice(0)) end();
  await expect.poll(() => begun.length).toBe(16);
  expect(begun.slice(0, 10)).toContain('other');
  for (const end of ends.splice(0)) end();
  await expect.poll(() => ends.length).toBe(5);
  for (const end of ends.splice(0)) end();
  await writer.idle();
});
