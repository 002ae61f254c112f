import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { KubeObject, Lease } from '../../../src/kube/types.ts';
import type { WatchEvent } from '../../../src/kube/watch.ts';
import type { LeaderElectorOptions } from '../../../src/runtime/lease.ts';
import type { FakeClock } from './fake-clock.ts';

type Client = LeaderElectorOptions['client'];
type Trouble = 'hang' | 'lost answer' | 'slow answer' | 'refuse';

/** One Lease with the API server's rules: a write with an old resourceVersion is a Conflict, and numbers have 32 bits. */
export class FakeLeases {
  lease: Lease | undefined;
  /** Every write that took effect. */
  readonly writes: { readonly by: string; readonly holder: string }[] = [];
  readonly #clock: FakeClock;
  #version = 100;
  readonly #watchers = new Set<(event: WatchEvent<Lease>) => void>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** The client of one replica; `trouble` may be set at any time. */
  client(by: string): Client & { trouble: Trouble | undefined; watchable: boolean; calls: number } {
    const self = this;
    const client = {
      trouble: undefined as Trouble | undefined,
      watchable: true,
      calls: 0,
      async get(_type: unknown, _key: unknown, options: Limit = {}) {
        await client.pass(options);
        if (self.lease === undefined) throw failed('NotFound');
        return self.lease;
      },
      async create(_type: unknown, object: Lease, options: Limit = {}) {
        await client.pass(options);
        if (self.lease !== undefined) throw failed('AlreadyExists');
        return client.answer(self.write(by, object), options);
      },
      async replace(_type: unknown, object: Lease, options: Limit = {}) {
        await client.pass(options);
        if (self.lease === undefined) throw failed('NotFound');
        if (self.lease.metadata.resourceVersion !== object.metadata.resourceVersion) throw failed('Conflict');
        if ((object.spec?.leaseTransitions ?? 0) > 2_147_483_647) throw failed('Invalid');
        return client.answer(self.write(by, object), options);
      },
      async *watch(_type: unknown, { signal }: { readonly signal?: AbortSignal }) {
        if (!client.watchable) throw failed('Forbidden');
        const events: WatchEvent<Lease>[] = [];
        let wake = () => {};
        const watcher = (event: WatchEvent<Lease>) => {
          events.push(event);
          wake();
        };
        self.#watchers.add(watcher);
        signal?.addEventListener('abort', () => wake());
        while (signal?.aborted !== true) {
          const event = events.shift();
          if (event !== undefined) yield event;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
        self.#watchers.delete(watcher);
      },
      /** The way to the server. */
      async pass({ timeoutMs = 10_000, signal }: Limit) {
        client.calls += 1;
        if (client.trouble === 'refuse') throw failed('Unreachable');
        if (client.trouble === 'hang') {
          await self.#clock.sleep(timeoutMs, signal);
          throw failed('Timeout');
        }
      },
      /** The way back. */
      async answer(lease: Lease, { timeoutMs = 10_000, signal }: Limit) {
        if (client.trouble === 'slow answer') await self.#clock.sleep(4_000, signal);
        if (client.trouble !== 'lost answer') return lease;
        await self.#clock.sleep(timeoutMs, signal);
        throw failed('Timeout');
      },
    };
    return client as unknown as Client & typeof client;
  }

  write(by: string, object: Lease): Lease {
    this.#version += 1;
    const type = this.lease === undefined ? 'ADDED' : 'MODIFIED';
    this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.writes.push({ by, holder: this.lease.spec?.holderIdentity ?? '' });
    for (const tell of this.#watchers) tell({ type, object: this.lease });
    return this.lease;
  }

  delete(): void {
    const object = this.lease as KubeObject;
    this.lease = undefined;
    for (const tell of this.#watchers) tell({ type: 'DELETED', object });
  }
}

interface Limit {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function failed(code: KubeErrorCode): KubeError {
  return new KubeError({ code, verb: 'test', resource: 'leases' });
}
