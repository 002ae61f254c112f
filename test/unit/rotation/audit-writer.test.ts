import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../src/kube/errors.ts';
import { AuditWriter, auditNameOf } from '../../../src/rotation/audit-writer.ts';
import type { JwtKeyRotation } from '../../../src/rotation/names.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createLogger } from '../../../src/runtime/log.ts';
import { DONE, facts } from './builders.ts';

const absent = new KubeError({ code: 'NotFound', verb: 'get', resource: 'configmaps' });
const metadata = { name: 'jwt', namespace: 'shop', uid: '1' };
const resource = { apiVersion: '', kind: '', metadata, spec: {} } as unknown as JwtKeyRotation;

/** One that finds no log yet. */
function start(get: () => Promise<never>, onCreate: (object: unknown) => void): AuditWriter {
  return new AuditWriter({
    client: {
      get,
      create: async (_, object) => {
        onCreate(object);
        return object;
      },
      mergePatch: () => Promise.reject(new Error('there is nothing to patch')),
    },
    clock: systemClock,
    log: createLogger({ level: 'error', now: systemClock.now }),
    events: { event: () => undefined },
    fence: () => undefined,
  });
}

describe('the audit writer', () => {
  it('is waited for when the operator stops: nobody may lead while a write of ours is on its way', async () => {
    const asked = Promise.withResolvers<never>();
    const done: string[] = [];
    const audit = start(
      () => asked.promise,
      () => done.push('written'),
    );
    audit.observed(resource, facts(DONE));
    const idle = audit.idle().then(() => done.push('idle'));
    asked.reject(absent);
    await idle;
    expect(done).toEqual(['written', 'idle']);
  });

  it('records no key that somebody has pasted into a reason', async () => {
    const written: string[] = [];
    const audit = start(
      () => Promise.reject(absent),
      (object) => written.push(JSON.stringify(object)),
    );
    const key = 'ab'.repeat(32);
    const rotation = DONE.rotation && { ...DONE.rotation, reason: `leaked: ${key}` };
    audit.observed(resource, facts({ ...DONE, ...(rotation && { rotation }) }));
    await audit.idle();
    expect(written.join()).toContain('leaked: [redacted]');
    expect(written.join()).not.toContain(key);
  });

  it('names a ConfigMap as Kubernetes lets one be named, and no two alike', () => {
    expect(auditNameOf('shop-jwt')).toBe('shop-jwt-rekey');
    const long = `${'a'.repeat(246)}.`;
    const names = ['b', 'c', 'b.b'].map((end) => auditNameOf(`${long}${end}`));
    expect(new Set(names).size).toBe(3);
    for (const name of names) {
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      expect(name.length).toBeLessThanOrEqual(253);
    }
  });
});
