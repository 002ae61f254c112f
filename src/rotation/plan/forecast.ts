/**
 * Predicts what a rotation will do: its strategy and steps, the restarts, and the refused tokens. It uses only what the
 * planner decides by, and asks no pod.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { windowState } from '../cadence/cadence.ts';
import type { Surroundings, TargetFacts } from '../facts.ts';
import { drainSum } from '../settings/drain.ts';
import type { WindowSettings } from '../settings/settings.ts';
import { isLeftAlone } from './converge.ts';
import { isBlindToStaged, mayCutOver } from './cutover.ts';
import { everyFinding } from './policies/preflight.ts';
import { reloaderPresent } from './policies/reloader.ts';
import { label } from './policies/targets.ts';
import { signers, verifiers } from './requirements.ts';
import { askedVerifiers, DECLARE, unaskedText } from './unasked.ts';

export interface ForecastStep {
  readonly phase: 'Preflight' | 'Staging' | 'Promoting' | 'Draining' | 'Retiring' | 'Switching';
  /** What holds once the step is over, for people. */
  readonly does: string;
  /** Whose pods are replaced, such as `Deployment/main`. */
  readonly restarts: readonly string[];
  /** Not before this, milliseconds since the epoch: a maintenance window opens. */
  readonly notBefore?: number;
  /** No window is known to open. */
  readonly never?: true;
  /** Shortest duration, milliseconds. */
  readonly lastsMs?: number;
  /** The parts of that sum, for people. */
  readonly madeOf?: string;
}

export interface Forecast {
  readonly way: 'Overlap' | 'Cutover';
  /** Answers of pods that would change the strategy, or stop the rotation. */
  readonly unless?: string;
  readonly steps: readonly ForecastStep[];
  /** How often each target is restarted. */
  readonly restarts: readonly { readonly target: string; readonly pods: number; readonly times: number }[];
  /** Whether a step may be left out, and its restarts with it. */
  readonly atMost?: true;
  /** Valid tokens that will be refused, and why. */
  readonly refused: string;
  /** What blocks its start now. */
  readonly findings: readonly Finding[];
  /** What does not block it, but people should know. */
  readonly warnings: readonly string[];
}

/**
 * @param from when the rotation starts, milliseconds since the epoch
 * @param status of a rotation under way: its phase, and the length of its drain at its start
 */
export function forecast(surroundings: Surroundings, from: number, status: UnderWay = {}): Forecast {
  const { settings, targets } = surroundings;
  const blind = isBlindToStaged(surroundings) && mayCutOver(surroundings);
  const way = settings.strategy === 'Cutover' || blind || status.phase === 'Switching' ? 'Cutover' : 'Overlap';
  const steps = way === 'Cutover' ? cutoverSteps(surroundings, from) : overlapSteps(surroundings, from, status);
  const unless = way === 'Overlap' ? otherWay(surroundings) : undefined;
  const timesOf = (target: TargetFacts) => steps.filter(({ restarts }) => restarts.includes(label(target))).length;
  const cutoverFinding = way === 'Cutover' ? reloaderPresent(surroundings) : undefined;
  return {
    way,
    ...defined({ unless }),
    steps,
    restarts: targets.map((target) => ({
      target: label(target),
      pods: target.pods.length,
      times: timesOf(target),
    })),
    ...(settings.preStage && way === 'Overlap' && { atMost: true as const }),
    refused: way === 'Cutover' ? 'every token signed before' : refusedInOverlap(surroundings),
    findings: [...everyFinding(surroundings, way === 'Overlap'), ...(cutoverFinding ? [cutoverFinding] : [])],
    warnings: warningsOf(surroundings, way),
  };
}

type UnderWay = Pick<JwtKeyRotationStatus, 'phase' | 'drainSeconds'>;

/** @returns the current step of a rotation under way; undefined if there is none */
export function stepAt({ steps }: Pick<Forecast, 'steps'>, phase: JwtKeyRotationStatus['phase']) {
  return steps.find((step) => step.phase === (phase === 'Staged' ? 'Staging' : phase));
}

/** Of a service that nobody can ask it is not known. */
function refusedInOverlap(surroundings: Surroundings): string {
  const unasked = unaskedText(settingsIn(surroundings));
  return unasked === undefined ? 'none' : `not known: ${unasked}`;
}

function settingsIn({ targets }: Surroundings) {
  return targets.map(({ settings }) => settings);
}

/** @returns makes a sentence of what every verifier does, or is only known to have restarted for */
function everyVerifier(surroundings: Surroundings): (does: string, how: string) => string {
  if (unaskedText(settingsIn(surroundings)) === undefined) return (does) => `every verifier ${does}`;
  return (does, how) => `every verifier with a canary ${does}, the others have restarted ${how}`;
}

function overlapSteps(
  surroundings: Surroundings,
  from: number,
  { drainSeconds = 0 }: UnderWay,
): readonly ForecastStep[] {
  const { settings, targets } = surroundings;
  const every = everyVerifier(surroundings);
  const preStaged = settings.preStage ? '; skipped if the previous rotation has staged it' : '';
  // as planRetiring decides
  const eager = settings.retireMode !== 'Lazy' || settings.preStage;
  return [
    preflight,
    {
      phase: 'Staging',
      does: `${every('accepts the new key', 'with it')}; the old one still signs${preStaged}`,
      restarts: restarted(verifiers(targets)),
    },
    {
      phase: 'Promoting',
      does: 'the new key signs; the old one is still accepted',
      restarts: restarted(signers(targets)),
      ...inWindow(settings.windows, from),
    },
    drainStep(settings, drainSeconds * 1000),
    {
      phase: 'Retiring',
      does: eager
        ? every('refuses the old key', 'without it')
        : 'the old key has left the Secret; pods drop it when they restart',
      restarts: eager ? restarted(verifiers(targets)) : [],
    },
  ];
}

/** @param begunMs of a rotation under way, which may be longer than the spec wants */
function drainStep(settings: Surroundings['settings'], begunMs: number): ForecastStep {
  return {
    phase: 'Draining',
    does: 'no pod signs with the old key any more; its last tokens expire',
    restarts: [],
    ...(begunMs > settings.drainMs
      ? { lastsMs: begunMs, madeOf: 'fixed when this rotation started' }
      : { lastsMs: settings.drainMs, madeOf: drainSum(settings) }),
  };
}

function cutoverSteps({ settings, targets }: Surroundings, from: number): readonly ForecastStep[] {
  return [
    preflight,
    {
      phase: 'Switching',
      does: 'the new key is the only one; all pods are deleted at once',
      restarts: targets.filter((target) => !isLeftAlone(target)).map(label),
      ...inWindow(settings.windows, from),
    },
  ];
}

const preflight: ForecastStep = {
  phase: 'Preflight',
  does: 'every verifier with a canary has accepted a token of the key in use and refused one of a made-up key',
  restarts: [],
};

function inWindow(windows: readonly WindowSettings[], from: number): Pick<ForecastStep, 'notBefore' | 'never'> {
  const { open, opensAt } = windowState(windows, from);
  if (open) return {};
  return opensAt === undefined ? { never: true } : { notBefore: opensAt };
}

/** Mounted files follow without a restart, and rekey lets a run of a CronJob or Job end. */
function isRestarted(target: TargetFacts): boolean {
  return target.settings.source === 'Env' && !isLeftAlone(target);
}

function restarted(targets: readonly TargetFacts[]): readonly string[] {
  return targets.filter(isRestarted).map(label);
}

/** Only a verifier that is asked can turn out to be other than expected. */
function otherWay(surroundings: Surroundings): string | undefined {
  if (askedVerifiers(settingsIn(surroundings)).length === 0) return undefined;
  const single = 'a verifier with a canary turns out to hold only one key';
  const aborted = 'the rotation aborts, and no token is refused (SingleKeyService)';
  if (!mayCutOver(surroundings)) return `${single}: then ${aborted}`;
  return `${single}: then, inside a window, every key is replaced at once, and every token signed before is refused; outside, ${aborted}`;
}

function warningsOf(surroundings: Surroundings, way: Forecast['way']): readonly string[] {
  const { targets, settings, unlistedConsumers } = surroundings;
  const restarting = targets.filter(isRestarted);
  const interruptions = restarting.flatMap((target) => {
    const { interruption, overloaded } = target.workload ?? {};
    return [interruption, overloaded].flatMap((why) => (why === undefined ? [] : [`${label(target)}: ${why}`]));
  });
  // a cutover reports it as a blocker
  const reloader = way === 'Overlap' ? reloaderPresent(surroundings) : undefined;
  const unasked = way === 'Overlap' ? unaskedText(settingsIn(surroundings)) : undefined;
  const strangers = settings.unlistedConsumers === 'Warn' ? unlistedConsumers : [];
  return [
    ...(unasked === undefined ? [] : [`${unasked}. rekey cannot ask it: ${DECLARE}`]),
    ...interruptions,
    ...(reloader ? [reloader.message] : []),
    ...strangers.map((name) => `${name} reads a key of the Secret and is not a target: rekey does not restart it`),
  ];
}
