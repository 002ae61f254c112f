/** Reports what happened: Events on transitions, one log line for each decision, metrics. */
import type { KubeError } from '../../kube/errors.ts';
import type { EventRecorder } from '../../runtime/events.ts';
import type { Logger } from '../../runtime/log.ts';
import { keyOf } from '../../runtime/store.ts';
import type { EffectResult } from '../act/act.ts';
import { type Finding, isPassing } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Answer, Facts, PodOf, Probe, TargetFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import type { Write } from '../keyset/writes.ts';

import type { Action, Assessment, Decision } from '../plan/decision.ts';
import { type Announcement, announcementsOf } from './announcements.ts';
import { withNames } from './commands.ts';
import type { ResourceLabels, RotationMetrics } from './metrics.ts';
import { addedNote, interruptionNote, overloadNote, reuseNote, strangersNote } from './notes.ts';
import { weakKeysOf } from './weakness.ts';

export interface AnnouncerOptions {
  readonly events: EventRecorder;
  readonly log: Logger;
  readonly metrics: RotationMetrics;
}

/** Remembers what was announced, so that it is announced once. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** The log of the pass under way, by resource. */
  readonly #logs = new Map<string, Logger>();
  /** The last announced finding of each resource: a finding makes an Event when it appears, and none while it stays. */
  readonly #findings = new Map<string, string>();
  /** The warnings last announced, by resource and reason. */
  readonly #warned = new Map<string, string>();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** @param log of the pass that begins */
  begins(key: string, log: Logger): void {
    this.#logs.set(key, log);
  }

  decided(resource: JwtKeyRotation, facts: Facts, decision: Decision, status: JwtKeyRotationStatus): void {
    const { assessment } = decision;
    const labels = labelsOf(resource);
    this.#options.metrics.observed(keyOf(labels), { labels, status, facts, assessment });
    this.#found(resource, decision.stalled ?? decision.blocked);
    this.#announceOnce(resource, 'UnlistedConsumer', strangersNote(facts));
    this.#announceOnce(resource, 'KeyReuse', reuseNote(facts));
    this.#announceOnce(resource, 'EmergencyContradicted', assessment.contradiction);
    this.#announceOnce(resource, 'NamesAdded', addedNote(facts));
    this.#announceOnce(resource, 'WeakKey', weakKeysOf(facts.secret)?.message ?? '');
    this.#offSchedule(resource, facts);
    this.#queued(resource, status);
    this.#announceOnce(resource, 'RestartInterrupts', interruptionNote(assessment));
    // autoscalers are read only before a rotation starts, so this is announced once for each; a cutover leaves no pod anyway
    if (facts.live && decision.phase === 'Preflight')
      this.#announceOnce(resource, 'RestartUnderLoad', overloadNote(assessment));
    if (decision.blocked?.reason !== 'ReloaderPresent') {
      this.#announceOnce(resource, 'ReloaderPresent', assessment.reloader?.message ?? '');
    }
    if (decision.action.type === 'wait') return;
    const { action, phase, progress } = decision;
    const version = facts.secret.kind === 'Managed' ? facts.secret.keyset.version : 0;
    const fields = { action: nameOf(action), phase, version, progress };
    if (action.type === 'probe' || assessment.refusedBefore) this.#log(resource).debug('acting', fields);
    else this.#log(resource).info('acting', fields);
  }

  refused(resource: JwtKeyRotation, finding: Finding, status: JwtKeyRotationStatus): void {
    const labels = labelsOf(resource);
    this.#options.metrics.observed(keyOf(labels), { labels, status });
    this.#found(resource, finding);
  }

  /** @param failure why the status cannot be written now; undefined if it can */
  statusFailed(resource: JwtKeyRotation, failure: KubeError | undefined): void {
    const note = failure === undefined ? '' : `cannot write the status, so it may be outdated: ${failure.message}`;
    this.#announceOnce(resource, 'StatusFailed', note);
  }

  acted(resource: JwtKeyRotation, { action, assessment }: Decision, outcome: EffectResult): void {
    const { metrics } = this.#options;
    const labels = labelsOf(resource);
    if (outcome.kind === 'Outdated') this.#log(resource).info('the Secret changed in the meantime; reading it again');
    const refused = 'refused' in outcome ? outcome.refused : [];
    for (const { effect, said } of refused) this.#log(resource).debug('refused', { effect, said });
    if (outcome.kind === 'Probed') {
      for (const answer of answersIn(outcome.probes)) metrics.answered(labels, answer);
    }
    if (outcome.kind === 'Bumped' && action.type === 'bump') this.#bumped(resource, outcome.targets, action.version);
    if (outcome.kind === 'Deleted') this.#deleted(resource, namesOf(outcome.pods));
    if (outcome.kind === 'Refreshed' && action.type === 'refresh') {
      this.#refreshed(resource, namesOf(outcome.pods), action.version);
    }
    if (outcome.kind === 'Evicted' && action.type === 'evict') {
      const held = refused.filter(({ cause }) => cause === 'Budget').map(({ pod }) => pod);
      this.#evicted(resource, namesOf(outcome.pods), namesOf(action.pods.filter(({ pod }) => held.includes(pod.uid))));
    }
    if (outcome.kind === 'Wrote' && action.type === 'write') {
      this.#wrote(resource, action.write, outcome.keyset, assessment.drain);
    }
  }

  forgot(key: string): void {
    this.#findings.delete(key);
    this.#logs.delete(key);
    for (const warned of this.#warned.keys()) if (warned.startsWith(`${key} `)) this.#warned.delete(warned);
    this.#options.metrics.forget(key);
  }

  #bumped(resource: JwtKeyRotation, targets: readonly TargetFacts[], version: number): void {
    if (targets.length === 0) return;
    for (const { settings } of targets) {
      this.#options.metrics.restarted(labelsOf(resource), settings.kind, settings.name);
    }
    const names = targets.map(({ settings }) => `${settings.kind}/${settings.name}`);
    const note = `restarting ${names.join(', ')} for keyset version ${version}`;
    this.#event(resource, { type: 'Normal', reason: 'RolloutRestartTriggered', note });
  }

  #evicted(resource: JwtKeyRotation, evicted: string, held: string): void {
    if (evicted !== '') {
      const note = `evicted ${evicted}: rekey has no proof of the keys that ${evicted.includes(', ') ? 'their templates require' : 'its template requires'}`;
      this.#event(resource, { type: 'Warning', reason: 'StalePod', note });
    }
    if (held === '') return;
    const why = `a PodDisruptionBudget does not allow the eviction of ${held}; the rotation waits`;
    this.#event(resource, { type: 'Warning', reason: 'EvictionRefused', note: why });
  }

  #deleted(resource: JwtKeyRotation, names: string): void {
    if (names === '') return;
    const note = `deleted ${names}: ${names.includes(', ') ? 'they' : 'it'} may hold a key that was replaced at once`;
    this.#event(resource, { type: 'Warning', reason: 'PodDeleted', note });
    this.#log(resource).warn(note);
  }

  #refreshed(resource: JwtKeyRotation, names: string, version: number): void {
    if (names === '') return;
    const note = `asked the kubelet to update the mounted files of ${names} for keyset version ${version}`;
    this.#event(resource, { type: 'Normal', reason: 'FilesRefreshed', note });
  }

  #wrote(resource: JwtKeyRotation, write: Write, keyset: Keyset, drain: Assessment['drain']): void {
    const { metrics } = this.#options;
    metrics.wrote(labelsOf(resource), write.transition);
    if (write.transition === 'finish' || write.transition === 'extinguish') {
      const outcome = keyset.rotation?.outcome ?? 'unknown';
      metrics.rotationEnded(labelsOf(resource), outcome, keyset.rotation?.trigger ?? 'unknown');
    }
    const starts = write.transition === 'stage' || (write.transition === 'promote' && write.start !== undefined);
    if (starts) this.#warned.delete(warningKey(resource, 'RestartUnderLoad'));
    for (const announcement of announcementsOf(write, keyset, drain)) this.#event(resource, announcement);
    const { version, phase } = keyset;
    this.#log(resource).info('wrote the Secret', {
      transition: write.transition,
      version,
      phase,
      rotation: keyset.rotation?.id,
    });
  }

  /** What is already in the status was announced when it appeared, perhaps by an earlier process. */
  #offSchedule(resource: JwtKeyRotation, { offSchedule }: Facts): void {
    if (offSchedule === undefined) return;
    const { reason } = offSchedule;
    const message = withNames(offSchedule.message, resource);
    const known = resource.status?.conditions?.find(({ type }) => type === 'OnSchedule');
    if (known?.message !== message) this.#announceOnce(resource, reason, message);
  }

  /** As with the schedule. At rest a request starts at once, or its blocker is announced. */
  #queued(resource: JwtKeyRotation, { rotation, queued = [] }: JwtKeyRotationStatus): void {
    const known = resource.status?.queued ?? [];
    const news = queued.filter(({ reason }) => !known.some((other) => other.reason === reason));
    if (rotation === undefined || news.length === 0) return;
    const asked = news.map(({ trigger, actor, reason }) => `${trigger} by ${actor}: ${reason}`);
    const note = `${asked.join('; ')}. It waits until the rotation under way ends (${rotation.trigger} by ${rotation.actor}: ${rotation.reason})`;
    this.#announceOnce(resource, 'RotationQueued', note, 'Normal');
  }

  /** For something that stays: makes an Event when it appears and when its text changes. */
  #announceOnce(resource: JwtKeyRotation, reason: string, note: string, type: Announcement['type'] = 'Warning'): void {
    const key = warningKey(resource, reason);
    if ((this.#warned.get(key) ?? '') === note) return;
    this.#warned.set(key, note);
    if (note === '') return;
    this.#event(resource, { type, reason, note });
    this.#log(resource)[type === 'Warning' ? 'warn' : 'info'](note, { reason });
  }

  #found(resource: JwtKeyRotation, finding: Finding | undefined): void {
    const key = keyOf(resource.metadata);
    if (this.#findings.get(key) === (finding && newsOf(finding))) return;
    if (finding === undefined) {
      this.#findings.delete(key);
      this.#logs.delete(key);
      this.#log(resource).info('nothing blocks this resource any more');
      return;
    }
    this.#findings.set(key, newsOf(finding));
    const { reason } = finding;
    const note = withNames(finding.message, resource);
    if (!isPassing(finding)) this.#event(resource, { type: 'Warning', reason, note });
    this.#log(resource).warn(note, { reason });
  }

  #event(resource: JwtKeyRotation, { type, reason, note }: Announcement): void {
    this.#options.events.event(resource, { type, reason, action: 'Rotate', note });
  }

  #log(resource: JwtKeyRotation): Logger {
    return this.#logs.get(keyOf(resource.metadata)) ?? this.#options.log.child({ ...labelsOf(resource) });
  }
}

/** Identifies a finding for Events. Another refused object, another refuser, or a finding that begins to last is new. */
function newsOf(finding: Finding): string {
  const { reason, message } = finding;
  if (reason === 'WriteRefused') return `${reason} ${message}`;
  return isPassing(finding) ? reason : `${reason} stays`;
}

function warningKey({ metadata }: JwtKeyRotation, reason: string): string {
  return `${keyOf(metadata)} ${reason}`;
}

function labelsOf({ metadata }: JwtKeyRotation): ResourceLabels {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function nameOf(action: Action): string {
  return action.type === 'write' ? `write ${action.write.transition}` : action.type;
}

function namesOf(pods: readonly PodOf[]): string {
  return pods.map(({ pod }) => pod.name).join(', ');
}

function answersIn(probes: ReadonlyMap<string, Probe>): readonly Answer[] {
  return [...probes.values()].flatMap(({ answers, random }) => [...answers.values(), random]);
}
