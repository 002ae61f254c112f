/**
 * One pass over one resource: observe → plan → status → act. At most one effect is made; then the world is looked at again.
 */
import { randomUUID } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { ServerClock } from '../runtime/server-clock.ts';
import { keyOf, type Store } from '../runtime/store.ts';
import type { Actor, EffectResult } from './act/act.ts';
import type { PodChecks } from './act/pod-checks.ts';
import type { Finding } from './api/finding.ts';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from './api/names.ts';
import type { Refused } from './api/refusal.ts';
import { checkedAgainstLedger, type LedgerReading } from './audit/against-ledger.ts';
import type { AuditWriter } from './audit/audit-writer.ts';
import { ledgerConfigMapName } from './audit/ledger-config-map.ts';
import { conflictWith } from './conflict.ts';
import type { Facts, SecretFacts } from './facts.ts';
import { Memory } from './memory.ts';
import { observe } from './observe/observe.ts';
import { type Caches, cachedWorld, liveWorld, orUndefined, readSecretNow, type World } from './observe/world.ts';
import type { Action, Decision } from './plan/decision.ts';
import { effectsOf } from './plan/effect.ts';
import { plan } from './plan/plan.ts';
import type { Announcer } from './report/announce.ts';
import type { Notifier } from './report/notifier.ts';
import { invalidStatus, statusOf } from './report/status.ts';
import type { StatusWriter } from './report/status-writer.ts';
import { isEmergency, mayBeEmergency, priorityOf } from './requests/urgency.ts';
import { checkedAgainstClock } from './secret/against-clock.ts';
import { burntFingerprints, realFingerprints } from './secret/fingerprints.ts';
import type { SecretWatches } from './secret/secret-watches.ts';
import { type Settings, settingsOf } from './settings/settings.ts';
import { specFinding } from './settings/spec-checks.ts';

const FORBIDDEN_RETRY_MS = 30_000;
/** The longest time between two looks at a resource, whatever the caches say. */
const RESYNC_MS = 600_000;

export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly resources: Store<JwtKeyRotation>;
  readonly caches: Caches;
  readonly secrets: SecretWatches;
  readonly actor: Actor;
  readonly podChecks: Pick<PodChecks, 'observed' | 'forgot'>;
  readonly status: StatusWriter;
  readonly announcer: Announcer;
  readonly notifier: Pick<Notifier, 'observed' | 'forgot'>;
  readonly audit: Pick<AuditWriter, 'ledgerOf' | 'observed' | 'forgot'>;
  readonly allowLoopback: boolean;
  readonly serverClock: Pick<ServerClock, 'time' | 'offsetMs'>;
  /** Longest time, milliseconds, that a node's view of a Secret lags behind a write. */
  readonly settleMs: number;
}

/** The resource is not what it was when the pass began. */
class ChangedError extends Error {}

interface Result {
  readonly requeueAfterMs: number;
  readonly priority?: number;
}

/** One instance serves all resources; a resource has one pass at a time. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #memories = new Map<string, Memory>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /**
   * @param key `namespace/name` of a JwtKeyRotation
   * @param log of this pass
   */
  async reconcile(key: string, log: Logger): Promise<Result | undefined> {
    this.#options.announcer.begins(key, log);
    const resource = this.#options.resources.get(key);
    if (resource === undefined || resource.metadata.deletionTimestamp !== undefined) {
      this.#forget(key);
      return undefined;
    }
    const conflict = this.#conflict(resource);
    if (conflict !== undefined) return this.#refuse(resource, conflict);
    const unfit = specFinding(resource.spec);
    if (unfit !== undefined && !mayBeEmergency(resource)) return this.#refuse(resource, unfit);
    try {
      return await this.#pass(key, resource);
    } catch (error) {
      return this.#recover(key, resource, error);
    }
  }

  async #pass(key: string, known: JwtKeyRotation): Promise<Result> {
    const { actor, audit, clock, announcer, notifier, podChecks, status } = this.#options;
    const namespace = known.metadata.namespace ?? '';
    const memory = this.#memory(key);
    this.#options.secrets.watch(key, namespace, known.spec.secretName);
    if (memory.heard(known)) memory.forgetOpenAnswers(clock.monotonic());
    const { resource, facts, decision } = await this.#decide(known, settingsOf(known.spec), memory);
    memory.decided(decision);
    const unfit = specFinding(resource.spec);
    if (unfit !== undefined && !decision.assessment.emergency) return this.#refuse(resource, unfit);
    const notified = notifier.observed(resource, facts, decision);
    const { checks, againMs = RESYNC_MS } = podChecks.observed(resource, facts);
    const next = {
      ...statusOf(resource, facts, decision),
      ...(notified.length > 0 && { notified }),
      ...checks,
    };
    announcer.decided(resource, facts, decision, next);
    audit.observed(resource, facts, decision.assessment);
    const { againMs: statusAgainMs = RESYNC_MS, failure } = await status.write(resource, next, facts.now);
    announcer.statusFailed(resource, failure);
    const { action } = decision;
    if (action.type === 'wait' || action.type === 'confirm') {
      const requeueAfterMs = Math.min(waitMs(action, facts.now), untilMissedMs(facts), statusAgainMs, againMs);
      return { requeueAfterMs, priority: priorityOf(resource) };
    }
    const before = clock.now();
    const outcome = await actor.act(namespace, facts, action, memory.secret, memory.retired);
    memory.learn(outcome, facts.settings);
    const urgent = decision.phase === 'Burning' || isEmergency(resource);
    memory.tried(action, refusedIn(action, outcome), facts.now + (clock.now() - before), urgent);
    announcer.acted(resource, decision, outcome);
    return { requeueAfterMs: 0, priority: priorityOf(resource) };
  }

  /** Plans from the caches; where a write depends on it, once more from the API server itself, the resource included. */
  async #decide(
    resource: JwtKeyRotation,
    settings: Settings,
    memory: Memory,
  ): Promise<{ resource: JwtKeyRotation; facts: Facts; decision: Decision }> {
    const { caches, client } = this.#options;
    const first = await this.#observeAndPlan(resource, settings, memory, cachedWorld(caches));
    if (first.decision.action.type !== 'confirm') return { resource, ...first };
    memory.forgetSecret();
    const { namespace = '' } = resource.metadata;
    const [live, world] = await Promise.all([
      this.#readNow(resource),
      liveWorld(client, namespace, caches.availability),
    ]);
    return { resource: live, ...(await this.#observeAndPlan(live, settingsOf(live.spec), memory, world)) };
  }

  /**
   * The resource itself from the API server: a watch may be silent without knowing.
   *
   * @throws ChangedError if what is there now is not what this pass may go on with
   */
  async #readNow({ metadata: { namespace = '', name, uid } }: JwtKeyRotation): Promise<JwtKeyRotation> {
    const { client, resources } = this.#options;
    const live = await orUndefined(client.get(JWT_KEY_ROTATIONS, { namespace, name }));
    if (live === undefined) throw new ChangedError();
    resources.upsert(live.metadata, live);
    const isSame = live.metadata.uid === uid && live.metadata.deletionTimestamp === undefined;
    const isFit = specFinding(live.spec) === undefined || mayBeEmergency(live);
    if (!isSame || !isFit) throw new ChangedError();
    return live;
  }

  async #observeAndPlan(resource: JwtKeyRotation, settings: Settings, memory: Memory, world: World) {
    const { client, serverClock, secrets, allowLoopback, settleMs } = this.#options;
    const namespace = resource.metadata.namespace ?? '';
    const told = secrets.resourceVersion(namespace, settings.secretName);
    const secret = memory.secretAt(told, settings) ?? (await readSecretNow(client, namespace, settings));
    memory.remember(secret, settings);
    memory.asksBy(settings);
    const believed = checkedAgainstClock(secret.facts, this.#latest() + settings.clockSkewMs, settings.secretName);
    const { ledgerReading, seen } = await this.#checkAgainstLedger(resource, believed);
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
      now: this.#now(),
      clockOffsetMs: serverClock.offsetMs(),
      sharedWith: this.#holdersOf(keyOf(resource.metadata), realFingerprints(secret.facts)),
      burntElsewhere: this.#holdersOf(keyOf(resource.metadata), burntFingerprints(secret.facts)),
      refusals: memory.refusals,
    });
    memory.prune(facts);
    return { facts, decision: plan(facts) };
  }

  /** What time it is at least, by the clock of the API server; by ours as long as that has not told. */
  #now(): number {
    const { serverClock, clock } = this.#options;
    return serverClock.time()?.earliest ?? clock.now();
  }

  #latest(): number {
    const { serverClock, clock } = this.#options;
    return serverClock.time()?.latest ?? clock.now();
  }

  /** What stands against the Secret is looked at afresh before it counts. */
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

  /** A key that two resources hold is a key that two environments share. @returns those other than `key` that hold one */
  #holdersOf(key: string, fingerprints: readonly string[]): readonly string[] {
    const others = [...this.#memories].filter(([other]) => other !== key);
    return others.flatMap(([other, memory]) => {
      const held = memory.secret === undefined ? [] : realFingerprints(memory.secret.facts);
      return held.some((fingerprint) => fingerprints.includes(fingerprint)) ? [other] : [];
    });
  }

  async #refuse(resource: JwtKeyRotation, finding: Finding): Promise<Result> {
    const now = this.#now();
    const status = invalidStatus(resource, finding, now);
    this.#options.announcer.refused(resource, finding, status);
    const { againMs = RESYNC_MS, failure } = await this.#options.status.write(resource, status, now);
    this.#options.announcer.statusFailed(resource, failure);
    return { requeueAfterMs: againMs };
  }

  /** Two resources on one Secret would undo each other's work: the older one has it. */
  #conflict(resource: JwtKeyRotation): Finding | undefined {
    const { namespace = '', creationTimestamp = '', uid = '' } = resource.metadata;
    const older = this.#options.resources.list(namespace).find(({ metadata, spec }) => {
      if (metadata.uid === uid || spec.secretName !== resource.spec.secretName) return false;
      const order = (metadata.creationTimestamp ?? '').localeCompare(creationTimestamp);
      return order < 0 || (order === 0 && (metadata.uid ?? '') < uid);
    });
    if (older === undefined) return undefined;
    const { facts } = this.#memories.get(keyOf(older.metadata))?.secret ?? {};
    return conflictWith(resource, older, facts);
  }

  /** What is not known to have failed may have happened: the Secret is read again before anything else. */
  async #recover(key: string, resource: JwtKeyRotation, error: unknown): Promise<Result> {
    this.#memory(key).forgetSecret();
    if (error instanceof ChangedError) return { requeueAfterMs: this.#memory(key).outrun() };
    if (!isKubeError(error, 'Forbidden')) throw error;
    const message = `rekey lacks rights in this namespace: ${error.message}. Apply deploy/namespace with the name of the Secret (and deploy/files for mounted files, deploy/rollouts for Argo Rollouts)`;
    await this.#refuse(resource, { reason: 'Forbidden', message });
    return { requeueAfterMs: FORBIDDEN_RETRY_MS };
  }

  #memory(key: string): Memory {
    const known = this.#memories.get(key);
    if (known !== undefined) return known;
    const memory = new Memory();
    this.#memories.set(key, memory);
    return memory;
  }

  #forget(key: string): void {
    this.#memories.get(key)?.close();
    this.#memories.delete(key);
    this.#options.secrets.unwatch(key);
    this.#options.podChecks.forgot(key);
    this.#options.announcer.forgot(key);
    this.#options.notifier.forgot(key);
    this.#options.audit.forgot(key);
    this.#options.status.forget(key);
  }
}

/** Of an action: what of it was not done, a world that had changed meanwhile included. */
function refusedIn(action: Action, outcome: EffectResult): readonly Refused[] {
  if (outcome.kind !== 'Outdated') return 'refused' in outcome ? outcome.refused : [];
  const said = 'the Secret has changed since it was decided';
  return effectsOf(action).map((effect) => ({ effect, cause: 'Outrun', said }));
}

function waitMs(action: Extract<Action, { type: 'wait' | 'confirm' }>, now: number): number {
  if (action.type === 'confirm' || action.until === undefined) return RESYNC_MS;
  return Math.min(Math.max(action.until - now, 0), RESYNC_MS);
}

/** That a run was missed is told when it is, not some minutes later. */
function untilMissedMs({ settings: { cadence }, due: { since }, now }: Facts): number {
  if (cadence.kind === 'Period' || since === undefined) return RESYNC_MS;
  const left = since + cadence.startingDeadlineMs - now;
  return left < 0 ? RESYNC_MS : left + 1;
}
