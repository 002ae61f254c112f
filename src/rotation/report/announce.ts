/**
 * Tells people what happened: Events on transitions, one log line a decision, metrics.
 */
import type { KubeError } from '../../kube/errors.ts';
import type { EventRecorder } from '../../runtime/events.ts';
import type { Logger } from '../../runtime/log.ts';
import { keyOf } from '../../runtime/store.ts';
import type { Outcome } from '../act.ts';
import { type Drain, drainTextOf } from '../drain.ts';
import type { Answer, Facts, Probe } from '../facts.ts';
import { type Finding, isPassing } from '../finding.ts';
import { iso } from '../iso.ts';
import { currentShape, type Keyset, keyIn, refusal, secondsOf } from '../keyset/keyset.ts';
import type { Write } from '../keyset/transition.ts';
import { DATA, type JwtKeyRotation } from '../names.ts';
import type { PodOf } from '../plan/converge.ts';
import type { Action, Decision } from '../plan/decision.ts';
import { effectsOf, type PodVerb, podEffect, restartEffect } from '../plan/effect.ts';
import { reloaderPresent } from '../plan/policies/reloader.ts';
import { label } from '../plan/policies/targets.ts';
import { contradiction } from '../plan/served.ts';
import { drainMsOf } from '../plan/write-gate.ts';
import { besideNames, drainOf } from '../settings.ts';
import type { JwtKeyRotationStatus } from '../types.ts';
import type { ResourceLabels, RotationMetrics } from './metrics.ts';
import { weakKeysOf } from './weakness.ts';

interface Announcement {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

export interface AnnouncerOptions {
  readonly events: EventRecorder;
  readonly log: Logger;
  readonly metrics: RotationMetrics;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  /** Of the pass under way over each resource. */
  readonly #logs = new Map<string, Logger>();
  /** The finding last announced of each resource: it is an Event when it comes, not as long as it stays. */
  readonly #findings = new Map<string, string>();
  /** The warnings last announced, by resource and reason. */
  readonly #warned = new Map<string, string>();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** @param log of a pass over this resource that begins */
  begins(key: string, log: Logger): void {
    this.#logs.set(key, log);
  }

  decided(resource: JwtKeyRotation, facts: Facts, decision: Decision, status: JwtKeyRotationStatus): void {
    const labels = labelsOf(resource);
    this.#options.metrics.observed(keyOf(labels), labels, status, facts);
    this.#found(resource, decision.stalled ?? decision.blocked);
    this.#tellOnce(resource, 'UnlistedConsumer', strangersNote(facts));
    this.#tellOnce(resource, 'KeyReuse', reuseNote(facts));
    this.#tellOnce(resource, 'EmergencyContradicted', contradiction(facts));
    this.#tellOnce(resource, 'NamesAdded', addedNote(facts));
    this.#tellOnce(resource, 'WeakKey', weakKeysOf(facts.secret)?.message ?? '');
    this.#offSchedule(resource, facts);
    this.#queued(resource, status);
    this.#tellOnce(resource, 'RestartInterrupts', interruptionNote(facts));
    // autoscalers are looked at when a rotation is about to start, so it is told once for each; a cutover leaves no pod anyway
    if (facts.live && decision.phase === 'Preflight') this.#tellOnce(resource, 'RestartUnderLoad', overloadNote(facts));
    if (decision.blocked?.reason !== 'ReloaderPresent') {
      this.#tellOnce(resource, 'ReloaderPresent', reloaderPresent(facts)?.message ?? '');
    }
    if (decision.action.type === 'wait') return;
    const { action, phase, progress } = decision;
    const version = facts.secret.kind === 'Managed' ? facts.secret.keyset.version : 0;
    const fields = { action: nameOf(action), phase, version, progress };
    const refusedBefore = facts.refusals?.some(({ effect }) => effectsOf(action).includes(effect)) === true;
    if (action.type === 'probe' || refusedBefore) this.#log(resource).debug('acting', fields);
    else this.#log(resource).info('acting', fields);
  }

  refused(resource: JwtKeyRotation, finding: Finding, status: JwtKeyRotationStatus): void {
    const labels = labelsOf(resource);
    this.#options.metrics.observed(keyOf(labels), labels, status);
    this.#found(resource, finding);
  }

  /** @param failure why the status cannot be written now; undefined if it can */
  statusFailed(resource: JwtKeyRotation, failure: KubeError | undefined): void {
    const note = failure === undefined ? '' : `the status cannot be written, so it may be old: ${failure.message}`;
    this.#tellOnce(resource, 'StatusFailed', note);
  }

  acted(resource: JwtKeyRotation, action: Action, outcome: Outcome): void {
    const { metrics } = this.#options;
    const labels = labelsOf(resource);
    if (outcome.kind === 'Outdated') this.#log(resource).info('the Secret changed meanwhile; looking again');
    const refused = 'refused' in outcome ? outcome.refused : [];
    for (const { effect, said } of refused) this.#log(resource).debug('refused', { effect, said });
    if (outcome.kind === 'Probed') {
      for (const answer of answersIn(outcome.probes)) metrics.answered(labels, answer);
    }
    const isDone = (effect: string) => !refused.some((each) => each.effect === effect);
    if (outcome.kind === 'Bumped' && action.type === 'bump') {
      const { version } = action;
      const targets = action.targets.filter((target) => isDone(restartEffect(target, version)));
      if (targets.length > 0) this.#bumped(resource, { ...action, targets });
    }
    if (outcome.kind === 'Deleted' && action.type === 'delete') {
      this.#deleted(resource, namesOf(action.pods, 'delete', isDone));
    }
    if (outcome.kind === 'Refreshed' && action.type === 'refresh') {
      this.#refreshed(resource, namesOf(action.pods, 'mark', isDone), action.version);
    }
    if (outcome.kind === 'Evicted' && action.type === 'evict') {
      const isHeld = (effect: string) => refused.some((each) => each.effect === effect && each.cause === 'Budget');
      this.#evicted(resource, namesOf(action.pods, 'evict', isDone), namesOf(action.pods, 'evict', isHeld));
    }
    if (outcome.kind === 'Wrote' && action.type === 'write') this.#wrote(resource, action.write, outcome.keyset);
  }

  forgot(key: string): void {
    this.#findings.delete(key);
    this.#logs.delete(key);
    for (const warned of this.#warned.keys()) if (warned.startsWith(`${key} `)) this.#warned.delete(warned);
    this.#options.metrics.forget(key);
  }

  #bumped(resource: JwtKeyRotation, action: Extract<Action, { type: 'bump' }>): void {
    for (const { settings } of action.targets) {
      this.#options.metrics.restarted(labelsOf(resource), settings.kind, settings.name);
    }
    const names = action.targets.map(({ settings }) => `${settings.kind}/${settings.name}`);
    const note = `restarting ${names.join(', ')} for keyset version ${action.version}`;
    this.#event(resource, { type: 'Normal', reason: 'RolloutRestartTriggered', note });
  }

  #evicted(resource: JwtKeyRotation, evicted: string, held: string): void {
    if (evicted !== '') {
      const note = `${evicted} does not hold the keys that its template asks for; evicted`;
      this.#event(resource, { type: 'Warning', reason: 'StalePod', note });
    }
    if (held === '') return;
    const why = `a PodDisruptionBudget does not let ${held} be evicted; the rotation waits`;
    this.#event(resource, { type: 'Warning', reason: 'EvictionRefused', note: why });
  }

  #deleted(resource: JwtKeyRotation, names: string): void {
    if (names === '') return;
    const note = `${names} may hold a key that was replaced at once; deleted`;
    this.#event(resource, { type: 'Warning', reason: 'PodDeleted', note });
    this.#log(resource).warn(note);
  }

  #refreshed(resource: JwtKeyRotation, names: string, version: number): void {
    if (names === '') return;
    const note = `the mounted files of ${names} are to be read again for keyset version ${version}`;
    this.#event(resource, { type: 'Normal', reason: 'FilesRefreshed', note });
  }

  #wrote(resource: JwtKeyRotation, write: Write, keyset: Keyset): void {
    const { metrics } = this.#options;
    metrics.wrote(labelsOf(resource), write.transition);
    if (write.transition === 'finish' || write.transition === 'extinguish') {
      const outcome = keyset.rotation?.outcome ?? 'unknown';
      metrics.rotationEnded(labelsOf(resource), outcome, keyset.rotation?.trigger ?? 'unknown');
    }
    const starts = write.transition === 'stage' || (write.transition === 'promote' && write.start !== undefined);
    if (starts) this.#warned.delete(warningKey(resource, 'RestartUnderLoad'));
    for (const announcement of announcementsOf(write, keyset, drainOf(resource.spec)))
      this.#event(resource, announcement);
    const { version, phase } = keyset;
    this.#log(resource).info('wrote the Secret', {
      transition: write.transition,
      version,
      phase,
      rotation: keyset.rotation?.id,
    });
  }

  /** What the status tells already was told when it came, perhaps before this process began. */
  #offSchedule(resource: JwtKeyRotation, { offSchedule }: Facts): void {
    if (offSchedule === undefined) return;
    const { reason, message } = offSchedule;
    const known = resource.status?.conditions?.find(({ type }) => type === 'OnSchedule');
    if (known?.message !== message) this.#tellOnce(resource, reason, message);
  }

  /** As with the schedule. At rest it begins at once, or what stands in the way is told. */
  #queued(resource: JwtKeyRotation, { rotation, queued = [] }: JwtKeyRotationStatus): void {
    const known = resource.status?.queued ?? [];
    const news = queued.filter(({ reason }) => !known.some((other) => other.reason === reason));
    if (rotation === undefined || news.length === 0) return;
    const asked = news.map(({ trigger, actor, reason }) => `${trigger} by ${actor}: ${reason}`);
    const note = `${asked.join('; ')}. It waits for the end of the rotation under way (${rotation.trigger} by ${rotation.actor}: ${rotation.reason})`;
    this.#tellOnce(resource, 'RotationQueued', note, 'Normal');
  }

  /** Of something that stays: an Event when it comes and when its text changes, not as long as it stays. */
  #tellOnce(resource: JwtKeyRotation, reason: string, note: string, type: Announcement['type'] = 'Warning'): void {
    const key = warningKey(resource, reason);
    if ((this.#warned.get(key) ?? '') === note) return;
    this.#warned.set(key, note);
    if (note === '') return;
    this.#event(resource, { type, reason, note });
    this.#log(resource)[type === 'Warning' ? 'warn' : 'info'](note, { reason });
  }

  #found(resource: JwtKeyRotation, finding: Finding | undefined): void {
    const key = keyOf(resource.metadata);
    if (this.#findings.get(key) === (finding && toldAs(finding))) return;
    if (finding === undefined) {
      this.#findings.delete(key);
      this.#logs.delete(key);
      this.#log(resource).info('nothing stands in the way any more');
      return;
    }
    this.#findings.set(key, toldAs(finding));
    if (!isPassing(finding)) this.#event(resource, { type: 'Warning', reason: finding.reason, note: finding.message });
    this.#log(resource).warn(finding.message, { reason: finding.reason });
  }

  #event(resource: JwtKeyRotation, { type, reason, note }: Announcement): void {
    this.#options.events.event(resource, { type, reason, action: 'Rotate', note });
  }

  #log(resource: JwtKeyRotation): Logger {
    return this.#logs.get(keyOf(resource.metadata)) ?? this.#options.log.child({ ...labelsOf(resource) });
  }
}

/** Another object that is refused, or another who refuses, is news; and that something does not pass. */
function toldAs(finding: Finding): string {
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

function namesOf(pods: readonly PodOf[], verb: PodVerb, which: (effect: string) => boolean): string {
  const found = pods.filter((row) => which(podEffect(verb, row)));
  return found.map(({ pod }) => pod.name).join(', ');
}

function answersIn(probes: ReadonlyMap<string, Probe>): readonly Answer[] {
  return [...probes.values()].flatMap(({ answers, random }) => [...answers.values(), random]);
}

/** Where unlisted consumers do not block, they are told. */
function strangersNote({ settings, unlistedConsumers }: Facts): string {
  if (settings.unlistedConsumers === 'Block' || unlistedConsumers.length === 0) return '';
  return `${unlistedConsumers.join(', ')} uses Secret ${settings.secretName} and is no target: it is not restarted, and may refuse valid tokens`;
}

/** Before the first write: what a container would see of it. */
function addedNote({ secret, settings, crowded = [] }: Facts): string {
  const { signingNames, secretName } = settings;
  const all = [...signingNames, ...besideNames(settings), ...Object.values(DATA).filter((name) => name !== DATA.burnt)];
  const added = secret.kind === 'Absent' ? all : secret.kind === 'Unmanaged' ? (secret.lacks ?? []) : [];
  if (added.length === 0 || crowded.length === 0) return '';
  return `Secret ${secretName} gets ${added.join(', ')}, and ${crowded.join('; ')} takes all of it: a variable of that name from what stands before is hidden from its next start on`;
}

function reuseNote({ sharedWith, settings }: Facts): string {
  if (sharedWith.length === 0) return '';
  return `the key of ${settings.environment} is also that of ${sharedWith.join(', ')}`;
}

/** Only where a restart is what gives a target the key. */
function interruptionNote({ targets }: Facts): string {
  const interrupted = targets.filter(({ settings, workload }) => settings.source === 'Env' && workload?.interruption);
  if (interrupted.length === 0) return '';
  const each = interrupted.map((target) => `${label(target)}: ${target.workload?.interruption}`);
  return `${each.join('; ')}. Each rotation interrupts it for as long as a pod takes to start; let one more pod run meanwhile`;
}

/** No reason to wait: the key must change, and a load may last. */
function overloadNote({ targets }: Facts): string {
  const loaded = targets.filter(({ workload }) => workload?.overloaded !== undefined);
  if (loaded.length === 0) return '';
  const each = loaded.map((target) => `${label(target)}: ${target.workload?.overloaded}`);
  return `${each.join('; ')}, and fewer serve while it restarts; raise maxReplicas, or let a Deployment start new pods first (maxUnavailable: 0)`;
}

function gone({ emergency }: Keyset): string {
  const seconds = emergency && secondsOf(emergency);
  return `${emergency && refusal(emergency)} ${seconds} s after the fresh one was written`;
}

function concluded(rotation: { readonly inferred?: string | undefined } | undefined): string {
  return rotation?.inferred === undefined ? '' : `; concluded in part: ${rotation.inferred}`;
}

function adopted(keyset: Keyset): string {
  const others = keyset.keys.filter(({ state }) => state === 'draining' || state === 'found').map(({ kid }) => kid);
  const also =
    others.length === 0 ? '' : `; ${others.join(', ')} is accepted as before, until the first rotation retires it`;
  return `the key that was found is ${currentShape(keyset).sign} from now on; it was not changed${also}`;
}

/** What was asked for before there was a Secret to do it to: a copy of a resource brings such along. */
function noted({ noted: found = [] }: { readonly noted?: readonly string[] }): readonly Announcement[] {
  if (found.length === 0) return [];
  const note = `${found.join(', ')}: found with the resource, noted as served, and not acted upon. If it is meant, ask again with another value (an emergency: another nonce)`;
  return [{ type: 'Warning', reason: 'RequestsNoted', note }];
}

function withdrawn({ withdrawn: ended = [] }: { readonly withdrawn?: readonly string[] }): readonly Announcement[] {
  if (ended.length === 0) return [];
  const note = `taken back before a rotation began, and not served later: ${ended.join('; ')}`;
  return [{ type: 'Normal', reason: 'RequestWithdrawn', note }];
}

function residueOf({ emergency }: Keyset): readonly Announcement[] {
  const { residue = [], residueIncomplete } = emergency ?? {};
  const rest = residueIncomplete === undefined ? '' : ` (${residueIncomplete})`;
  if (residue.length === 0 && rest === '') return [];
  const found =
    residue.length === 0 ? 'no copy of a burnt key was found' : `a burnt key lies in: ${residue.join('; ')}`;
  return [{ type: residue.length === 0 ? 'Normal' : 'Warning', reason: 'KeyResidue', note: `${found}${rest}` }];
}

/** How long a draining key is still accepted. */
function leavesText(keyset: Keyset, drain: Drain): string {
  const exit = keyIn(keyset, 'draining')?.lastSignerExit ?? 0;
  const drainMs = drainMsOf({ settings: drain }, keyset);
  return `it is accepted until ${iso(exit + drainMs)}, for ${drainTextOf(drain, drainMs)}`;
}

function announcementsOf(write: Write, keyset: Keyset, drain: Drain): readonly Announcement[] {
  const { rotation } = keyset;
  const normal = (reason: string, note: string): Announcement => ({ type: 'Normal', reason, note });
  const warning = (reason: string, note: string): Announcement => ({ type: 'Warning', reason, note });
  const { sign } = currentShape(keyset);
  const who = `${rotation?.trigger} by ${rotation?.actor}: ${rotation?.reason}`;
  const staged = keyIn(keyset, 'staged')?.kid;
  switch (write.transition) {
    case 'create':
      return [normal('SecretCreated', `the Secret was created with key ${sign}`), ...noted(write)];
    case 'adopt':
      return [normal('SecretAdopted', adopted(keyset)), ...noted(write)];
    case 'stage':
      return [
        normal('RotationStarted', who),
        normal('KeyStaged', `${rotation?.to} is accepted from now on; ${sign} still signs`),
      ];
    case 'promote':
      return [
        ...(write.start === undefined ? [] : [normal('RotationStarted', who)]),
        normal('KeyPromoted', `${sign} signs from now on; ${keyIn(keyset, 'draining')?.kid} is still accepted`),
      ];
    case 'drain':
      return [
        normal(
          'KeyDraining',
          `no pod signs with ${keyIn(keyset, 'draining')?.kid} any more; ${leavesText(keyset, drain)}${concluded(write)}`,
        ),
      ];
    case 'reopen':
      return [warning('StaleSigner', 'a pod was found that may sign with the draining key; the wait starts again')];
    case 'retire':
      return [
        normal('KeyRetired', `${rotation?.failure === undefined ? rotation?.from : rotation?.to} has left the Secret`),
        ...(staged === undefined
          ? []
          : [normal('KeyStaged', `${staged} is accepted from now on, for the next rotation`)]),
      ];
    case 'abort':
    case 'rollback':
      return [
        warning('RotationFailed', `${write.transition}: ${write.failure.reason}: ${write.failure.message}`),
        ...withdrawn(write),
      ];
    case 'finish':
      return [
        write.outcome === 'Completed'
          ? normal('RotationCompleted', `${rotation?.from} → ${rotation?.to}${concluded(rotation)}`)
          : warning(`Rotation${write.outcome}`, `${rotation?.from} signs as before`),
      ];
    case 'cutover':
      return [
        warning(
          'CutoverStarted',
          `${who}. ${sign} signs; a pod refuses every token of ${rotation?.from} as soon as it is replaced`,
        ),
      ];
    case 'burn':
      return [
        warning(
          'EmergencyStarted',
          `${rotation?.actor}: ${rotation?.reason}. ${sign} signs; ${keyset.burnt.length} keys are burnt for ever`,
        ),
      ];
    case 'extinguish':
      return [normal('CompromisedKeyGone', gone(keyset)), ...residueOf(keyset)];
    case 'dismiss':
      return [warning('RequestDismissed', 'there is no rotation to abort, or it is too late'), ...withdrawn(write)];
    case 'withdraw':
      return write.withdrawn === undefined
        ? [warning('RequestDismissed', 'there is no request to take back: what has begun is ended by an abort')]
        : withdrawn(write);
  }
}
