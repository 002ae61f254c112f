/**
 * `env continue`: goes on with what is under way.
 */
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import type { Context } from './context.ts';
import { Follower } from './follow.ts';

export interface ContinueOptions {
  /** True without names: all that are waited for. */
  readonly reloaded?: readonly string[] | true;
  readonly watch?: true;
}

/** @returns done when nothing is left to do now */
export async function goOn(
  { session, terminal, program, config }: Context,
  { reloaded = [], watch }: ContinueOptions,
): Promise<Exit> {
  const names = reloaded === true ? [] : reloaded;
  const stranger = names.find((name) => config.services.every((service) => service.name !== name));
  if (stranger !== undefined) {
    const known = config.services.map(({ name }) => name).join(', ');
    throw new CommandError(`--reloaded: there is no service ${stranger}; there are ${known}`, EXIT.usage);
  }
  const said = reloaded === true ? 'all' : reloaded;
  return new Follower({ session, terminal, program, watch: watch === true, reloaded: said }).run();
}
