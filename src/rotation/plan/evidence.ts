/**
 * Which keyset versions a live container may hold.
 *
 * A container's environment is fixed when it starts. A crashed container reads the new Secret, and a new one can read
 * an old Secret (kubernetes/kubernetes#129645). So neither the age of a pod nor its template nor `rollout status` shows
 * which keyset a container holds. A canary shows it: only a container that has loaded version n accepts a token signed
 * with the ack key of version n.
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

/** Canary: observed. Inferred: concluded, at least in part, from the time at which the containers started. */
export type Level = 'Canary' | 'Inferred';

/** @returns how rekey knows what the pods of a target hold */
export function levelOf(target: TargetFacts): Level {
  return isUnprovable(target) || target.pods.some(({ several }) => several === true) ? 'Inferred' : 'Canary';
}

/** @returns whether no canary can show which keyset the pods of the target hold */
export function isUnprovable({ settings, workload }: TargetFacts): boolean {
  return settings.canary === undefined || workload?.consumption.onePrevious === true;
}

/**
 * @returns the shapes that the pod may hold, ascending; empty if its answers fit none, for example if it refuses every
 *   key
 */
export function shapesHeld(target: TargetFacts, pod: PodFacts, keyset: Keyset): readonly Shape[] {
  const asked = shapesOfAsked(target, pod, keyset);
  if (pod.several !== true || asked.length === 0) return asked;
  const started = fromStart(pod, keyset);
  return [ANYTHING, ...keyset.history].filter((shape) => asked.includes(shape) || started.includes(shape));
}

/** @returns the shapes that the answering container may hold; for a pod that is not asked, those of all containers */
export function shapesOfAsked(target: TargetFacts, pod: PodFacts, keyset: Keyset): readonly Shape[] {
  if (target.settings.canary === undefined) return fromStart(pod, keyset);
  const listed = fromAnswers(pod, keyset, ({ verify }) => verify);
  if (keepsUpOnWayBack(pod, keyset, listed)) return [currentShape(keyset)];
  // it accepts the ack key, which proves the version for any kind of service
  const proved = listed[0]?.version === keyset.version;
  if (target.workload?.consumption.onePrevious !== true || proved) return listed;
  const started = fromStart(pod, keyset);
  return fromAnswers(pod, keyset, (shape) => withOnePrevious(shape, keyset)).filter((shape) => started.includes(shape));
}

/**
 * A service that knows one key besides the signing key does not get the ack key while there are two real keys. Its
 * answers show which keys it has, but not since which write: that is concluded from its start.
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
  const answers = [...probe.answers].filter(([kid]) => provesVersion(kid, keyset));
  const fits = (shape: Shape) =>
    answers.every(([kid, answer]) => answer === 'unknown' || (answer === 'accepted') === accepted(shape).includes(kid));
  return keyset.history.filter(fits);
}

/**
 * After every key was replaced at once, the signing key is as new as the ack key: a pod that accepts it has loaded
 * exactly this version. So a service that verifies with one key and has no ack key can prove it, too.
 */
function provesVersion(kid: Kid, keyset: Keyset): boolean {
  const replaced = keyset.phase === 'Burning' || keyset.phase === 'Switching';
  return !replaced || kid !== keyIn(keyset, 'ack')?.kid;
}

/** What somebody else had put into the Secret: no keyset of the history. */
const ANYTHING: Shape = { version: 0, sign: '', verify: [], writtenAt: 0 };

/** Concludes nothing from a start that is unknown, or whose time cannot be compared. */
function fromStart({ readUpTo, foreign }: PodFacts, keyset: Keyset): readonly Shape[] {
  if (foreign !== undefined) return [ANYTHING, ...keyset.history];
  if (readUpTo === undefined) return keyset.history;
  const oldest = keyset.history.findLastIndex((shape) => shape.writtenAt <= readUpTo);
  return keyset.history.slice(Math.max(oldest, 0));
}

/**
 * A conclusion, not a proof: a service that knows one key appeared in the middle of a rotation, and will never accept
 * the ack key. That must not block going back to the key that it signs with. Its answers may also fit an older keyset
 * of which rekey has forgotten a key; its refusal of that key distinguishes the two.
 */
function keepsUpOnWayBack(pod: PodFacts, keyset: Keyset, listed: readonly Shape[]): boolean {
  if (keyset.rotation?.failure === undefined || !startedAfterWrite(pod, keyset)) return false;
  if (!acceptsOnlySigning(pod, keyset)) return false;
  const dead = deadKeysAsked(pod, keyset);
  return listed.length === 0 || (dead.length > 0 && dead.every((kid) => answerTo(pod, kid) === 'refused'));
}

/** @returns whether the key in use is the only one that the pod is known to accept */
export function acceptsOnlySigning({ probe }: PodFacts, keyset: Keyset): boolean {
  const accepted = [...(probe?.answers ?? [])].filter(([, answer]) => answer === 'accepted').map(([kid]) => kid);
  return accepted.length === 1 && accepted[0] === currentShape(keyset).sign;
}

/** @returns whether, by the time of its start, the newest keyset had reached the pod's node when it started */
export function startedAfterWrite({ readUpTo, foreign }: PodFacts, keyset: Keyset): boolean {
  return foreign === undefined && readUpTo !== undefined && currentShape(keyset).writtenAt <= readUpTo;
}

/** @returns whether each container of the pod has proved to have loaded the newest keyset, whatever else it accepts */
export function hasLoadedNewest(pod: PodFacts, keyset: Keyset): boolean {
  if (pod.several === true && !startedAfterWrite(pod, keyset)) return false;
  const replaced = keyset.phase === 'Burning' || keyset.phase === 'Switching';
  const kid = replaced ? currentShape(keyset).sign : keyIn(keyset, 'ack')?.kid;
  return kid !== undefined && answerTo(pod, kid) === 'accepted' && pod.probe?.version === keyset.version;
}

function answerTo({ probe }: PodFacts, kid: Kid): Answer | undefined {
  return probe?.answers.get(kid);
}

/**
 * A key that has left the Secret for good is forgotten in the keysets of before. So a pod that accepts one may hold any of
 * them, as far as its other answers fit.
 *
 * @returns whether the answers of the pod are those of a keyset that it may have read
 */
export function mayHoldKeyset(target: TargetFacts, pod: PodFacts, keyset: Keyset): boolean {
  const left = deadKeysAsked(pod, keyset).filter((kid) => answerTo(pod, kid) === 'accepted');
  const fitting = left.length === 0 ? [] : fromAnswers(pod, keyset, ({ verify }) => [...verify, ...left]);
  return fitting.length > 0 || shapesHeld(target, pod, keyset).length > 0;
}

/** @returns a key that has left the Secret for good and that the pod still accepts */
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
 * A statement about a pod rests on explicit answers: it must refuse the dead keys and a made-up key. At rest nobody is
 * asked.
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
 * What is acknowledged now: what the Secret remembers, or more if the pods prove more. It never falls. rekey assumes
 * that a node does not go back to an older Secret than one it has served; if a node does, a canary finds the pod, and
 * rekey replaces it before the next write.
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
