/**
 * From an action to its one effect. Before each effect the fence is asked whether this process still leads; the writes of
 * the Secret are conditional on what was observed, and the others are idempotent, so even a leader that does not know that
 * it lost can do no harm.
 */
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { PODS, SECRETS, type Secret } from '../kube/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ServerClock } from '../runtime/server-clock.ts';
import type { Facts, Probe, TargetFacts } from './facts.ts';
import { currentShape, type Keyset, type Kid, keyIn } from './keyset/keyset.ts';
import { advance } from './keyset/transition.ts';
import { makesKey, type Write, writesKeys } from './keyset/writes.ts';
import { FIELD_MANAGER, KEYSET_VERSION } from './names.ts';
import { type PodOf, restartAtOf } from './plan/converge.ts';
import type { Action } from './plan/decision.ts';
import { effectsOf, type PodVerb, podEffect, restartEffect } from './plan/effect.ts';
import { type Refused, refusedBy } from './refusal.ts';
import { CanarySender } from './secret/canary.ts';
import { destroyAll, type KeyMaterial, MIN_KEY_BYTES, newKey } from './secret/keys.ts';
import { asLanded } from './secret/landing.ts';
import { findResidue, removedResidue, withResidue } from './secret/residue.ts';
import { burntMaterialsOf, leftoverNames, materialsOf, patchFor, readSecret } from './secret/secret.ts';
import { namesToWrite } from './secret/secret-data.ts';
import { startOf } from './secret/write-start.ts';
import { WORKLOADS, type WorkloadView } from './workloads/workloads.ts';
import { getSecret } from './world.ts';

/** Pods that are asked at the same time. */
const PODS_AT_ONCE = 32;

/** Retired keys by id, kept while the pods are asked whether they refuse them. */
export type RetiredKeys = ReadonlyMap<Kid, KeyMaterial>;

export interface ActorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly serverClock: Pick<ServerClock, 'time'>;
  /** @throws if this process may not write now */
  readonly fence: () => void;
  /** Told of each workload that was changed, as the API server returned it. */
  readonly onWorkload: (workload: WorkloadView) => void;
}

type EffectAction = Exclude<Action, { type: 'wait' | 'confirm' }>;

/** What came of an effect. */
export type Outcome =
  | {
      readonly kind: 'Wrote';
      readonly keyset: Keyset;
      readonly resourceVersion: string;
      readonly retired?: RetiredKeys;
    }
  | { readonly kind: 'Probed'; readonly probes: ReadonlyMap<string, Probe> }
  /** `refused`: of these it was not done. */
  | { readonly kind: 'Bumped' | 'Refreshed' | 'Evicted' | 'Deleted'; readonly refused: readonly Refused[] }
  /** The API server did not let it happen. Nothing was done. */
  | { readonly kind: 'Refused'; readonly refused: readonly Refused[] }
  /** The world is not what it was when the action was chosen. Nothing was done. */
  | { readonly kind: 'Outdated' };

/** Makes effects. One instance serves all resources of a process. */
export class Actor {
  readonly #options: ActorOptions;
  readonly #canaries: CanarySender;

  constructor(options: ActorOptions) {
    this.#options = options;
    this.#canaries = new CanarySender(options.clock);
  }

  /** What time it may be at the latest, by the clock of the API server: what is recorded must not seem older than it is. */
  #now(): number {
    const { serverClock, clock } = this.#options;
    return serverClock.time()?.latest ?? clock.now();
  }

  /** @throws what does not tell whether it was done, or may go well the next time */
  async act(
    namespace: string,
    facts: Facts,
    action: EffectAction,
    resourceVersion: string | undefined,
    retired: RetiredKeys | undefined,
  ): Promise<Outcome> {
    const [effect = action.type] = effectsOf(action);
    try {
      return await this.#make(namespace, facts, action, resourceVersion, retired);
    } catch (error) {
      const refused = isKubeError(error) ? refusedBy(effect, error) : undefined;
      if (refused === undefined) throw error;
      return { kind: 'Refused', refused: [refused] };
    }
  }

  #make(
    namespace: string,
    facts: Facts,
    action: EffectAction,
    resourceVersion: string | undefined,
    retired: RetiredKeys | undefined,
  ): Promise<Outcome> {
    this.#options.fence();
    switch (action.type) {
      case 'write':
        return this.#write(namespace, facts, action.write, resourceVersion);
      case 'bump':
        return this.#bump(namespace, facts, action.targets, action.version);
      case 'refresh':
        return this.#refresh(namespace, action.pods, action.version);
      case 'evict':
        return this.#evict(namespace, action.pods);
      case 'delete':
        return this.#delete(namespace, action.pods, action.graceSeconds);
      case 'probe':
        return this.#probe(namespace, facts, action.pods, retired);
    }
  }

  async close(): Promise<void> {
    await this.#canaries.close();
  }

  async #write(namespace: string, facts: Facts, write: Write, resourceVersion: string | undefined): Promise<Outcome> {
    const { settings } = facts;
    const name = settings.secretName;
    const secret = await getSecret(this.#options.client, namespace, name);
    if (secret?.metadata.resourceVersion !== resourceVersion) return { kind: 'Outdated' };
    const now = this.#now();
    const fresh = { key: newKey(settings.keyBytes), ack: newKey(MIN_KEY_BYTES) };
    using held = new DisposableStack();
    held.use(fresh.key.material);
    held.use(fresh.ack.material);
    const start = startOf(write, secret, facts, fresh.key, now);
    if (start === undefined) return { kind: 'Outdated' };
    const { before, burnt } = start;
    let retired: RetiredKeys = new Map();
    held.defer(() => destroyAll([...start.materials.values(), ...burnt], [...retired.values()]));
    const materials = new Map([...start.materials, [fresh.ack.kid, fresh.ack.material]]);
    if (makesKey(write)) materials.set(fresh.key.kid, fresh.key.material);
    const after = await this.#withResidue(namespace, facts, write, secret, advance(before, write, fresh, now));
    const names = namesToWrite(secret, settings, (facts.crowded ?? []).length > 0);
    const patch = patchFor(after, writesKeys(write) ? materials : undefined, names, burnt);
    const leftovers = secret !== undefined && writesKeys(write) ? leftoverNames(secret, settings) : [];
    const cleared = Object.fromEntries(leftovers.map((leftover) => [leftover, null]));
    const body = leftovers.length === 0 ? patch : { ...patch, data: { ...patch.data, ...cleared } };
    const written = await this.#put(namespace, name, body, resourceVersion);
    retired = retiredBy(write, before, after, start.materials);
    const keyset = asLanded(after, written);
    return {
      kind: 'Wrote',
      keyset,
      resourceVersion: written.metadata.resourceVersion ?? '',
      ...(retired.size > 0 && { retired }),
    };
  }

  /** An emergency tells where the burnt keys lay, and still lie. */
  async #withResidue(
    namespace: string,
    { settings: names, burntElsewhere: elsewhere }: Facts,
    write: Write,
    secret: Secret | undefined,
    after: Keyset,
  ): Promise<Keyset> {
    if (write.transition === 'burn') return withResidue(after, { residue: removedResidue(secret, after) });
    if (write.transition !== 'extinguish') return after;
    const { client } = this.#options;
    return withResidue(after, await findResidue({ client, namespace, names, burnt: after.burnt, secret, elsewhere }));
  }

  async #put(
    namespace: string,
    name: string,
    patch: ReturnType<typeof patchFor>,
    resourceVersion: string | undefined,
  ): Promise<Secret> {
    const { client } = this.#options;
    this.#options.fence();
    if (resourceVersion === undefined) {
      const annotations = withoutNulls(patch.metadata.annotations);
      const metadata = {
        namespace,
        name,
        labels: patch.metadata.labels,
        annotations,
      };
      const data = withoutNulls(patch.data ?? {});
      const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data };
      return await client.create(SECRETS, secret, { fieldManager: FIELD_MANAGER });
    }
    const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
    return await client.mergePatch(SECRETS, { namespace, name }, body, { fieldManager: FIELD_MANAGER });
  }

  /** Server-side apply of values that follow from the write of the keyset: to repeat it changes nothing. */
  async #bump(
    namespace: string,
    { secret, settleMs }: Facts,
    targets: readonly TargetFacts[],
    version: number,
  ): Promise<Outcome> {
    if (secret.kind !== 'Managed') return { kind: 'Outdated' };
    const { keyset } = secret;
    const refused: Refused[] = [];
    for (const target of targets) {
      const restarted = await this.#attempt(restartEffect(target, version), () =>
        this.#restart(namespace, target, version, restartAtOf(target, keyset, settleMs)),
      );
      if (restarted !== undefined) refused.push(restarted);
    }
    return { kind: 'Bumped', refused };
  }

  async #restart(namespace: string, target: TargetFacts, version: number, restartAt: number): Promise<void> {
    const { kind, name } = target.settings;
    const { type, view, stamped } = WORKLOADS[kind];
    const fields = stamped({ version, restartAt });
    // with the uid it can never create a workload, nor touch one that took the name
    const metadata = { namespace, name, uid: target.workload?.uid, ...fields.metadata };
    const body = { apiVersion: type.apiVersion, kind, ...fields, metadata };
    const options = { fieldManager: FIELD_MANAGER, force: true };
    this.#options.onWorkload(view(await this.#options.client.apply(type, { namespace, name }, body, options)));
  }

  /** A change of the pod makes the kubelet write its volumes again; the value says what it is for. */
  async #refresh(namespace: string, pods: readonly PodOf[], version: number): Promise<Outcome> {
    const options = { fieldManager: FIELD_MANAGER };
    const refused: Refused[] = [];
    for (const row of pods) {
      const { name, uid } = row.pod;
      const body = { metadata: { uid, annotations: { [KEYSET_VERSION]: String(version) } } };
      const marked = await this.#attemptOn(row, 'mark', () =>
        this.#options.client.mergePatch(PODS, { namespace, name }, body, options),
      );
      refused.push(...marked);
    }
    return { kind: 'Refreshed', refused };
  }

  /** Evicts, so that a PodDisruptionBudget is respected. */
  async #evict(namespace: string, pods: readonly PodOf[]): Promise<Outcome> {
    const refused: Refused[] = [];
    for (const row of pods) {
      const { name, uid } = row.pod;
      refused.push(
        ...(await this.#attemptOn(row, 'evict', () => this.#options.client.evict({ namespace, name }, { uid }))),
      );
    }
    return { kind: 'Evicted', refused };
  }

  /** Without asking a PodDisruptionBudget, all at once: each of these pods may accept a forged token. */
  async #delete(namespace: string, pods: readonly PodOf[], gracePeriodSeconds: number): Promise<Outcome> {
    const refused = await Promise.all(
      pods.map((row) => {
        const { name, uid } = row.pod;
        return this.#attemptOn(row, 'delete', () =>
          this.#options.client.delete(PODS, { namespace, name }, { uid, gracePeriodSeconds }),
        );
      }),
    );
    return { kind: 'Deleted', refused: refused.flat() };
  }

  /** One pod that nobody may touch holds up no other; one that is gone needs nothing. */
  async #attemptOn(row: PodOf, verb: PodVerb, make: () => Promise<unknown>): Promise<readonly Refused[]> {
    const effect = podEffect(verb, row);
    const pod = row.pod.uid;
    try {
      const refused = await this.#attempt(effect, make);
      return refused === undefined || refused.cause === 'Outrun' ? [] : [{ ...refused, pod }];
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return [];
      const held = verb === 'evict' && isKubeError(error, 'TooManyRequests');
      if (!held) throw error;
      return [{ effect, pod, cause: 'Budget', said: error.message }];
    }
  }

  /** @throws what is no refusal */
  async #attempt(effect: string, make: () => Promise<unknown>): Promise<Refused | undefined> {
    this.#options.fence();
    try {
      await make();
      return undefined;
    } catch (error) {
      const refused = isKubeError(error) ? refusedBy(effect, error) : undefined;
      if (refused === undefined) throw error;
      return refused;
    }
  }

  async #probe(
    namespace: string,
    { settings }: Facts,
    pods: readonly PodOf[],
    retired: RetiredKeys | undefined,
  ): Promise<Outcome> {
    const secret = await getSecret(this.#options.client, namespace, settings.secretName);
    const reading = readSecret(secret, settings);
    if (secret === undefined || reading.kind !== 'Managed') return { kind: 'Outdated' };
    const { keyset } = reading;
    const own = new Map([...materialsOf(secret, keyset, settings), ...burntMaterialsOf(secret, keyset)]);
    using held = new DisposableStack();
    held.defer(() => destroyAll(own.values()));
    const keys = byWeight(keyset, new Map([...own, ...(retired ?? [])]));
    const { sign } = currentShape(keyset);
    const now = () => this.#now();
    const probes = new Map<string, Probe>();
    const waiting = [...pods];
    const ask = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { target, pod } = next;
        const { canary } = target.settings;
        if (canary === undefined || pod.address === undefined) continue;
        const inquiry = {
          ...{ address: pod.address, ready: pod.ready, canary, settings, version: keyset.version, sign, keys },
          before: pod.probe,
        };
        probes.set(pod.incarnation, await this.#canaries.probe(inquiry, now));
      }
    };
    await Promise.all(Array.from({ length: PODS_AT_ONCE }, ask));
    return { kind: 'Probed', probes };
  }
}

/** Keys that must be refused come first, then the one that tells the version, then the one in use. */
function byWeight(keyset: Keyset, keys: ReadonlyMap<Kid, KeyMaterial>): ReadonlyMap<Kid, KeyMaterial> {
  const { verify, sign } = currentShape(keyset);
  const first = [keyIn(keyset, 'ack')?.kid, sign];
  const weight = (kid: Kid) =>
    verify.includes(kid) ? (first.includes(kid) ? first.indexOf(kid) + 1 : first.length + 1) : 0;
  return new Map([...keys].toSorted(([a], [b]) => weight(a) - weight(b)));
}

/** The keys that pods must refuse from now on: the old one of a rotation, with those that were found beside it, or of a cutover. */
function retiredBy(
  { transition }: Write,
  before: Keyset,
  after: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial>,
): RetiredKeys {
  if (transition !== 'retire' && transition !== 'cutover') return new Map();
  const kept = new Set(after.keys.map((key) => key.kid));
  const gone = before.keys.filter(({ kid, state }) => state !== 'ack' && state !== 'staged' && !kept.has(kid));
  return new Map(gone.flatMap(({ kid }) => [[kid, materials.get(kid)] as const].filter(isKnown)));
}

function isKnown(entry: readonly [Kid, KeyMaterial | undefined]): entry is readonly [Kid, KeyMaterial] {
  return entry[1] !== undefined;
}

function withoutNulls(fields: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}
