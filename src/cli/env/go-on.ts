/**
 * `env continue`: goes on with what is under way.
 */
import { EnvError } from '../../env/error.ts';
import { burntKeysIn, emergencyWay, unwantedText } from '../../env/unwanted.ts';
import { currentShape } from '../../rotation/keyset/keyset.ts';
import { iso } from '../../rotation/schedule/duration.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import type { Context } from './context.ts';
import { Follower } from './follow.ts';
import { reloadedText, type Said } from './restarts.ts';

export interface ContinueOptions {
  /** The version that the services were restarted for, then their names; without names all that a person restarts. */
  readonly reloaded?: readonly string[] | true;
  readonly watch?: true;
}

/** @returns done when nothing is left to do now */
export async function goOn(context: Context, { reloaded, watch }: ContinueOptions): Promise<Exit> {
  const { session, terminal, program } = context;
  const said = reloaded === undefined ? undefined : await saidOf(context, reloaded === true ? [] : reloaded);
  await tellBurnt(context);
  return new Follower({ session, terminal, program, watch: watch === true, said }).run();
}

/** Says which keys in the files are burnt. The steps go on: those that would make one sign are withheld. */
async function tellBurnt({ session, terminal, environment }: Context): Promise<void> {
  // without the lock, since nothing is written; what cannot be read now is said by the steps
  const view = await session.look('Read').catch((error: unknown) => {
    if (error instanceof EnvError) return undefined;
    throw error;
  });
  const burnt = view === undefined ? [] : await burntKeysIn(view.environment);
  if (burnt.length === 0) return;
  terminal.printErr(
    `BurntKey: ${unwantedText(burnt)}. While services accept it, whoever has it can sign tokens for them. ${emergencyWay(environment)}\n`,
  );
}

/**
 * @param words the version, then names
 * @returns undefined if nothing is under way, so that nothing can be said of it
 * @throws CommandError usage if a service is not known, or if there is no version: the files may have been written again
 *   since the person restarted anything
 */
async function saidOf(
  { session, config, program, environment }: Context,
  words: readonly string[],
): Promise<Said | undefined> {
  const [first = '', ...rest] = words;
  const hasVersion = /^\d{1,15}$/.test(first);
  const names = hasVersion ? rest : words;
  const stranger = names.find((name) => config.services.every((service) => service.name !== name));
  if (stranger !== undefined) {
    const known = config.services.map(({ name }) => name).join(', ');
    throw new CommandError(`--reloaded: there is no service ${stranger}; there are ${known}`, EXIT.usage);
  }
  const services = names.length === 0 ? 'all' : names;
  if (hasVersion) return { version: Number(first), services };
  const { facts } = await session.alone(() => session.look('Read'));
  const { version, phase } = facts.keyset;
  if (phase === 'Steady') return undefined;
  const { writtenAt } = currentShape(facts.keyset);
  const what = `--reloaded: say for which version, since the files may have been written again meanwhile. They have version ${version} now (${phase}), since ${iso(writtenAt)}`;
  const way = `If the services were restarted after that: ${program} env continue ${environment} ${reloadedText(version, services)}`;
  throw new CommandError(`${what}; nothing was written. ${way}`, EXIT.usage);
}
