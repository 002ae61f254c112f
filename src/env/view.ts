/** What one look has found of an environment, and the next step. */
import type { Keyset } from '../rotation/keyset/keyset.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { type Difference, differences, type EnvironmentFiles } from './environment.ts';
import { StateUnusable } from './error.ts';
import { isGivenUp, nextStep, type Step, type StepFacts } from './step.ts';
import { foundIn } from './write.ts';

/** The current state and the next step. */
export interface View {
  readonly environment: EnvironmentFiles;
  readonly facts: StepFacts;
  /** Whether rekey has written these files before. */
  readonly managed: boolean;
  readonly differences: readonly Difference[];
  /** Services that the rotation under way began with, and that the configuration no longer names. */
  readonly forgotten: readonly string[];
  readonly step: Step;
}

/** The files as they were read at one moment. No service has been asked. */
export interface Scene {
  readonly environment: EnvironmentFiles;
  readonly keyset: Keyset;
  readonly differences: readonly Difference[];
}

/** @param now milliseconds since the epoch */
export function sceneOf(environment: EnvironmentFiles, now: number): Scene {
  const { state } = environment;
  const keyset = state?.keyset ?? foundIn(environment, now);
  return { environment, keyset, differences: state === undefined ? [] : differences(environment, keyset) };
}

/** @returns whether the next step depends on what services have loaded */
export function isWitnessed({ keyset, differences }: Scene): boolean {
  return keyset.phase !== 'Steady' && differences.length === 0;
}

/** @returns whether some service is asked over the network for that, which takes its time */
export function isAsked(scene: Scene): boolean {
  const { files, name } = scene.environment;
  return isWitnessed(scene) && files.some(({ service }) => service.canary[name] !== undefined);
}

/** @returns whether nobody has written anything between the two: the state has all that rekey writes, and the files have its keys */
export function isUnchanged(before: Scene, after: Scene): boolean {
  const [was, is] = [before, after].map(({ environment }) => environment.stateBytes);
  return was !== undefined && is?.equals(was) === true && after.differences.length === 0;
}

/** @returns what the files and these facts come to */
export function viewOf({ environment, keyset, differences }: Scene, known: Omit<StepFacts, 'keyset'>): View {
  const { state, name, leftOut = [] } = environment;
  const facts = { ...known, keyset };
  const forgotten = keyset.phase === 'Steady' ? [] : forgottenIn(environment);
  const next = nextStep(facts);
  const mayReload = next.kind === 'Reload' && isGivenUp(keyset);
  const step = forgotten.length > 0 && !mayReload ? forgottenStep(forgotten) : withoutThem(next, leftOut, name);
  return { environment, facts, managed: state !== undefined, differences, forgotten, step };
}

function forgottenIn({ files, state, leftOut = [] }: EnvironmentFiles): readonly string[] {
  const known = [...leftOut, ...files.map(({ service }) => service.name)];
  return (state?.services ?? []).filter((name) => !known.includes(name));
}

/** Rests instead of the next write, which would claim that all services have followed. */
function withoutThem(step: Step, leftOut: readonly string[], environment: string): Step {
  if (leftOut.length === 0 || step.kind !== 'Write') return step;
  const list = leftOut.join(', ');
  const way = `Make its file one that rekey can read and replace, run rekey env sync ${environment}, and restart it`;
  return { kind: 'Rest', why: `${list}: left out, so it may still accept a burnt key. ${way}` };
}

/** rekey does not wait for a forgotten service, which may still sign with the old key, or not know the new one. */
function forgottenStep(services: readonly string[]): Step {
  const list = services.join(', ');
  return {
    kind: 'Rest',
    why: `${list}: part of this rotation, and not in rekey.yaml any more. Put it back until it is over`,
  };
}

/**
 * Every wait rests on the time: a clock that goes back makes it longer, and its correction makes it shorter. An
 * emergency waits for nothing that was before it.
 *
 * @param urgent leaves out a state that is later than the clock
 * @throws StateUnusable if it is, and not urgent
 */
export function withoutFuture(read: EnvironmentFiles, now: number, skewMs: number, urgent: boolean): EnvironmentFiles {
  const { state, ...others } = read;
  const { lastWriteAt = 0 } = state?.keyset.attempts ?? {};
  if (now >= lastWriteAt - skewMs) return read;
  const why = `the clock of this machine is ${formatDuration(lastWriteAt - now)} behind the last write of rekey`;
  if (!urgent) throw new StateUnusable(why, '; set it right first');
  return { ...others, unusable: why };
}
