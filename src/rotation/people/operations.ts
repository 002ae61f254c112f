/**
 * What people do to a JwtKeyRotation: look at it, follow it, and ask for something. All of it goes through the resource
 * itself, by the rights of whoever asks: no Secret is read, none is changed, and the operator alone acts.
 */

import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import {
  CONFIG_MAPS,
  type ConfigMap,
  type KubeObject,
  NAMESPACES,
  SECRETS,
  SELF_SUBJECT_REVIEWS,
} from '../../kube/types.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { BY, JWT_KEY_ROTATIONS, type JwtKeyRotation, REQUEST, REQUESTED_BY } from '../api/names.ts';
import type { Surroundings } from '../facts.ts';
import { standingLines } from '../requests/asked-by.ts';
import type { WorkloadKind } from '../settings/settings.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { ASK, askedIn, FIELD_MANAGER, type Patch, signed, takesBack } from './asking.ts';
import { type Examination, examine } from './examination.ts';
import { follow } from './follow.ts';
import { type Leadership, leaseName, readLeadership } from './leadership.ts';
import { orMissing } from './missing.ts';
import { surroundingsOf } from './preview.ts';
import { type FoundKeys, keysInSecret, type WhereKeysAre } from './secret-keys.ts';

/** Whoever asks for an emergency must not wait for a name. */
const WHO_MS = 3_000;

/** A look at a Lease is good for so long, milliseconds. */
const LOOK_KEPT_MS = 3_000;

export interface OperationsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Told of connections that break while something is followed. */
  readonly log: Logger;
  readonly namespace: string;
  /** By the clock of the API server, milliseconds since the epoch. */
  readonly serverTime: () => number;
  /** Told once why a request will not carry the name of whoever asks. */
  readonly onNameless?: (why: string) => void;
}

/** The JwtKeyRotations of one namespace. */
export class Operations {
  readonly #options: OperationsOptions;
  #who: Promise<string | undefined> | undefined;
  /** By Lease, with the monotonic time of the look. */
  readonly #looks = new Map<string, { readonly at: number; readonly leadership: Promise<Leadership> }>();

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  get namespace(): string {
    return this.#options.namespace;
  }

  /** By the clock of the API server, milliseconds since the epoch. */
  time(): number {
    return this.#options.serverTime();
  }

  /** @throws MissingError if there is none of this name */
  get(name: string): Promise<JwtKeyRotation> {
    const { client, namespace } = this.#options;
    return orMissing(this.#options, name, () => client.get(JWT_KEY_ROTATIONS, { namespace, name }));
  }

  /** @returns those that the label selector selects, by namespace and name */
  async list(selector?: string, allNamespaces = false): Promise<readonly JwtKeyRotation[]> {
    const { client, namespace } = this.#options;
    const selection = {
      ...(!allNamespaces && { namespace }),
      ...defined({ labelSelector: selector }),
    };
    const { items } = await orMissing(this.#options, undefined, () => client.list(JWT_KEY_ROTATIONS, selection));
    const { apiVersion, kind } = JWT_KEY_ROTATIONS;
    return items.map((item) => ({ ...item, apiVersion, kind }));
  }

  /** @returns the names of all namespaces, if the caller may list them */
  async namespaces(): Promise<readonly string[]> {
    const { items } = await this.#options.client.list(NAMESPACES);
    return items.map(({ metadata }) => metadata.name);
  }

  /**
   * Asks, in the caller's name if the API server reports it.
   *
   * @param patch one of {@link ASK}
   * @throws MissingError if there is none of this name
   */
  ask(name: string, patch: Patch): Promise<JwtKeyRotation> {
    return orMissing(this.#options, name, () => this.#ask(name, patch));
  }

  async #ask(name: string, patch: Patch): Promise<JwtKeyRotation> {
    const what = askedIn(patch);
    if (what === undefined) return takesBack(patch) ? this.#takeBack(name, patch) : this.#patch(name, patch);
    this.#who ??= this.#whoAmI();
    const [who, others] = await Promise.all([this.#who, this.#othersThan(name, patch)]);
    if (who === undefined) return this.#patch(name, patch);
    const mine = `${what}${BY}${who}`;
    try {
      return await this.#patch(name, signed(patch, [...others, mine]));
    } catch (error) {
      // of the others somebody may have taken one away meanwhile, and nobody may put it back
      if (!isKubeError(error) || error.maybeApplied || error.code === 'NotFound') throw error;
      if (others.length > 0 && error.code === 'Forbidden') return this.#patch(name, signed(patch, [mine]));
      // whatever is wrong with the name: an emergency is not to be stopped by it
      if (patch.metadata?.annotations?.[REQUEST.emergency] === undefined) throw error;
      return this.#patch(name, patch);
    }
  }

  /** With what is taken back its line goes, or it would stand behind the same request of somebody else. */
  async #takeBack(name: string, patch: Patch): Promise<JwtKeyRotation> {
    const others = await this.#othersThan(name, patch);
    const annotations = {
      ...patch.metadata?.annotations,
      [REQUESTED_BY]: others.length === 0 ? null : others.join('\n'),
    };
    return this.#patch(name, { ...patch, metadata: { ...patch.metadata, annotations } });
  }

  #patch(name: string, patch: Patch): Promise<JwtKeyRotation> {
    const { client, namespace } = this.#options;
    return client.mergePatch(JWT_KEY_ROTATIONS, { namespace, name }, patch, { fieldManager: FIELD_MANAGER });
  }

  /** @returns who has asked for what else; none where that cannot be read now */
  async #othersThan(name: string, { metadata }: Patch): Promise<readonly string[]> {
    const { client, namespace } = this.#options;
    try {
      const resource = await client.get(JWT_KEY_ROTATIONS, { namespace, name }, { timeoutMs: WHO_MS });
      return standingLines(resource, Object.keys(metadata?.annotations ?? {}));
    } catch (error) {
      if (!isKubeError(error)) throw error;
      return [];
    }
  }

  /** Without a name a request is as good: an emergency above all. */
  async #whoAmI(): Promise<string | undefined> {
    const { client, onNameless } = this.#options;
    try {
      const review = await client.create(SELF_SUBJECT_REVIEWS, { metadata: { name: '' } }, { timeoutMs: WHO_MS });
      const { username = '' } = review.status?.userInfo ?? {};
      if (username !== '' && !username.includes('\n')) return username;
      onNameless?.('the API server gives no user name of one line');
    } catch (error) {
      if (!isKubeError(error)) throw error;
      onNameless?.(error.message);
    }
    return undefined;
  }

  /**
   * Creates a Secret. One that is there already is not touched.
   *
   * @param data in base64
   * @throws KubeError AlreadyExists if there is one of this name
   */
  async createSecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const { client, namespace } = this.#options;
    const secret = { metadata: { name, namespace }, type: 'Opaque', data };
    await client.create(SECRETS, secret, { fieldManager: FIELD_MANAGER });
  }

  /**
   * Reads a Secret by the rights of whoever calls. No command does so unless its flag says it (ADR 29).
   *
   * @returns undefined if it has no signing key; the caller overwrites the bytes
   */
  async secretKeys(name: string, names: WhereKeysAre): Promise<FoundKeys | undefined> {
    const { client, namespace } = this.#options;
    return keysInSecret(await client.get(SECRETS, { namespace, name }), names);
  }

  /** As {@link follow}, in this namespace. */
  follow<T>(
    name: string,
    look: (resource: JwtKeyRotation) => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    return follow({ ...this.#options, name }, look, { timeoutMs, ...(signal && { signal }) });
  }

  /** @throws KubeError NotFound if there is none of this name */
  configMap(name: string): Promise<ConfigMap> {
    const { client, namespace } = this.#options;
    return client.get(CONFIG_MAPS, { namespace, name });
  }

  /** @throws KubeError NotFound if there is none of this kind and name */
  workload(kind: WorkloadKind, name: string): Promise<KubeObject> {
    const { client, namespace } = this.#options;
    return client.get(WORKLOADS[kind].type, { namespace, name });
  }

  /** @returns by how much the clock of the API server is ahead of ours, milliseconds, give or take a second */
  clockOffsetMs(): number {
    return this.#options.serverTime() - this.#options.clock.now();
  }

  /** Calls back once, unless it is cancelled before. */
  later(callback: () => void, ms: number): Timer {
    return this.#options.clock.setTimeout(callback, ms);
  }

  /** Whether an operator is there to do what is asked for. Of many resources of one operator its Lease is read once. */
  leadership(resource: JwtKeyRotation): Promise<Leadership> {
    const { client, clock, serverTime } = this.#options;
    const { operator } = resource.status ?? {};
    const key = `${leaseName(resource)} ${operator === undefined} ${operator?.lease === undefined}`;
    const known = this.#looks.get(key);
    if (known !== undefined && clock.monotonic() - known.at < LOOK_KEPT_MS) return known.leadership;
    const leadership = readLeadership(client, resource, serverTime);
    this.#looks.set(key, { at: clock.monotonic(), leadership });
    return leadership;
  }

  /** What else may be seen around it: clocks, what was left behind, what the operator may do. */
  examine(resource: JwtKeyRotation): Promise<Examination> {
    return examine(this.#options.client, resource);
  }

  /** What a rotation of this resource would meet now. */
  surroundings(resource: JwtKeyRotation): Promise<Surroundings> {
    const { client, clock } = this.#options;
    return surroundingsOf(client, resource, clock.now());
  }
}
