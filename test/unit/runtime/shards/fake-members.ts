/** The list of members and the Leases of the shards, with the rules of the API server: each replica has a client. */
import { KubeError, type KubeErrorCode } from '../../../../src/kube/errors.ts';
import type { Lease } from '../../../../src/kube/types.ts';
import type { MembersOptions } from '../../../../src/runtime/shards/members.ts';
import type { ShardsOptions } from '../../../../src/runtime/shards/shards.ts';
import type { FakeClock } from '../fake-clock.ts';
import { FakeLeases } from '../fake-leases.ts';

type Client = ShardsOptions['client'] & MembersOptions['client'];

interface Patch {
  readonly metadata: { readonly annotations: Readonly<Record<string, string | null>> };
}

/** A Lease by name. A replica that is cut off reaches none. */
export class FakeCluster {
  readonly #clock: FakeClock;
  readonly #leases = new Map<string, FakeLeases>();
  readonly cutOff = new Set<string>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  leases(name: string): FakeLeases {
    const known = this.#leases.get(name) ?? new FakeLeases(this.#clock);
    this.#leases.set(name, known);
    return known;
  }

  lease(name: string): Lease | undefined {
    return this.#leases.get(name)?.lease;
  }

  /** Who holds each shard that was ever held. */
  holders(): Readonly<Record<string, string>> {
    const shards = [...this.#leases].filter(([name, { lease }]) => name.startsWith('shard-') && lease !== undefined);
    return Object.fromEntries(shards.map(([name, { lease }]) => [name, lease?.spec?.holderIdentity ?? '']).sort());
  }

  client(by: string): Client {
    const of = (name: string) => this.leases(name).client(by);
    const reach = () => {
      if (this.cutOff.has(by)) throw failed('Unreachable');
    };
    return {
      get: async (type: unknown, key: { readonly name: string }, options: unknown) => {
        reach();
        return of(key.name).get(type as never, key as never, options as never);
      },
      create: async (type: unknown, object: Lease, options: unknown) => {
        reach();
        return of(object.metadata.name).create(type as never, object as never, options as never);
      },
      replace: async (type: unknown, object: Lease, options: unknown) => {
        reach();
        return of(object.metadata.name).replace(type as never, object as never, options as never);
      },
      watch: (type: unknown, options: { readonly fieldSelector?: string }) => {
        const name = options.fieldSelector?.split('=')[1] ?? '';
        return of(name).watch(type as never, options as never);
      },
      mergePatch: async (_: unknown, { name }: { readonly name: string }, { metadata }: Patch) => {
        reach();
        const lease = this.lease(name);
        if (lease === undefined) throw failed('NotFound');
        const annotations = { ...lease.metadata.annotations, ...metadata.annotations };
        const kept = Object.entries(annotations).filter(([, value]) => value !== null);
        const changed = { ...lease.metadata, annotations: Object.fromEntries(kept) as Record<string, string> };
        return this.leases(name).write(by, { ...lease, metadata: changed });
      },
    } as unknown as Client;
  }
}

function failed(code: KubeErrorCode): KubeError {
  return new KubeError({ code, verb: 'test', resource: 'leases' });
}
