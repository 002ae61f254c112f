/**
 * What the commands that only look have in common.
 */
import { type Assessment, assess, only } from '../../env/assess.ts';
import { type EnvConfig, loadSetup, type Setup } from '../../env/config.ts';
import { environmentsOf } from '../../env/env-config.ts';
import { hintAt } from '../../env/environment.ts';
import { observe } from '../../env/observe.ts';
import { CommandError, EXIT } from '../terminal.ts';
import type { EnvContext } from './commands.ts';

/** What was read, and what it means. */
export interface Look extends Setup {
  readonly assessment: Assessment;
}

/** @param environment all if absent */
export async function look({ folder, terminal }: EnvContext, environment: string | undefined): Promise<Look> {
  const setup = await loadSetup(folder);
  if (environment !== undefined) refuseUnknown(setup.config, environment);
  const all = assess(await observe(setup), terminal.now());
  return { ...setup, assessment: environment === undefined ? all : only(all, environment) };
}

/** @throws CommandError usage */
export function refuseUnknown(config: EnvConfig, environment: string): void {
  const known = environmentsOf(config);
  if (known.includes(environment)) return;
  const hint = hintAt(environment, known);
  throw new CommandError(`there is no environment ${JSON.stringify(environment)}; ${hint}`, EXIT.usage);
}
