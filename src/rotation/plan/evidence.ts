/**
 * Which keyset versions a live container may hold.
 *
 * A container's environment is fixed when it starts, a crashed one reads the new Secret, a new one can read an old Secret
 * (kubernetes/kubernetes#129645). So neither the age of a pod nor its template nor `rollout status` tells which keyset a
 * container holds. The canary does: a token signed with the ack key of version n is accepted by a container that has loaded
 * version n and by no other.
 */
import type { Answer, PodFacts, TargetFacts } from '../facts.ts';
import {
  type Acked,
  currentShape,
  type Keyset,
  type Kid,
  keyIn,
  previousOf,
  type Role,
  type Shape,
} from '../keyset/keyset.ts';

/** Canary: observed. Inferred: concluded from the time at which the containers started, if only in part. */
export type Level = 'Canary' | 'Inferred';

/** @returns how it is known what the pods of a target hold */
export function levelOf(target: TargetFacts): Level {
  return isUntold(target) || target.pods.some(({ several }) => several === true) ? 'Inferred' : 'Canary';
}

/** @returns whether no canary tells which keyset a pod of it holds */
export function isUntold({ settings, workload }: TargetFacts): boolean {
  return settings.canary === undefined || workload?.consumption.onePrevious === true;
}

/**
 * @returns the shapes that the pod may hold, ascending; empty if its answers fit none, as when it refuses every key
 */
export function shapesHeld(target: TargetFacts, pod: PodFacts, keyset: Keyset): readonly Shape[] {
  const asked = shapesOfAsked(target, pod, keyset);
  if (pod.several !== true || asked.length === 0) return asked;
  const started = fromStart(pod, keyset);
  return keyset.history.filter((shape) => asked.includes(shape) || started.includes(shape));
}

/** @returns those that the container which answers may hold; of a pod that is not asked, those of all containers */
export function shapesOfAsked(target: TargetFacts, pod: PodFacts, keyset: Keyset): readonly Shape[] {
  if (target.settings.canary === undefined) return fromStart(pod, keyset);
  const listed = fromAnswers(pod, keyset, ({ verify }) => verify);
  if (keepsUpOnWayBack(pod, keyset, listed)) return [currentShape(keyset)];
  // it accepts the ack key: that is proof, whoever it is
  const proved = listed[0]?.version === keyset.version;
  if (target.workload?.consumption.onePrevious !== true || proved) return listed;
  const started = fromStart(pod, keyset);
  return fromAnswers(pod, keyset, (shape) => withOnePrevious(shape, keyset)).filter((shape) => started.includes(shape));
}

/**
 * A service that knows one key besides the one that signs is not shown the ack key while there are two real ones. What it
 * answers tells which keys it has, not since which write: that is concluded from its start.
 */
function withOnePrevious(shape: Shape, keyset: Keyset): readonly Kid[] {
  const previous = previousOf(shape, keyset);
  return previous === undefined ? [shape.sign] : [shape.sign, previous];
}

function fromAnswers(
  { probe }: PodFacts,
  keyset: Keyset,
  accepted: (shape: Shape) => readonly Kid[],
): readonly Shape[] {
  if (probe === undefined || probe.version !== keyset.version) return keyset.history;
  const answers = [...probe.answers].filter(([kid]) => tells(kid, keyset));
  const fits = (shape: Shape) =>
    answers.every(([kid, answer]) => answer === 'unknown' || (answer === 'accepted') === accepted(shape).includes(kid));
  return keyset.history.filter(fits);
}

/**
 * Where every key was replaced at once, the signing key is as new as the ack key: who accepts it has loaded this very
 * version. So a service that verifies with one key, and knows no ack key, can prove it as well.
 */
function tells(kid: Kid, keyset: Keyset): boolean {
  const replaced = keyset.phase === 'Burning' || keyset.phase === 'Switching';
  return !replaced || kid !== keyIn(keyset, 'ack')?.kid;
}

/** Nothing is concluded from a start that is not known, or whose time cannot be compared. */
function fromStart({ readUpTo }: PodFacts, keyset: Keyset): readonly Shape[] {
  if (readUpTo === undefined) return keyset.history;
  const oldest = keyset.history.findLastIndex((shape) => shape.writtenAt <= readUpTo);
  return keyset.history.slice(Math.max(oldest, 0));
}

/**
 * Concluded, for want of better: a service that knows one key came in the middle of a rotation, and will never accept the
 * ack key. That must not keep anybody from going back to the key that it signs with. What it answers may fit an older keyset
 * as well, of which a key has been forgotten since: that it has refused this key tells the two apart.
 */
function keepsUpOnWayBack(pod: PodFacts, keyset: Keyset, listed: readonly Shape[]): boolean {
  if (keyset.rotation?.failure === undefined || !startedAfterWrite(pod, keyset)) return false;
  if (!acceptsOnlySigning(pod, keyset)) return false;
  const dead = deadKeysAsked(pod, keyset);
  return listed.length === 0 || (dead.length > 0 && dead.every((kid) => answerTo(pod, kid) === 'refused'));
}

/** @returns whether the key in use is all that the pod is known to accept */
export function acceptsOnlySigning({ probe }: PodFacts, keyset: Keyset): boolean {
  const accepted = [...(probe?.answers ?? [])].filter(([, answer]) => answer === 'accepted').map(([kid]) => kid);
  return accepted.length === 1 && accepted[0] === currentShape(keyset).sign;
}

/** @returns whether the newest keyset had reached the pod's node when it started, as its start tells */
export function startedAfterWrite({ readUpTo }: PodFacts, keyset: Keyset): boolean {
  return readUpTo !== undefined && currentShape(keyset).writtenAt <= readUpTo;
}

/** @returns whether the pod has proved to have loaded the newest keyset, whatever else it accepts: each of its containers */
export function hasLoadedNewest(pod: PodFacts, keyset: Keyset): boolean {
  if (pod.several === true && !startedAfterWrite(pod, keyset)) return false;
  const replaced = keyset.phase === 'Burning' || keyset.phase === 'Switching';
  const kid = replaced ? currentShape(keyset).sign : keyIn(keyset, 'ack')?.kid;
  return kid !== undefined && answerTo(pod, kid) === 'accepted' && pod.probe?.version === keyset.version;
}

function answerTo({ probe }: PodFacts, kid: Kid): Answer | undefined {
  return probe?.answers.get(kid);
}

/** @returns a key that has left the Secret for good and that the pod has accepted all the same */
export function acceptedDead(pod: PodFacts, keyset: Keyset): Kid | undefined {
  return deadKeysAsked(pod, keyset).find((kid) => answerTo(pod, kid) === 'accepted');
}

/** @returns the keys that have left the Secret for good and that the pod has been asked about since */
export function deadKeysAsked({ probe }: PodFacts, keyset: Keyset): readonly Kid[] {
  if (probe === undefined || probe.version !== keyset.version) return [];
  const { verify } = currentShape(keyset);
  return [...probe.answers.keys()].filter((kid) => !verify.includes(kid));
}

/** @returns whether the pod has answered every canary of the keyset version in the Secret, one way or the other */
export function isConclusive(pod: PodFacts, keyset: Keyset): boolean {
  const { probe } = pod;
  if (probe === undefined || probe.version !== keyset.version) return false;
  const answers: readonly Answer[] = [...probe.answers.values(), probe.random];
  return answers.every((answer) => answer !== 'unknown');
}

/**
 * What is said of a pod rests on explicit answers: that a key is refused, and a made-up one too. At rest nobody is asked.
 *
 * @returns whether there is nothing left to ask
 */
export function isAnswered({ settings }: TargetFacts, pod: PodFacts, keyset: Keyset): boolean {
  return settings.canary === undefined || keyset.phase === 'Steady' || isConclusive(pod, keyset);
}

/** @returns whether the pod accepted a key that nobody knows: it verifies nothing, so its other answers mean nothing */
export function isVoid(pod: PodFacts): boolean {
  return pod.probe?.random === 'accepted';
}

/**
 * What is acknowledged now: what the Secret remembers, or more if the pods prove more. It never falls: that a node goes
 * back to an older Secret than one it has served is excluded by assumption, and a pod that does it all the same is found by
 * its canary and replaced before the next write.
 */
export function ackedNow(targets: readonly TargetFacts[], keyset: Keyset): Acked {
  return { Signer: ackedOf('Signer', targets, keyset), Verifier: ackedOf('Verifier', targets, keyset) };
}

function ackedOf(role: Role, targets: readonly TargetFacts[], keyset: Keyset): number {
  const oldest = targets
    .filter((target) => target.settings.roles.includes(role))
    .flatMap((target) => target.pods.map((pod) => shapesHeld(target, pod, keyset)[0]?.version ?? 0));
  return Math.max(keyset.acked[role], Math.min(keyset.version, ...oldest));
}
