/**
 * One pass over one resource: observe → plan → status → act. It makes at most one effect; then the world is observed
 * again.
 */
import { defined } from '../base/objects.ts';
import { isKubeError } from '../kube/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { serverTime } from '../runtime/server-clock.ts';
import { keyOf } from '../runtime/store.ts';
import { TokenBuckets } from '../runtime/token-buckets.ts';
import type { Actor, EffectAction } from './act/act.ts';
import type { PodChecks } from './act/pod-checks.ts';
import type { Finding } from './api/finding.ts';
import type { JwtKeyRotation } from './api/names.ts';
import { SOON_MS } from './api/refusal.ts';
import type { JwtKeyRotationStatus } from './api/types.ts';
import type { AuditWriter } from './audit/audit-writer.ts';
import type { Facts } from './facts.ts';
import { earliest, needOf, pauseMs, RESYNC_MS, untilMissedMs, waitMs } from './pass/again.ts';
import { conflictWith } from './pass/conflict.ts';
import { cutOffBy, within } from './pass/cut-off.ts';
import { ChangedError, type Decided, Decider, type DeciderOptions } from './pass/decide.ts';
import { refusedIn } from './pass/made.ts';
import { Memories } from './pass/memories.ts';
import type { Memory } from './pass/memory.ts';
import type { Decision } from './plan/decision.ts';
import type { Announcer } from './report/announce.ts';
import type { Notifier } from './report/notifier.ts';
import { invalidStatus, statusOf } from './report/status.ts';
import type { StatusOutcome, StatusWriter } from './report/status-writer.ts';
import { isEmergency, isUnserved, mayBeEmergency, priorityOf, UNDER_WAY_PRIORITY } from './requests/urgency.ts';
import type { Need, SecretWatches } from './secret/secret-watches.ts';
import { specFinding } from './settings/spec-checks.ts';

const FORBIDDEN_RETRY_MS = 30_000;
/** So many at once: a person corrects one mistake, then another, or gives up. Then one in 15 s. */
const HURRIES = 5;
/** An emergency waits so long for a write of the status at most, milliseconds. */
const TELL_MS = 1_000;

export interface ReconcilerOptions extends DeciderOptions {
  readonly log: Logger;
  readonly secrets: SecretWatches;
  readonly actor: Actor;
  readonly podChecks: Pick<PodChecks, 'observed' | 'forgot'>;
  readonly status: StatusWriter;
  /** @throws if this process may not write in this namespace now: then it says nothing either */
  readonly fence: (namespace: string) => void;
  readonly announcer: Announcer;
  readonly notifier: Pick<Notifier, 'observed' | 'forgot'>;
  readonly audit: Pick<AuditWriter, 'ledgerOf' | 'observed' | 'forgot'>;
  /** From 0 to 1, to spread the looks at many resources. */
  readonly random?: () => number;
}

interface Result {
  readonly requeueAfterMs: number;
  readonly priority?: number;
}

/** One instance serves all resources; a resource has one pass at a time. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #memories = new Memories();
  readonly #decider: Decider;
  /** Changes by which people let refused effects be tried at once. */
  readonly #hurries: TokenBuckets;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#hurries = new TokenBuckets(options.clock, { burst: HURRIES, refillMs: SOON_MS });
    this.#decider = new Decider(options, this.#memories);
  }

  /**
   * @param key `namespace/name` of a JwtKeyRotation
   * @param log of this pass
   */
  async reconcile(key: string, log: Logger): Promise<Result | undefined> {
    const resource = this.#options.resources.get(key);
    if (resource === undefined || resource.metadata.deletionTimestamp !== undefined) {
      this.forget(key);
      return undefined;
    }
    if (!this.#memories.isOf(key, resource)) this.forget(key);
    this.#memories.begin(key, resource);
    this.#options.announcer.begins(key, log);
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
    const { audit, clock, announcer, fence, notifier, podChecks, status } = this.#options;
    const namespace = known.metadata.namespace ?? '';
    fence(namespace);
    const memory = this.#memories.of(key);
    if (memory.heard(known, () => this.#hurries.admit(key) !== undefined)) memory.forgetOpenAnswers(clock.monotonic());
    const { resource, facts, decision, lent } = await this.#decider.decide(known, memory);
    // the reads may have taken long
    fence(namespace);
    memory.decided(decision);
    const unfit = specFinding(resource.spec);
    if (unfit !== undefined && !decision.assessment.emergency) return this.#refuse(resource, unfit);
    const notified = notifier.observed(resource, facts, decision);
    const { checks, againMs } = podChecks.observed(resource, facts);
    const next = {
      ...statusOf(resource, facts, decision),
      ...(notified.length > 0 && { notified }),
      ...checks,
    };
    announcer.decided(resource, facts, decision, next);
    audit.observed(resource, facts, decision.assessment);
    const { action } = decision;
    // the next pass reports what a write of the Secret has made, a moment later; a write that fails is reported before, and so is
    // a rotation that has ended: if another one starts at once, the Secret forgets it. An emergency waits for no status
    const isNews = hasEnded(resource, next) || status.isBehind(resource, next);
    const mustTell = memory.failed || (isNews && !decision.assessment.emergency);
    const isTold = action.type === 'write' && !mustTell;
    const { againMs: statusAgainMs, failure } = isTold ? {} : await this.#tell(key, resource, next, decision, facts);
    if (!isTold) announcer.statusFailed(resource, failure);
    const most = this.#pauseMs(key, resource, needOf(decision, facts));
    if (action.type === 'wait' || action.type === 'confirm') {
      const requeueAfterMs = earliest(most, waitMs(action, facts.now), untilMissedMs(facts), statusAgainMs, againMs);
      return { requeueAfterMs, priority: this.#priorityOf(key, facts) };
    }
    await this.#act({ resource, facts, decision, ...defined({ lent }) }, action, memory);
    return { requeueAfterMs: 0, priority: Math.max(this.#priorityOf(key, facts), UNDER_WAY_PRIORITY) };
  }

  /** Writes the status. In an emergency the next effect waits for the API server a moment only. */
  #tell(
    key: string,
    resource: JwtKeyRotation,
    next: JwtKeyRotationStatus,
    { assessment }: Decision,
    { now }: Facts,
  ): Promise<StatusOutcome> {
    const { status, clock, log } = this.#options;
    const telling = status.write(resource, next, now);
    if (!assessment.emergency) return telling;
    const late = { againMs: TELL_MS };
    const onError = (error: unknown) => log.warn('the status was not written', { resource: key, error });
    return within(clock, TELL_MS, telling, late, onError);
  }

  /** Makes the one effect, and learns from what came of it. */
  async #act({ resource, facts, decision, lent }: Decided, action: EffectAction, memory: Memory): Promise<void> {
    const { actor, announcer, clock } = this.#options;
    const before = clock.now();
    const known = { read: memory.secret, lent, retired: memory.retired };
    const { namespace = '' } = resource.metadata;
    // people may ask for an emergency while pods are asked, for up to half a minute
    const isUrgent = () => !decision.assessment.emergency && this.#isUnserved(resource);
    const outcome = await cutOffBy(clock, isUrgent, (cut) => actor.act(namespace, facts, action, { ...known, cut }));
    memory.learn(outcome, facts.settings, clock.monotonic());
    const urgent = decision.assessment.emergency || isEmergency(resource);
    memory.tried(action, refusedIn(action, outcome), facts.now + (clock.now() - before), urgent);
    announcer.acted(resource, decision, outcome);
  }

  async #refuse(resource: JwtKeyRotation, finding: Finding): Promise<Result> {
    this.#options.fence(resource.metadata.namespace ?? '');
    const now = serverTime(this.#options.serverClock, this.#options.clock).earliest;
    const status = invalidStatus(resource, finding, now);
    this.#options.announcer.refused(resource, finding, status);
    const { againMs, failure } = await this.#options.status.write(resource, status, now);
    this.#options.announcer.statusFailed(resource, failure);
    return { requeueAfterMs: earliest(RESYNC_MS, againMs) };
  }

  /** As the resource is now. */
  #isUnserved({ metadata }: JwtKeyRotation): boolean {
    const resource = this.#options.resources.get(keyOf(metadata));
    return resource !== undefined && isUnserved(resource);
  }

  /** Of the resource as it is after the pass. */
  #priorityOf(key: string, { secret }: Facts): number {
    const resource = this.#options.resources.get(key);
    const phase = secret.kind === 'Managed' ? secret.keyset.phase : undefined;
    return resource === undefined ? 0 : priorityOf(resource, phase);
  }

  /** Watches the Secret as it needs. @returns the longest pause until the next pass */
  #pauseMs(key: string, { metadata, spec }: JwtKeyRotation, need: Need): number {
    const { secrets, resources, random = Math.random } = this.#options;
    const watched = secrets.watch(key, metadata.namespace ?? '', spec.secretName, need);
    return pauseMs({ need, watched, resources: resources.size, random: random() });
  }

  /** @returns whether a pass has read this version of the Secret of this resource, so that nobody need be told of it */
  hasRead(key: string, resourceVersion: string): boolean {
    return this.#memories.hasRead(key, resourceVersion, this.#options.clock.monotonic());
  }

  /** Two resources on one Secret would undo each other's work, so only the older one gets it. */
  #conflict(resource: JwtKeyRotation): Finding | undefined {
    const { namespace = '', creationTimestamp = '', uid = '' } = resource.metadata;
    const older = this.#options.resources.list(namespace).find(({ metadata, spec }) => {
      if (metadata.uid === uid || spec.secretName !== resource.spec.secretName) return false;
      const order = (metadata.creationTimestamp ?? '').localeCompare(creationTimestamp);
      return order < 0 || (order === 0 && (metadata.uid ?? '') < uid);
    });
    if (older === undefined) return undefined;
    return conflictWith(resource, older, this.#memories.secretOf(keyOf(older.metadata)));
  }

  /** An effect that did not surely fail may have been made, so the Secret is read again before anything else. */
  async #recover(key: string, resource: JwtKeyRotation, error: unknown): Promise<Result> {
    const memory = this.#memories.of(key);
    memory.forgetSecret();
    memory.failed = true;
    if (error instanceof ChangedError) {
      if (error.message !== '') this.#options.log.warn('an answer was not used', { resource: key, error });
      return { requeueAfterMs: memory.outrun() };
    }
    if (!isKubeError(error, 'Forbidden')) throw error;
    const message = `rekey lacks rights in this namespace: ${error.message}. Apply deploy/namespace with the name of the Secret (and deploy/files for mounted files, deploy/rollouts for Argo Rollouts)`;
    await this.#refuse(resource, { reason: 'Forbidden', message });
    return { requeueAfterMs: FORBIDDEN_RETRY_MS };
  }

  /** Forgets a resource that is gone, or that another replica serves from now on. */
  forget(key: string): void {
    this.#memories.forget(key);
    this.#options.secrets.unwatch(key);
    this.#options.podChecks.forgot(key);
    this.#options.announcer.forgot(key);
    this.#options.notifier.forgot(key);
    this.#options.audit.forgot(key);
    this.#options.status.forget(key);
  }
}

/** @returns whether the last rotation that has ended is in no written status yet */
function hasEnded({ status }: JwtKeyRotation, next: JwtKeyRotationStatus): boolean {
  return next.history?.[0]?.id !== status?.history?.[0]?.id;
}
