/**
 * Asks the operator for what only it can find out, and waits for its answer in the status.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { Patch } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { specFindings } from '../rotation/settings/spec-checks.ts';
import { ask } from './leader.ts';
import { rekeyCommand } from './pasted.ts';
import type { Obstacle } from './plan.ts';
import { obstaclesText } from './plan-text.ts';
import { conditionOf } from './status.ts';
import { CommandError, EXIT, type Terminal } from './terminal.ts';

/** The operator gives a pod some seconds, and asks many at once. */
const TIMEOUT_MS = 60_000;

/** What is asked for, and how its answer is recognized. */
export interface Asking<T> {
  readonly patch: Patch;
  readonly answer: (resource: JwtKeyRotation) => T | undefined;
}

/** The operator asks nothing as long as the spec is wrong. */
export type Asked<T> = { readonly answer: T } | { readonly invalid: readonly Obstacle[]; readonly text: string };

/**
 * @param asking is given a value that was not used before
 * @throws CommandError if no target has a canary, or the operator does not answer in time
 */
export async function askOperator<T>(
  operations: Operations,
  terminal: Terminal,
  name: string,
  asking: (at: string) => Asking<T>,
): Promise<Asked<T>> {
  const resource = await operations.get(name);
  const invalid = specFindings(resource.spec);
  if (invalid.length > 0) return { invalid, text: obstaclesText(invalid) };
  if (resource.spec.targets.every(({ canary }) => canary === undefined)) {
    throw new CommandError(`${name}: no target has a canary; declare one in spec.targets[].canary`, EXIT.failed);
  }
  const { patch, answer } = asking(new Date(terminal.now()).toISOString());
  await ask(operations, terminal, name, patch);
  let last = resource;
  const answered = (current: JwtKeyRotation) => {
    last = current;
    return answer(current);
  };
  const found = await operations.follow(name, answered, TIMEOUT_MS);
  if (found === undefined) throw new CommandError(silentText(last), EXIT.notReady);
  return { answer: found };
}

function silentText(resource: JwtKeyRotation): string {
  const { name } = resource.metadata;
  const ready = conditionOf(resource, 'Ready');
  const says = ready?.status === 'False' ? `; it reports ${ready.reason}: ${ready.message}` : '';
  return `${name}: the operator has not asked the pods within ${TIMEOUT_MS / 1000} s${says}. It asks when it can: ${rekeyCommand('status', resource)}`;
}
