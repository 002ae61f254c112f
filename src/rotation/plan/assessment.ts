/**
 * What the planner knew when it decided: worked out once, here, for all who report the decision.
 */
import { defined } from '../../base/objects.ts';
import type { Facts, PodFacts, TargetFacts } from '../facts.ts';
import { type Keyset, keyIn } from '../keyset/keyset.ts';
import { drainTextOf } from '../settings/drain.ts';
import { hasAnswered } from './at-rest.ts';
import { survey, unmet } from './converge.ts';
import type { Action, Assessment, PodAssessment, TargetAssessment } from './decision.ts';
import { DRAINS, lateEdits } from './edits.ts';
import { effectsOf } from './effect.ts';
import { inEmergency } from './emergency.ts';
import { hasLoadedNewest, isConclusive, levelOf, shapesHeld } from './evidence.ts';
import { pending } from './pending.ts';
import { mayHoldForeignKey } from './policies/foreign-keys.ts';
import { reloaderPresent } from './policies/reloader.ts';
import { label } from './policies/targets.ts';
import { requirementsOf } from './requirements.ts';
import { contradiction } from './served.ts';
import { drainMsOf } from './write-gate.ts';

const NOTHING = { acked: 0, missing: 0, holding: [] } as const;

/** @param action that was decided on */
export function assess(facts: Facts, action: Action): Assessment {
  const { secret, targets, refusals = [] } = facts;
  const keyset = secret.kind === 'Managed' ? secret.keyset : undefined;
  const effects = effectsOf(action);
  const reloader = reloaderPresent(facts);
  return {
    targets: targets.map((target) => assessed(target, keyset)),
    emergency: inEmergency(facts),
    ...(keyset === undefined ? { queued: [] } : assessedKeyset(facts, keyset)),
    ...(reloader && { reloader }),
    contradiction: contradiction(facts),
    refusedBefore: refusals.some(({ effect }) => effects.includes(effect)),
  };
}

type OfKeyset = Pick<Assessment, 'drain' | 'retireAt' | 'queued' | 'lateEdits' | 'foreign'>;

function assessedKeyset(facts: Facts, keyset: Keyset): OfKeyset {
  const { settings, requests } = facts;
  const lastsMs = drainMsOf(facts, keyset);
  const exit = keyIn(keyset, 'draining')?.lastSignerExit;
  const late = lateEdits(facts, keyset);
  const foreign = mayHoldForeignKey(facts, keyset)?.finding;
  return {
    ...(DRAINS.includes(keyset.phase) && { drain: { lastsMs, text: drainTextOf(settings, lastsMs) } }),
    ...(exit !== undefined && { retireAt: exit + lastsMs }),
    queued: pending(requests, settings.forceReason, keyset.handled),
    ...defined({ lateEdits: late, foreign }),
  };
}

function assessed(target: TargetFacts, keyset: Keyset | undefined): TargetAssessment {
  const known = { target, name: label(target), level: levelOf(target) };
  if (keyset === undefined) return { ...known, ...NOTHING, missing: target.pods.length, hasAnswered: false };
  const answers = target.pods.flatMap(({ probe }) => (probe?.version === keyset.version ? [probe.heardAt] : []));
  const areAll = answers.length > 0 && answers.length === target.pods.length;
  return {
    ...known,
    ...countsOf(target, keyset),
    hasAnswered: hasAnswered(target, keyset),
    ...(areAll && { answeredAt: Math.max(...answers) }),
  };
}

/**
 * At rest nobody waits for answers, but a pod that leaves a question open, or in which nothing has started, is not known. Of a
 * Secret that was taken over nothing is known of a pod that is asked by canaries and has not answered.
 */
function isKnownAtRest({ settings }: TargetFacts, pod: PodFacts, keyset: Keyset): boolean {
  if (isConclusive(pod, keyset)) return true;
  if (settings.canary !== undefined && keyset.attempts.rotatedAt === undefined) return false;
  return pod.startedAt !== undefined && pod.probe?.version !== keyset.version;
}

function countsOf(
  target: TargetFacts,
  keyset: Keyset,
): Pick<TargetAssessment, 'acked' | 'missing' | 'holding' | 'waitingFor'> {
  const requirements = requirementsOf([target], keyset);
  if (requirements.length === 0) return NOTHING;
  const rows = survey(requirements, keyset);
  const met = rows.met.filter(({ pod }) => keyset.phase !== 'Steady' || isKnownAtRest(target, pod, keyset));
  const holding = met.flatMap(({ pod }) => holdingOf(target, pod, keyset) ?? []);
  const [first] = WAITS_FOR_NO_POD.includes(keyset.phase) ? [] : unmet(rows);
  return {
    ...{ acked: met.length, missing: target.pods.length - met.length, holding },
    ...defined({ waitingFor: first?.pod }),
  };
}

function holdingOf(target: TargetFacts, pod: PodFacts, keyset: Keyset): PodAssessment | undefined {
  if (shapesHeld(target, pod, keyset).some(({ version }) => version !== keyset.version)) return undefined;
  // of a pod with several containers one has answered
  const hasProved = pod.several !== true && isConclusive(pod, keyset) && hasLoadedNewest(pod, keyset);
  return { name: pod.name, ...(hasProved && defined({ provedAt: pod.probe?.heardAt })) };
}

/** Nothing rests on when pods forget a key that never signed. */
const WAITS_FOR_NO_POD: readonly Keyset['phase'][] = ['Steady', 'Aborting'];
