/** Finds, by the state files, the environments with a rotation or an emergency under way. */
import { defined, ifDefined } from '../base/objects.ts';
import { keyIn, type Phase } from '../rotation/keyset/keyset.ts';
import { EnvError } from './error.ts';
import { readBounded } from './read-file.ts';
import { decodeEnvState, statePath } from './state.ts';
import { drainOf, isGoingBack } from './step.ts';

export interface UnderWay {
  readonly environment: string;
  readonly phase: Phase;
  /** Whether it goes back, so that the old key signs again and the new one leaves. */
  readonly back: boolean;
  /** Until when the leaving key is accepted, milliseconds since the epoch; only in the phase Draining. */
  readonly until?: number;
}

/**
 * @param root folder of the configuration, absolute
 * @param drainMs of the current configuration, milliseconds
 * @returns them without environments whose state cannot be read, which have a finding of their own
 */
export async function underWayIn(
  root: string,
  environments: readonly string[],
  drainMs: number,
): Promise<readonly UnderWay[]> {
  const all = await Promise.all(environments.map((environment) => phaseOf(root, environment, drainMs)));
  return all.filter((each) => each !== undefined);
}

async function phaseOf(root: string, environment: string, drainMs: number): Promise<UnderWay | undefined> {
  const path = statePath(root, environment);
  const reading = await readBounded(path);
  if (reading.kind !== 'Read') return undefined;
  try {
    const { keyset } = decodeEnvState(reading.bytes, path);
    const { phase } = keyset;
    if (phase === 'Steady') return undefined;
    const exit = phase === 'Draining' ? keyIn(keyset, 'draining')?.lastSignerExit : undefined;
    return {
      environment,
      phase,
      back: isGoingBack(keyset),
      ...defined({ until: ifDefined(exit, (exit) => exit + drainOf({ drainMs, keyset })) }),
    };
  } catch (error) {
    if (error instanceof EnvError) return undefined;
    throw error;
  }
}
