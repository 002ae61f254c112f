/** A status that cannot be written holds up nothing: it is tried again in growing pauses, and at once when people change something. */
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { KubeError, type KubeErrorOptions } from '../../../../src/kube/errors.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../../src/rotation/api/types.ts';
import { StatusWriter } from '../../../../src/rotation/report/status-writer.ts';
import type { Store } from '../../../../src/runtime/store.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';

const resource = (generation = 1): JwtKeyRotation => {
  return { metadata: { namespace: 'shop', name: 'r', generation, resourceVersion: '1' } } as unknown as JwtKeyRotation;
};
const error = (edit: Partial<KubeErrorOptions>) =>
  new KubeError({ verb: 'patch', resource: 'jwtkeyrotations/status', code: 'Forbidden', ...edit });
const REFUSED = error({ refusal: { cause: 'Admission', by: 'p' } });
const STATUS = { phase: 'Steady' } as const;
const AT = Date.UTC(2026, 0, 1);

const pauseMs = () => 600_000;

function writer(failure: unknown, fence: () => void = () => undefined) {
  const clock = new FakeClock();
  let tries = 0;
  const mergePatch = async () => {
    tries += 1;
    throw await Promise.resolve(failure).catch((error: unknown) => error);
  };
  const client = { mergePatch } as unknown as KubeClient;
  const resources = { upsert: () => undefined } as unknown as Store<JwtKeyRotation>;
  return { clock, status: new StatusWriter({ client, clock, resources, fence, pauseMs }), tries: () => tries };
}

it('is not written a second time while the API server has not answered', async () => {
  const asked = Promise.withResolvers<never>();
  const { status, tries } = writer(asked.promise);
  const first = status.write(resource(), STATUS, AT);
  expect(await status.write(resource(), STATUS, AT)).toEqual({ againMs: 1_000 });
  asked.reject(REFUSED);
  expect((await first).failure).toBe(REFUSED);
  expect(tries()).toBe(1);
  await status.write(resource(2), STATUS, AT);
  expect(tries()).toBe(2);
});

describe('a status that cannot be written', () => {
  it('throws nothing, says why, and is tried in growing pauses however often it is called', async () => {
    const { clock, status, tries } = writer(REFUSED);
    for (let second = 0; second < 600; second += 1) {
      for (let i = 0; i < 3; i += 1) expect((await status.write(resource(), STATUS, AT)).failure).toBe(REFUSED);
      await clock.advance(1_000);
    }
    // 0, 1, 3, 7, …, 511 s
    expect(tries()).toBe(10);
  });

  it('is tried at once when people change what they want', async () => {
    const { status, tries } = writer(REFUSED);
    for (const generation of [1, 1, 2, 2]) await status.write(resource(generation), STATUS, AT);
    expect(tries()).toBe(2);
  });

  it('is not told while it may pass in a moment', async () => {
    const { clock, status } = writer(error({ code: 'ServerError' }));
    const failures: boolean[] = [];
    for (let i = 0; i < 3; i += 1) {
      failures.push((await status.write(resource(), STATUS, AT)).failure !== undefined);
      await clock.advance(60_000);
    }
    expect(failures).toEqual([false, false, true]);
  });

  it('because of somebody who is faster is tried in growing pauses, and not told', async () => {
    const { clock, status, tries } = writer(error({ code: 'Conflict' }));
    for (let i = 0; i < 1_000; i += 1) {
      expect((await status.write(resource(), STATUS, AT)).failure).toBeUndefined();
      await clock.advance(100);
    }
    expect(tries()).toBeLessThanOrEqual(14);
  });

  it('because this process may not write now is an error', async () => {
    const { status } = writer(REFUSED, () => {
      throw new Error('no leader');
    });
    await expect(status.write(resource(), STATUS, AT)).rejects.toThrow('no leader');
  });
});

describe('that somebody looks', () => {
  const HOUR = 3_600_000;
  const written = async (status: JwtKeyRotationStatus, at: number) => {
    const patches: { readonly status: JwtKeyRotationStatus }[] = [];
    const mergePatch = async (_type: unknown, _key: unknown, patch: { readonly status: JwtKeyRotationStatus }) => {
      patches.push(patch);
      return resource();
    };
    const client = { mergePatch } as unknown as KubeClient;
    const resources = { upsert: () => undefined } as unknown as Store<JwtKeyRotation>;
    const options = {
      client,
      clock: new FakeClock(),
      resources,
      fence: () => undefined,
      leaseOf: () => 'rekey-system/rekey',
      pauseMs,
    };
    const { againMs } = await new StatusWriter(options).write({ ...resource(), status } as JwtKeyRotation, STATUS, at);
    return againMs === undefined ? patches.map((patch) => patch.status.operator) : againMs;
  };
  const looked = (at: number, lease = 'rekey-system/rekey') => {
    return { ...STATUS, operator: { lease, lastLookTime: new Date(at).toISOString() } };
  };

  it('is told with each status, and once an hour where nothing changes', async () => {
    const now = { lease: 'rekey-system/rekey', lastLookTime: new Date(AT + HOUR).toISOString() };
    expect(await written({ phase: 'Pending' }, AT + HOUR)).toEqual([now]);
    expect(await written(looked(AT), AT + 50 * 60_000 - 1)).toEqual([]);
    expect(await written(looked(AT), AT + HOUR)).toEqual([now]);
  });

  it('is told by another operator too, but not so often that two of them write all the time', async () => {
    expect(await written(looked(AT, 'elsewhere/rekey'), AT + 59_999)).toBe(60_000);
    expect(await written(looked(AT, 'elsewhere/rekey'), AT + 60_000)).toHaveLength(1);
  });

  it('is told where the time is one to come', async () => {
    expect(await written(looked(AT + 2 * HOUR), AT)).toHaveLength(1);
  });
});

it('is behind if people are told of another phase or keyset for half a minute', async () => {
  const clock = new FakeClock();
  const client = { mergePatch: async () => resource() } as unknown as KubeClient;
  const resources = { upsert: () => undefined } as unknown as Store<JwtKeyRotation>;
  const writer = new StatusWriter({ client, clock, resources, fence: () => undefined, pauseMs });
  const told = (status: JwtKeyRotationStatus) => ({ ...resource(), status }) as JwtKeyRotation;
  const steady = { phase: 'Steady', keysetVersion: 1 } as const;
  const staging = { phase: 'Staging', keysetVersion: 2 } as const;
  // before the first status there is nothing wrong to be seen; another process may have written the last one long ago
  expect([writer.isBehind(resource(), staging), writer.isBehind(told(steady), staging)]).toEqual([false, true]);
  await writer.write(told(steady), { ...steady, currentKeyId: 'k-1' }, AT);
  const looks: boolean[] = [];
  for (const now of [steady, staging, { ...steady, keysetVersion: 5 }]) looks.push(writer.isBehind(told(steady), now));
  await clock.advance(30_000);
  for (const now of [steady, staging, { ...steady, keysetVersion: 5 }]) looks.push(writer.isBehind(told(steady), now));
  expect(looks).toEqual([false, false, false, false, true, true]);
});

it('is written in bounds while another installation writes something else all the time', async () => {
  const clock = new FakeClock();
  let writes = 0;
  const mergePatch = async () => {
    writes += 1;
    return { metadata: { resourceVersion: String(writes) } };
  };
  const client = { mergePatch } as unknown as KubeClient;
  const resources = { upsert: () => undefined } as unknown as Store<JwtKeyRotation>;
  const status = new StatusWriter({ client, clock, resources, fence: () => undefined, pauseMs });
  const theirs = { ...resource(), status: { phase: 'Degraded' } } as JwtKeyRotation;
  for (let pass = 0; pass < 6_000; pass += 1) {
    const { againMs = 0 } = await status.write(theirs, STATUS, AT);
    expect(againMs).toBeLessThanOrEqual(1_000);
    await clock.advance(10);
  }
  // thirty at once, and then one a second
  expect(writes).toBeGreaterThan(60);
  expect(writes).toBeLessThanOrEqual(91);
});
