/**
 * Turns an action into its one effect. Before each effect the fence checks that this process still leads. Writes of the
 * Secret are conditional on what was observed, and the other effects are idempotent. So even a leader that does not
 * know that it lost can do no harm.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { PODS } from '../../kube/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ServerClock } from '../../runtime/server-clock.ts';
import { FIELD_MANAGER, KEYSET_VERSION } from '../api/names.ts';
import { type Refused, refusedBy } from '../api/refusal.ts';
import type { Facts, PodOf, Probe, TargetFacts } from '../facts.ts';
import type { Lent, SecretReading } from '../observe/world.ts';
import type { Action, Restart } from '../plan/decision.ts';
import { effectsOf, type PodVerb, podEffect, restartEffect } from '../plan/effect.ts';
import type { WorkloadView } from '../workloads/workload-view.ts';
import { PodAsker } from './ask-pods.ts';
import type { AppCheck } from './check-apps.ts';
import type { CanaryCheck } from './check-canaries.ts';
import { restart } from './restart.ts';
import { type RetiredKeys, SecretWriter, type Written } from './write-secret.ts';

export interface ActorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly serverClock: Pick<ServerClock, 'time'>;
  /** @throws if this process may not write in this namespace now */
  readonly fence: (namespace: string) => void;
  /** Called with each changed workload, as the API server returned it. */
  readonly onWorkload: (workload: WorkloadView) => void;
}

/** What has an effect. */
export type EffectAction = Exclude<Action, { type: 'wait' | 'confirm' }>;

/** What a pass knows of the Secret beside the facts. */
export interface Known {
  /** The reading that the facts rest on. */
  readonly read: SecretReading | undefined;
  /** The Secret, if this pass has read it. */
  readonly lent: Lent | undefined;
  readonly retired: RetiredKeys | undefined;
  /** Cuts off a round of questions. */
  readonly cut?: AbortSignal;
}

/** The result of an effect. */
export type EffectResult =
  | Written
  | { readonly kind: 'Probed'; readonly probes: ReadonlyMap<string, Probe> }
  /** `targets`, `pods`: the effect was made, or was no longer needed. `refused`: it was not made. */
  | { readonly kind: 'Bumped'; readonly targets: readonly TargetFacts[]; readonly refused: readonly Refused[] }
  | {
      readonly kind: 'Refreshed' | 'Evicted' | 'Deleted';
      readonly pods: readonly PodOf[];
      readonly refused: readonly Refused[];
    }
  /** The API server refused, and nothing was done; or, if the cause is Failed, it is not known what was done. */
  | { readonly kind: 'Refused'; readonly refused: readonly Refused[] };

/** One effect on one pod. */
interface Try {
  readonly row: PodOf;
  /** Absent if the effect was made, or was no longer needed. */
  readonly refused?: Refused;
}

/** Makes effects. One instance serves all resources of a process. */
export class Actor {
  readonly #options: ActorOptions;
  readonly #secrets: SecretWriter;
  readonly #pods: PodAsker;

  constructor(options: ActorOptions) {
    this.#options = options;
    const { client, clock, serverClock, fence } = options;
    // a recorded time must not be too early
    const now = () => serverClock.time()?.latest ?? clock.now();
    this.#secrets = new SecretWriter({ client, fence, now });
    this.#pods = new PodAsker({ client, clock, now });
  }

  /**
   * @param known what the pass knows beside the facts
   * @throws errors that are no answer of the API server to the effect, such as those of the fence, and NotFound
   */
  async act(namespace: string, facts: Facts, action: EffectAction, known: Known): Promise<EffectResult> {
    const [effect = action.type] = effectsOf(action);
    try {
      return await this.#make(namespace, facts, action, known);
    } catch (error) {
      const refused = isKubeError(error) ? refusedBy(effect, error) : undefined;
      if (refused === undefined) throw error;
      return { kind: 'Refused', refused: [refused] };
    }
  }

  #make(namespace: string, facts: Facts, action: EffectAction, known: Known): Promise<EffectResult> {
    this.#options.fence(namespace);
    switch (action.type) {
      case 'write':
        return this.#secrets.write(namespace, facts, action.write, known);
      case 'bump':
        return this.#bump(namespace, action.restarts, action.version);
      case 'refresh':
        return this.#refresh(namespace, action.pods, action.version);
      case 'evict':
        return this.#evict(namespace, action.pods);
      case 'delete':
        return this.#delete(namespace, action.pods, action.graceSeconds);
      case 'probe':
        return this.#ask(namespace, facts, action.pods, known);
    }
  }

  /** Asks each pod once by canaries, for a person. */
  checkCanaries(namespace: string, facts: Facts): Promise<CanaryCheck> {
    this.#options.fence(namespace);
    return this.#pods.check(namespace, facts);
  }

  /** Asks one pod of each target, or of one target, which tokens it accepts, for a person. */
  checkApps(namespace: string, facts: Facts, target: string | undefined, signal: AbortSignal): Promise<AppCheck> {
    this.#options.fence(namespace);
    return this.#pods.checkApps(namespace, facts, target, signal);
  }

  async close(): Promise<void> {
    await this.#pods.close();
  }

  async #ask(namespace: string, facts: Facts, pods: readonly PodOf[], { retired, cut }: Known): Promise<EffectResult> {
    const probes = await this.#pods.ask(namespace, facts, pods, retired, cut);
    return probes === undefined ? { kind: 'Outdated' } : { kind: 'Probed', probes };
  }

  async #bump(namespace: string, restarts: readonly Restart[], version: number): Promise<EffectResult> {
    const targets: TargetFacts[] = [];
    const refused: Refused[] = [];
    for (const wanted of restarts) {
      const { target } = wanted;
      const effect = restartEffect(target, version);
      const failed = await this.#attempt(namespace, effect, () => restart(this.#options, namespace, wanted, version));
      if (failed === undefined) targets.push(target);
      else refused.push(failed);
    }
    return { kind: 'Bumped', targets, refused };
  }

  /** A change of the pod makes the kubelet update its volumes. The value is the version of the keyset. */
  async #refresh(namespace: string, pods: readonly PodOf[], version: number): Promise<EffectResult> {
    const options = { fieldManager: FIELD_MANAGER };
    const tries: Try[] = [];
    for (const row of pods) {
      const { name, uid } = row.pod;
      const body = { metadata: { uid, annotations: { [KEYSET_VERSION]: String(version) } } };
      const marked = await this.#attemptOn(namespace, row, 'mark', () =>
        this.#options.client.mergePatch(PODS, { namespace, name }, body, options),
      );
      tries.push(marked);
    }
    return { kind: 'Refreshed', ...summed(tries) };
  }

  /** Evicts, so that a PodDisruptionBudget is respected. */
  async #evict(namespace: string, pods: readonly PodOf[]): Promise<EffectResult> {
    const tries: Try[] = [];
    for (const row of pods) {
      const { name, uid } = row.pod;
      const evict = () => this.#options.client.evict({ namespace, name }, { uid });
      tries.push(await this.#attemptOn(namespace, row, 'evict', evict));
    }
    return { kind: 'Evicted', ...summed(tries) };
  }

  /** Deletes all pods at once, regardless of PodDisruptionBudgets: each of them may accept a forged token. */
  async #delete(namespace: string, pods: readonly PodOf[], gracePeriodSeconds: number): Promise<EffectResult> {
    const tries = await Promise.all(
      pods.map((row) => {
        const { name, uid } = row.pod;
        return this.#attemptOn(namespace, row, 'delete', () =>
          this.#options.client.delete(PODS, { namespace, name }, { uid, gracePeriodSeconds }),
        );
      }),
    );
    return { kind: 'Deleted', ...summed(tries) };
  }

  /** A pod that rekey may not touch blocks no other, and for a pod that is gone nothing is needed. */
  async #attemptOn(namespace: string, row: PodOf, verb: PodVerb, make: () => Promise<unknown>): Promise<Try> {
    const effect = podEffect(verb, row);
    const pod = row.pod.uid;
    try {
      const refused = await this.#attempt(namespace, effect, make);
      return refused === undefined || refused.cause === 'Outrun' ? { row } : { row, refused: { ...refused, pod } };
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return { row };
      throw error;
    }
  }

  /** @throws errors that are no answer to the effect */
  async #attempt(namespace: string, effect: string, make: () => Promise<unknown>): Promise<Refused | undefined> {
    this.#options.fence(namespace);
    try {
      await make();
      return undefined;
    } catch (error) {
      const refused = isKubeError(error) ? refusedBy(effect, error) : undefined;
      if (refused === undefined) throw error;
      return refused;
    }
  }
}

function summed(tries: readonly Try[]) {
  const pods = tries.filter(({ refused }) => refused === undefined).map(({ row }) => row);
  return { pods, refused: tries.flatMap(({ refused = [] }) => refused) };
}
