/**
 * Which part of a claim was concluded and not observed, in words. A rotation or an emergency reports it at its end.
 * Undefined means that every pod was asked and has answered.
 */
import type { Facts, PodFacts, TargetFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { deadKeysAsked, hasLoadedNewest, isUnprovable, levelOf } from './evidence.ts';
import { label } from './policies/targets.ts';
import { signers, verifiers } from './requirements.ts';

/** @returns what rests on conclusions, if the emergency or the cutover ends now */
export function inferredOfReplacement(facts: Facts, keyset: Keyset): string | undefined {
  return inWords([...unasked(facts.targets), ...keyless(facts.targets, keyset), ...strangers(facts)]);
}

/** @returns what rests on conclusions, if no signer of the old key is left now */
export function inferredOfDrain({ targets, unlistedConsumers }: Facts): string | undefined {
  return inWords([
    ...unasked(signers(targets).filter(({ pods }) => pods.length > 0)),
    ...strangers({ unlistedConsumers }),
  ]);
}

/** @returns what rests on conclusions, if the rotation ends now */
export function inferredOfRotation(facts: Facts, keyset: Keyset, lazy: boolean): string | undefined {
  const asked = verifiers(facts.targets);
  const left =
    'the old key has left the Secret, and pods drop it at their next start: rekey did not ask them (retire.mode: Lazy)';
  const answered = lazy ? [left] : [...unproved(asked, keyset), ...keyless(asked, keyset)];
  return inWords([...unasked(asked), ...answered, ...strangers(facts)]);
}

/** A service that knows one key never accepts the key that would prove it. */
function unproved(targets: readonly TargetFacts[], keyset: Keyset): readonly string[] {
  const asked = targets.filter((target) => levelOf(target) === 'Canary');
  const blind = asked.filter(({ pods }) => pods.some((pod) => !hasLoadedNewest(pod, keyset)));
  if (blind.length === 0) return [];
  return [
    `${names(blind)}: accepts only the key in use, so rekey inferred from the start of its containers that it has loaded version ${keyset.version}`,
  ];
}

function inWords(parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : parts.join('; ');
}

function unasked(targets: readonly TargetFacts[]): readonly string[] {
  const inferred = targets.filter((target) => levelOf(target) === 'Inferred' && target.pods.length > 0);
  const blind = inferred.filter(isUnprovable);
  const inPart = inferred.filter((target) => !blind.includes(target));
  const empty = targets.filter(({ pods }) => pods.length === 0);
  return [
    ...(blind.length === 0
      ? []
      : [`${names(blind)}: inferred from the start of its containers, because no canary shows it`]),
    ...(inPart.length === 0
      ? []
      : [
          `${names(inPart)}: several containers of a pod take the key, but only one answers: for the others, rekey inferred it from times`,
        ]),
    ...(empty.length === 0 ? [] : [`${names(empty)}: has no pods, so none was asked`]),
  ];
}

function names(targets: readonly TargetFacts[]): string {
  return targets.map(label).join(', ');
}

/** Only the operator process that removed a key from the Secret still has its bytes. */
function keyless(targets: readonly TargetFacts[], keyset: Keyset): readonly string[] {
  const asked = targets.filter((target) => levelOf(target) === 'Canary');
  const blind = asked.filter(({ pods }) => pods.some((pod) => !isAskedOfAll(pod, keyset)));
  if (blind.length === 0) return [];
  return [
    `${names(blind)}: has loaded version ${keyset.version}, but was not asked about every earlier key, because their bytes are no longer known`,
  ];
}

/** If the Secret came from a backup, rekey knows some burnt keys by name only, from the ledger. */
function isAskedOfAll(pod: PodFacts, keyset: Keyset): boolean {
  const asked = deadKeysAsked(pod, keyset);
  const writtenAt = keyset.emergency?.writtenAt;
  const burnt = keyset.phase === 'Burning' ? keyset.burnt.filter(({ burntAt }) => burntAt === writtenAt) : [];
  return asked.length > 0 && burnt.every(({ kid }) => asked.includes(kid));
}

function strangers({ unlistedConsumers }: Pick<Facts, 'unlistedConsumers'>): readonly string[] {
  if (unlistedConsumers.length === 0) return [];
  return [`${unlistedConsumers.join(', ')}: reads a key of the Secret and is not a target, so it was not asked`];
}
