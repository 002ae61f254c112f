/**
 * A refused effect is held back until its retry time, whatever wakes the resource, and reported as long as it is
 * wanted. Other effects continue, so an object that rekey may not touch blocks no other. Only a refused write of the
 * Secret delays, for its pause, the fresh read before any other write of it.
 */

import type { Finding } from '../api/finding.ts';
import type { Cause, Refusal } from '../api/refusal.ts';
import type { Facts } from '../facts.ts';
import { formatDuration, iso } from '../schedule/duration.ts';
import type { Action, Step } from './decision.ts';
import { effectsOf, isBurn, isWriteEffect, PROBE_EFFECT, podEffect, restartEffect } from './effect.ts';

/** An API server that restarts fails for less than this, milliseconds. */
const FAILED_MS = 30_000;

/** @returns the step without the refused effects that must wait, and with the finding that reports them */
export function heldBack(facts: Facts, step: Step): Step {
  const { refusals = [], now } = facts;
  if (refusals.length === 0 || step.action.type === 'wait') return step;
  const wanted = refusals.filter((refusal) => isWanted(refusal, step.action, now));
  if (wanted.length === 0) return step;
  const held = wanted.filter(({ retryAt }) => now < retryAt);
  const reported = wanted.find((refusal) => isReported(refusal, facts));
  return {
    ...step,
    action: without(step.action, held),
    ...(held.length > 0 && { held: true }),
    ...(reported && withFinding(facts, step, reported)),
  };
}

/**
 * Reading the world and asking pods come before a write: a refused write is still wanted meanwhile, and one that failed for as
 * long as it was tried lately. An emergency is wanted without either.
 */
function isWanted({ effect, cause, retryAt }: Refusal, action: Action, now: number): boolean {
  if (effectsOf(action).includes(effect)) return true;
  const leadsToWrite = action.type === 'confirm' || action.type === 'probe';
  if (!leadsToWrite || !isWriteEffect(effect) || isBurn(effect)) return false;
  return cause !== 'Failed' || now < retryAt + FAILED_MS;
}

/** These usually pass by themselves. */
const PASSING: readonly Cause[] = ['Budget', 'Outrun', 'Unseen'];

function isReported({ cause, since, effect }: Refusal, { now, secret, settings }: Facts): boolean {
  const burns = isBurn(effect) || (secret.kind === 'Managed' && secret.keyset.phase === 'Burning');
  if (cause === 'Failed') return burns || now >= since + FAILED_MS;
  return !PASSING.includes(cause) || now >= since + settings.rolloutTimeoutMs;
}

function without(action: Action, held: readonly Refusal[]): Action {
  if (held.length === 0) return action;
  const isFree = (effect: string) => !held.some((refusal) => refusal.effect === effect);
  const rest = { type: 'wait', until: Math.min(...held.map(({ retryAt }) => retryAt)) } as const;
  switch (action.type) {
    case 'bump': {
      const restarts = action.restarts.filter(({ target }) => isFree(restartEffect(target, action.version)));
      return restarts.length === 0 ? rest : { ...action, restarts };
    }
    case 'evict':
    case 'delete':
    case 'refresh': {
      const verb = action.type === 'refresh' ? 'mark' : action.type;
      const pods = action.pods.filter((row) => isFree(podEffect(verb, row)));
      return pods.length === 0 ? rest : { ...action, pods };
    }
    case 'probe':
      return isFree(PROBE_EFFECT) ? action : rest;
    default:
      return rest;
  }
}

function withFinding(facts: Facts, step: Step, refusal: Refusal): Partial<Step> {
  const { secret } = facts;
  const { action } = step;
  const burning = secret.kind === 'Managed' && secret.keyset.phase === 'Burning';
  const ordered = action.type === 'write' && action.write.transition === 'burn';
  const finding = findingOf(facts, refusal, ordered ? NOT_SERVED : burning ? NOT_FINISHED : '');
  const idle = secret.kind !== 'Managed' || secret.keyset.phase === 'Steady';
  if (ordered) return { phase: 'Degraded', progress: finding.message, stalled: finding };
  return idle ? { blocked: finding } : { stalled: finding };
}

const NOT_SERVED = 'EMERGENCY NOT SERVED: ';
const NOT_FINISHED = 'EMERGENCY NOT FINISHED, pods may accept a burnt key: ';

function findingOf(facts: Facts, refusal: Refusal, prefix: string): Finding {
  const { cause, since } = refusal;
  const message = `${prefix}${textOf(facts, refusal)}`;
  if (cause === 'Rights') return { reason: 'Forbidden', message };
  if (cause === 'Undone' || cause === 'Unseen') return { reason: 'RolloutStalled', message };
  if (cause === 'Budgets') return { reason: 'DisruptionBlocked', message };
  if (cause === 'Budget') {
    const long = formatDuration(facts.settings.rolloutTimeoutMs);
    return {
      reason: 'DisruptionBlocked',
      message: `${message}; this has lasted longer than ${long}, since ${iso(since)}`,
    };
  }
  return { reason: cause === 'Failed' ? 'WriteFailed' : 'WriteRefused', message };
}

/** What was refused, in whose words, and what a person can do. */
function textOf({ settings }: Facts, { effect, cause, by, said }: Refusal): string {
  const name = by ?? 'NAME';
  switch (cause) {
    case 'Rights':
      return `rekey lacks rights in this namespace: ${said}. Apply deploy/namespace with the name of the Secret (and deploy/files for mounted files, deploy/rollouts for Argo Rollouts)`;
    case 'Quota':
      return `a quota refuses "${effect}" (${said}): ResourceQuota ${name} is used up; raise it, or delete what you do not need: kubectl describe resourcequota ${name}`;
    case 'Admission':
      return `admission refuses "${effect}" (${said}): the policy or webhook ${by ?? 'named in the answer'} does not allow it; exempt rekey's ServiceAccount there, or fix what it objects to`;
    case 'TooLarge':
      return `"${effect}" is refused as too large (${said}): Secret ${settings.secretName} may have 1 MiB of data and 256 KiB of annotations, including those of others; remove what you do not need`;
    case 'Terminating':
      return `"${effect}" is refused (${said}): the namespace is being deleted`;
    case 'Invalid':
      return `"${effect}" is refused as invalid (${said}): fix what the answer names; if it names nothing, check kubectl get events and the audit log of the API server`;
    case 'Budget':
      return `a PodDisruptionBudget does not allow "${effect}" (${said}): allow one more disruption, or run one more pod`;
    case 'Undone':
      return `somebody removes what requests the restart (${said}), so rekey repeats "${effect}" in growing pauses: make GitOps ignore the annotation rekey.dev/keyset-version on pod templates; metadata.managedFields shows who writes it`;
    case 'Unseen':
      return `"${effect}" was done (${said}), but the pod does not show it, so rekey repeats it in growing pauses: somebody undoes it, or the watch of pods is behind; compare with kubectl get pod -o yaml`;
    case 'Budgets':
      return `the API server evicts no pod that several PodDisruptionBudgets select, so "${effect}" is refused (${said}): leave one of them, or change their selectors: kubectl get pdb`;
    case 'Failed':
      return `"${effect}" fails (${said}), and rekey tries again in growing pauses; whether it was done is not known: look at the API server (kubectl get --raw '/readyz?verbose'), its etcd and KMS plugin, and the admission webhooks that it waits for`;
    case 'Outrun':
      return `somebody else keeps changing the same object, so "${effect}" never succeeds (${said}): metadata.managedFields shows who; let only one of the two write it`;
  }
}
