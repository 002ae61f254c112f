/**
 * Observes a resource and plans its next step: from the caches, and once more from the API server if a write depends on it.
 */
import { randomUUID } from 'node:crypto';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type ServerClock, serverTime } from '../../runtime/server-clock.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import { isOlder } from '../../runtime/version.ts';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../api/names.ts';
import { checkedAgainstLedger, type LedgerReading } from '../audit/against-ledger.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import { ledgerConfigMapName } from '../audit/ledger-config-map.ts';
import type { Facts, SecretFacts } from '../facts.ts';
import { LiveWorlds } from '../observe/live-worlds.ts';
import { observe } from '../observe/observe.ts';
import {
  type Caches,
  cachedWorld,
  type Lent,
  liveWorld,
  orUndefined,
  readSecretNow,
  type SecretReading,
  type World,
} from '../observe/world.ts';
import type { Decision } from '../plan/decision.ts';
import { plan } from '../plan/plan.ts';
import { remembered } from '../requests/remembered.ts';
import { isEmergency, isUnserved, mayBeEmergency, priorityOf } from '../requests/urgency.ts';
import { checkedAgainstClock } from '../secret/against-clock.ts';
import { burntFingerprints, realFingerprints } from '../secret/fingerprints.ts';
import type { SecretWatches } from '../secret/secret-watches.ts';
import { type Settings, settingsOf } from '../settings/settings.ts';
import { specFinding } from '../settings/spec-checks.ts';
import type { Memories } from './memories.ts';
import type { Memory } from './memory.ts';

export interface DeciderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resources: Store<JwtKeyRotation>;
  readonly caches: Caches;
  readonly secrets: Pick<SecretWatches, 'version'>;
  readonly audit: Pick<AuditWriter, 'ledgerOf'>;
  readonly allowLoopback: boolean;
  readonly serverClock: Pick<ServerClock, 'time' | 'offsetMs'>;
  /** Longest time, milliseconds, that a node's view of a Secret lags behind a write. */
  readonly settleMs: number;
  /** Whether each watch has told something lately. If not, what the caches show may be long over. Absent: they always have. */
  readonly isCurrent?: () => boolean;
  /** Resolves, within a bound, when no emergency of another resource goes first. @param key of the resource of the pass */
  readonly giveWay?: (key: string) => Promise<void>;
}

/** What to do, and the resource and the facts that it was decided from. */
export interface Decided {
  readonly resource: JwtKeyRotation;
  readonly facts: Facts;
  readonly decision: Decision;
  /** The Secret, if this pass has read it: a write need not read it again, since it is conditional on its version. */
  readonly lent?: Lent;
}

/** The resource is not what it was when the pass began, or the answer about it is older than what a watch has shown. */
export class ChangedError extends Error {}

/** So many old answers in a row are not used. Then they are: etcd may have been put back, and the watch has not learned of it. */
const OLD_ANSWERS = 3;

/** Decides for all resources. It reads the world, and changes nothing in it. */
export class Decider {
  readonly #options: DeciderOptions;
  readonly #memories: Memories;
  readonly #worlds: LiveWorlds;

  constructor(options: DeciderOptions, memories: Memories) {
    const { client, caches } = options;
    this.#options = options;
    this.#memories = memories;
    this.#worlds = new LiveWorlds((namespace) => liveWorld(client, namespace, caches.availability));
  }

  /** @throws ChangedError if the API server has another resource than the cache, and this pass cannot continue with it */
  async decide(resource: JwtKeyRotation, memory: Memory): Promise<Decided> {
    const { caches, isCurrent } = this.#options;
    // what rests is not read anew: an API server whose watches are silent has enough to do; an emergency waits for no list
    const isDoubted = isCurrent?.() === false && priorityOf(resource) > 0 && !isEmergency(resource);
    if (isDoubted) return this.#decideLive(resource, memory);
    const first = await this.#observeAndPlan(resource, memory, cachedWorld(caches));
    return first.decision.action.type === 'confirm' ? this.#decideLive(resource, memory) : first;
  }

  async #decideLive(resource: JwtKeyRotation, memory: Memory): Promise<Decided> {
    // before the reads, so that none of them gets older meanwhile
    await this.#options.giveWay?.(keyOf(resource.metadata));
    memory.forgetSecret();
    const { namespace = '' } = resource.metadata;
    const [live, world] = await Promise.all([this.#readNow(resource, memory), this.#worlds.of(namespace)]);
    return this.#observeAndPlan(live, memory, world);
  }

  /** The resource itself from the API server: a watch may be silent without knowing, and an answer may be older than it. */
  async #readNow({ metadata, spec }: JwtKeyRotation, memory: Memory): Promise<JwtKeyRotation> {
    const { client, resources } = this.#options;
    const { namespace = '', name, uid } = metadata;
    const live = await orUndefined(client.get(JWT_KEY_ROTATIONS, { namespace, name }));
    if (live === undefined) throw new ChangedError();
    if (isOlder(live.metadata, metadata) && memory.outran < OLD_ANSWERS) {
      const { resourceVersion } = live.metadata;
      throw new ChangedError(`the resource at version ${resourceVersion} is older than what its watch has shown`);
    }
    resources.upsert(live.metadata, remembered(live));
    // what is remembered is of this resource and this Secret
    const isSame = live.metadata.uid === uid && live.spec.secretName === spec.secretName;
    const isThere = live.metadata.deletionTimestamp === undefined;
    const isFit = specFinding(live.spec) === undefined || mayBeEmergency(live);
    if (!isSame || !isThere || !isFit) throw new ChangedError();
    return live;
  }

  async #observeAndPlan(resource: JwtKeyRotation, memory: Memory, world: World): Promise<Decided> {
    const { client, clock, serverClock, allowLoopback, settleMs } = this.#options;
    const settings = settingsOf(resource.spec);
    const namespace = resource.metadata.namespace ?? '';
    // a write needs the Secret, so a look at its version would only be one call more
    const known = isUnserved(resource) ? undefined : await this.#lastReading(memory, namespace, settings);
    const read = known === undefined ? await readSecretNow(client, namespace, settings) : { reading: known };
    const secret = read.reading;
    memory.remember(secret, settings, clock.monotonic());
    memory.asksBy(settings);
    const { latest } = serverTime(serverClock, clock);
    const believed = checkedAgainstClock(secret.facts, latest + settings.clockSkewMs, settings.secretName);
    const { ledgerReading, seen } = await this.#checkAgainstLedger(resource, believed);
    const key = keyOf(resource.metadata);
    const facts = await observe({
      resource,
      settings,
      secret: seen,
      ledgerReading,
      world,
      settleMs,
      probes: memory.probes,
      nextRotationId: randomUUID(),
      allowLoopback,
      now: serverTime(serverClock, clock).earliest,
      clockOffsetMs: serverClock.offsetMs(),
      sharedWith: this.#memories.holdersOf(key, realFingerprints(secret.facts)),
      burntElsewhere: this.#memories.holdersOf(key, burntFingerprints(secret.facts)),
      refusals: memory.refusals,
    });
    memory.prune(facts);
    return { resource, facts, decision: plan(facts), ...('lent' in read && { lent: read.lent }) };
  }

  /** @returns the last reading of the Secret if it is still of this version */
  async #lastReading(memory: Memory, namespace: string, settings: Settings): Promise<SecretReading | undefined> {
    if (memory.secret === undefined) return undefined;
    const { secrets, clock } = this.#options;
    return memory.secretAt(await secrets.version(namespace, settings.secretName), settings, clock.monotonic());
  }

  /** Before a contradiction with the ledger counts, the ledger is read again. */
  async #checkAgainstLedger(
    resource: JwtKeyRotation,
    secret: SecretFacts,
  ): Promise<{ ledgerReading: LedgerReading; seen: SecretFacts }> {
    const { audit } = this.#options;
    const { secretName } = resource.spec;
    const names = { secretName, ledgerName: ledgerConfigMapName(secretName) };
    const emergency = isEmergency(resource);
    const known = await audit.ledgerOf(resource, emergency);
    const seen = checkedAgainstLedger(known.ledger, secret, names);
    if (seen === secret) return { ledgerReading: known, seen };
    const ledgerReading = await audit.ledgerOf(resource, emergency, true);
    return { ledgerReading, seen: checkedAgainstLedger(ledgerReading.ledger, secret, names) };
  }
}
