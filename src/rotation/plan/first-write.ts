/**
 * The first write of a Secret: what is there is taken over as it is, what is absent is created.
 */

import { defined, ifDefined } from '../../base/objects.ts';
import { REQUEST, requestText } from '../api/names.ts';
import type { Facts, SecretFacts } from '../facts.ts';
import { BELIEVED_VERSION, type Handled } from '../keyset/keyset.ts';
import { believedVersion, livingIn } from '../keyset/ledger.ts';
import type { Step } from './decision.ts';
import { label } from './policies/targets.ts';
import { exempt } from './write-gate.ts';

/** @returns whether rekey has never written this Secret, as far as Secret and ledger tell */
export function isNew({ secret, ledger, ledgerFinding }: Facts): boolean {
  if (secret.kind === 'Managed' || (secret.kind === 'Refused' && secret.keyset !== undefined)) return false;
  return ledgerFinding === undefined && ledger.version === 0 && ledger.keys.length === 0;
}

/**
 * A key that nobody would know any more: a container that has run has loaded it, and starts again with it or not at all. Where the
 * ledger knows of a live key, tokens of it are out as well, and that no pod is there this instant tells little: the target must want none.
 *
 * @returns who holds it, or may start with it when the Secret comes back
 */
export function heldBy({ targets, ledger }: Facts): string | undefined {
  const lives = livingIn(ledger).length > 0;
  const pod = targets
    .flatMap(({ pods }) => pods)
    .find(({ startedAt, ran }) => lives || startedAt !== undefined || ran === true);
  if (pod !== undefined) return `pod ${pod.name} runs with a key from it, or has run`;
  const wanting = lives ? targets.find(({ workload }) => (workload?.wanted ?? 1) > 0) : undefined;
  return wanting && `the ledger knows of a live key, and ${label(wanting)} is not scaled to zero`;
}

/**
 * @returns the highest version that a pod or template carries, or the ledger knows: from a Secret that was lost, perhaps. Versions
 *   go on from there
 */
export function highestVersion({ targets, ledger }: Facts): number {
  const stamps = targets.flatMap(({ workload, pods }) => [workload, ...pods].map((item) => item?.templateVersion ?? 0));
  return Math.max(believedVersion(ledger), ...stamps.filter((stamp) => stamp <= BELIEVED_VERSION));
}

/** The keys that are found stay as they are. */
export function planAdopt(facts: Facts, { fingerprint, fallbacks }: Extract<SecretFacts, { kind: 'Unmanaged' }>): Step {
  const version = highestVersion(facts);
  const write = { transition: 'adopt', ...requestsNow(facts), fingerprint, fallbacks, version } as const;
  return exempt(facts, write, 'Pending', 'adopting the Secret');
}

/** Only where nobody holds a key, and that was looked at this moment. */
export function planCreate(facts: Facts): Step {
  const phase = 'Pending';
  if (!facts.live) return { action: { type: 'confirm' }, phase, progress: 'checking whether a pod holds a key' };
  const write = { transition: 'create', ...requestsNow(facts), version: highestVersion(facts) } as const;
  return exempt(facts, write, phase, 'creating the Secret');
}

/** Requests that came with the manifest, or that there is nothing to act upon for. One that was set by itself is served. */
function requestsNow(facts: Facts) {
  const { requests, settings } = facts;
  const { rotateAt, rotateApart, abortAt, abortApart, withdrawAt, withdrawApart, emergency } = requests;
  const handled: Handled = {
    ...(rotateAt !== undefined && rotateApart === false && isNew(facts) && { rotateAt }),
    // set by itself, these two take back what waits, once there is a keyset
    ...(abortAt !== undefined && abortApart !== true && { abortAt }),
    ...(withdrawAt !== undefined && withdrawApart === false && isNew(facts) && { withdrawAt }),
    ...(settings.forceReason !== '' && { forceReason: settings.forceReason }),
    // one that is to be served would have come before this write
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
