/**
 * The list of members: a Lease whose annotations are one line for each replica. A replica writes its own line every few
 * seconds, and the answer is the list. Lines do not conflict, since each is patched for itself.
 *
 * A member lives while its line changes between two looks of ours; no clock of anybody else is asked. A look that fails
 * is none: while the API server is silent, nobody is taken for dead.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { LEASES, type Lease } from '../../kube/types.ts';
import type { Clock } from '../clock.ts';
import { annotationOf, entriesOf, lineOf, type Member, memberId, parseMember } from './member.ts';

export interface MembersOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>;
  readonly clock: Clock;
  readonly namespace: string;
  /** Of the Lease with the list. */
  readonly name: string;
  /** Of the Lease by which a replica without shards leads. */
  readonly unsharded: string;
  readonly identity: string;
  readonly shards: number;
}

/** Pause between two looks, milliseconds. */
export const LOOK_MS = 3_000;
/** After so many looks without a change a member is in doubt. */
const DOUBTED_LOOKS = 2;
/** After so many it counts as dead: for longer than it may write without a renewal of its Leases. */
const DEAD_LOOKS = 4;
/** After so many its line is removed. */
const FORGOTTEN_LOOKS = 20;
/** Lines that are removed at once, at most. */
const REMOVED_AT_ONCE = 16;
/** Time limit of a call. */
const CALL_MS = 5_000;
/** Without a look for so long this replica is not ready. */
const BLIND_MS = 30_000;

interface Seen {
  readonly value: string;
  /** Looks since the last change. */
  readonly still: number;
}

/** Announces this replica, and tells who else there is. */
export class Members {
  readonly #options: MembersOptions;
  readonly id: string;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #unsharded: Seen | undefined;
  #beats = 0;
  #lookedAt: number;
  #failure: string | undefined;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.id = memberId(options.identity);
    this.#lookedAt = options.clock.monotonic();
  }

  /**
   * Announces this replica and looks who else lives. Nobody knows at the first look whether a line that is there still
   * changes, so its member counts.
   *
   * @returns all members that live, this one included
   * @throws KubeError if it failed: then nothing is known that was not known before
   */
  async look(self: Pick<Member, 'held' | 'leaving'>, signal?: AbortSignal): Promise<readonly Member[]> {
    const { shards, clock } = this.#options;
    this.#beats += 1;
    const forgotten = [...this.#seen].filter(([, { still }]) => still >= FORGOTTEN_LOOKS).slice(0, REMOVED_AT_ONCE);
    const own = { id: this.id, shards, held: self.held, leaving: self.leaving };
    try {
      const lines = {
        ...Object.fromEntries(forgotten.map(([id]) => [id, null])),
        [this.id]: lineOf(own, this.#beats),
      };
      const { metadata } = await this.#write(lines, signal);
      this.#see(entriesOf(metadata.annotations ?? {}));
      await this.#lookAtUnsharded(signal);
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
    this.#lookedAt = clock.monotonic();
    const others = [...this.#seen].flatMap(([id, { value, still }]) => {
      const member = still < DEAD_LOOKS ? parseMember(id, value) : undefined;
      return member === undefined ? [] : [{ ...member, doubted: still >= DOUBTED_LOOKS }];
    });
    return [own, ...others, ...this.#unshardedMember()];
  }

  /** Takes the own line away, so that nobody waits for its end. */
  async remove(): Promise<void> {
    await this.#write({ [this.id]: null });
  }

  /** For readiness. @returns why nothing is known of the others now; undefined if it is */
  failure(): string | undefined {
    const blindMs = this.#options.clock.monotonic() - this.#lookedAt;
    if (blindMs < BLIND_MS) return undefined;
    return `members were not seen for ${Math.round(blindMs / 1_000)} s: ${this.#failure ?? 'no answer'}`;
  }

  async #write(lines: Readonly<Record<string, string | null>>, signal?: AbortSignal): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    const annotations = Object.fromEntries(Object.entries(lines).map(([id, value]) => [annotationOf(id), value]));
    const options = { timeoutMs: CALL_MS, ...(signal !== undefined && { signal }) };
    const patch = () => client.mergePatch(LEASES, { namespace, name }, { metadata: { annotations } }, options);
    try {
      return await patch();
    } catch (error) {
      if (!isKubeError(error, 'NotFound')) throw error;
    }
    await client.create(LEASES, { metadata: { namespace, name } }, options).catch((error: unknown) => {
      if (!isKubeError(error, 'AlreadyExists')) throw error;
    });
    return patch();
  }

  #see(entries: readonly (readonly [string, string])[]): void {
    const others = entries.filter(([id]) => id !== this.id);
    this.#seen = new Map(others.map(([id, value]) => [id, seenAgain(this.#seen.get(id), value)]));
  }

  /** A replica that leads by the Lease of those without shards renews it, and so changes it. */
  async #lookAtUnsharded(signal?: AbortSignal): Promise<void> {
    const { client, namespace, unsharded: name } = this.#options;
    const options = { timeoutMs: CALL_MS, ...(signal !== undefined && { signal }) };
    const lease = await client.get(LEASES, { namespace, name }, options).catch((error: unknown) => {
      if (!isKubeError(error, 'NotFound')) throw error;
      return undefined;
    });
    const isHeld = (lease?.spec?.holderIdentity ?? '') !== '';
    this.#unsharded = isHeld ? seenAgain(this.#unsharded, lease?.metadata.resourceVersion ?? '') : undefined;
  }

  #unshardedMember(): readonly Member[] {
    const leads = this.#unsharded !== undefined && this.#unsharded.still < DEAD_LOOKS;
    return leads ? [{ id: `lease/${this.#options.unsharded}`, shards: 1, held: 1, leaving: false }] : [];
  }
}

function seenAgain(before: Seen | undefined, value: string): Seen {
  return { value, still: before?.value === value ? before.still + 1 : 0 };
}
