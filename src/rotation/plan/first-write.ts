/** The first write of a Secret: rekey adopts keys that are there as they are, and creates a Secret that is absent. */

import { defined, ifDefined } from '../../base/objects.ts';
import { REQUEST, requestText } from '../api/names.ts';
import type { Facts, PodFacts, SecretFacts } from '../facts.ts';
import { BELIEVED_VERSION, type Handled } from '../keyset/keyset.ts';
import { believedVersion, livingIn } from '../keyset/ledger.ts';
import type { Step } from './decision.ts';
import { label } from './policies/targets.ts';
import { exempt } from './write-gate.ts';

/** @returns whether, by the Secret and the ledger, rekey has never written this Secret */
export function isNew({ secret, ledger, ledgerFinding }: Facts): boolean {
  if (secret.kind === 'Managed' || (secret.kind === 'Refused' && secret.keyset !== undefined)) return false;
  return ledgerFinding === undefined && ledger.version === 0 && ledger.keys.length === 0;
}

/**
 * A container that has run has loaded a key that nobody else would know: it restarts with that key, or not at all. If
 * the ledger knows a live key, tokens of it exist, too, and it is not enough that no pod is there at this instant: the
 * target must want none.
 *
 * @returns which pod holds that key, or may start with it when the Secret comes back. One
 *   with a key from elsewhere counts, too: it would refuse tokens of a new one
 */
export function heldBy({ targets, ledger }: Facts): string | undefined {
  const lives = livingIn(ledger).length > 0;
  const pod = targets
    .flatMap(({ pods }) => pods)
    .find(({ startedAt, ran }) => lives || startedAt !== undefined || ran === true);
  if (pod !== undefined) return held(pod);
  const wanting = lives ? targets.find(({ workload }) => (workload?.wanted ?? 1) > 0) : undefined;
  return wanting && `the ledger knows of a live key, and ${label(wanting)} is not scaled to zero`;
}

function held({ name, takesFrom }: PodFacts): string {
  if (takesFrom === 'Elsewhere') return `pod ${name} runs with a key from another Secret, or has run`;
  if (takesFrom === 'Unknown') return `pod ${name} runs, or has run, and its spec does not say with which key`;
  return `pod ${name} runs with a key from it, or has run`;
}

/**
 * @returns the highest version on a pod or template, or in the ledger, perhaps from a lost Secret. New versions
 *   continue from there
 */
export function highestVersion({ targets, ledger }: Facts): number {
  const stamps = targets.flatMap(({ workload, pods }) => [workload, ...pods].map((item) => item?.templateVersion ?? 0));
  return Math.max(believedVersion(ledger), ...stamps.filter((stamp) => stamp <= BELIEVED_VERSION));
}

/** Found keys stay unchanged. */
export function planAdopt(facts: Facts, { fingerprint, fallbacks }: Extract<SecretFacts, { kind: 'Unmanaged' }>): Step {
  const version = highestVersion(facts);
  const write = { transition: 'adopt', ...requestsNow(facts), fingerprint, fallbacks, version } as const;
  return exempt(facts, write, 'Pending', 'adopting the Secret');
}

/** Only if no pod holds a key, read from the API server just now. */
export function planCreate(facts: Facts): Step {
  const phase = 'Pending';
  if (!facts.live) return { action: { type: 'confirm' }, phase, progress: 'checking whether a pod holds a key' };
  const write = { transition: 'create', ...requestsNow(facts), version: highestVersion(facts) } as const;
  return exempt(facts, write, phase, 'creating the Secret');
}

/**
 * Requests that count as seen: they came with the manifest, or there is nothing yet to act on. A request that was set
 * by itself is served.
 */
function requestsNow(facts: Facts) {
  const { requests, settings } = facts;
  const { rotateAt, rotateApart, abortAt, abortApart, withdrawAt, withdrawApart, emergency } = requests;
  const handled: Handled = {
    ...(rotateAt !== undefined && rotateApart === false && isNew(facts) && { rotateAt }),
    // if they were set by themselves, these two take back what waits, once there is a keyset
    ...(abortAt !== undefined && abortApart !== true && { abortAt }),
    ...(withdrawAt !== undefined && withdrawApart === false && isNew(facts) && { withdrawAt }),
    ...(settings.forceReason !== '' && { forceReason: settings.forceReason }),
    // an emergency that must be served would have come before this write
    ...defined({ emergencies: ifDefined(emergency, (emergency) => [emergency.nonce]) }),
  };
  return { handled, ...(isNew(facts) && { noted: inWords(handled) }) };
}

function inWords({ rotateAt, abortAt, forceReason, emergencies = [] }: Handled): readonly string[] {
  return [
    ...emergencies.map((nonce) => requestText(REQUEST.emergency, nonce)),
    ...(rotateAt === undefined ? [] : [requestText(REQUEST.rotateAt, rotateAt)]),
    ...(abortAt === undefined ? [] : [requestText(REQUEST.abortAt, abortAt)]),
    ...(forceReason === undefined ? [] : [requestText('spec.forceRotation.reason', forceReason)]),
  ];
}
