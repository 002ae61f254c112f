/**
 * `env sync`: brings services that lag behind in step with the source of truth.
 */
import type { EnvironmentFiles } from '../../env/environment.ts';
import { refuseCommitted } from '../../env/guard.ts';
import { shownKids } from '../../env/layout.ts';
import { refuseLost } from '../../env/lost-key.ts';
import type { View } from '../../env/session.ts';
import { burntKeysIn, spreadingWeakKeys, type UnwantedKey, unwantedText } from '../../env/unwanted.ts';
import { foundIn } from '../../env/write.ts';
import { fingerprintOf } from '../../rotation/secret/keys.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import type { Context } from './context.ts';
import { make, WROTE } from './make.ts';
import { commandOf, eachAlone, runReload } from './reload.ts';

/** @returns the exit status; not ready if a reload command failed */
export async function sync(context: Context, { discard }: { readonly discard?: true }): Promise<Exit> {
  const { session, terminal, environment, program } = context;
  const seen = await session.alone(() => session.look('Read'));
  // nobody waits with the lock for Git
  if (!isInStep(seen)) await refuseCommitted(seen.environment);
  const done = await session.alone(async () => {
    const view = await session.look('Read');
    if (isInStep(view)) return view.facts.keyset.phase;
    const files = view.managed
      ? await putBack(context, view, discard === true)
      : await takeOver(context, view, discard === true);
    return { files, environment: view.environment };
  });
  // nobody waits with the lock for a restart
  if (typeof done !== 'string') return restart(context, done.environment, done.files);
  if (done !== 'Steady') {
    const what = done === 'Burning' ? 'an emergency is not over' : 'a rotation is under way';
    terminal.print(
      `${environment}: all files are in step, and ${what} (${done}). To go on: ${program} env continue ${environment}\n`,
    );
    return EXIT.done;
  }
  const unknown = `whether each service has been restarted since is not known; to ask them: ${program} env verify ${environment}`;
  terminal.print(`${environment}: all files are in step. ${unknown}\n`);
  return EXIT.done;
}

/** @returns whether every file has the same keys; after the first write, those that rekey wrote */
export function isInStep({ managed, differences, environment }: View): boolean {
  if (managed) return differences.length === 0;
  const held = environment.files.map(({ signing, fallbacks }) =>
    [fingerprintOf(signing), ...fallbacks.map(fingerprintOf).sort()].join(),
  );
  return new Set(held).size <= 1;
}

/**
 * Before the first rotation: the key of the source of truth signs everywhere. The keys of the others stay accepted, in the
 * fallbacks, until the next rotation retires them: their tokens are out there. A weak or burnt one is not brought to any other
 * service.
 */
async function takeOver(context: Context, view: View, discard: boolean): Promise<readonly string[]> {
  const { session, terminal } = context;
  const unwanted = [...(await burntKeysIn(view.environment)), ...(await spreadingWeakKeys(view.environment))];
  refuseUnwanted(context, unwanted, discard);
  if (!discard) refuseOneKey(context, view);
  const given = [...new Set(unwanted.map(({ fingerprint }) => fingerprint))];
  const keyset = foundIn(view.environment, view.facts.now, given);
  const [signing, ...others] = keyset.keys.map(({ fingerprint }) => fingerprint);
  const write = {
    transition: 'adopt',
    fingerprint: signing ?? '',
    fallbacks: others,
    version: keyset.version,
    handled: {},
  } as const;
  const files = await make(session, terminal, view, write, keyset);
  if (given.length > 0) terminal.print(`  given up: ${given.join(', ')}\n`);
  return files;
}

function refuseUnwanted({ environment, program }: Context, keys: readonly UnwantedKey[], discard: boolean): void {
  if (keys.length === 0) return;
  const emergency = `replace all keys: ${program} env emergency ${environment} --reason TEXT`;
  if (keys.some(({ signs }) => signs)) {
    const message = `${unwantedText(keys)}. Every service would sign with that of the source of truth; nothing was written`;
    const way = `Name another sourceOfTruth in rekey.yaml, or ${emergency}`;
    throw new CommandError(`${message}. ${way}`, EXIT.failed);
  }
  if (discard) return;
  const message = `${unwantedText(keys)}. Every service would accept it; nothing was written`;
  const way = `sync with --discard gives it up: tokens that were signed with it are refused. Or ${emergency}`;
  throw new CommandError(`${message}. ${way}`, EXIT.failed);
}

/** A service that knows one key would refuse the tokens of the one that moves to the fallbacks. */
function refuseOneKey({ config, environment, program }: Context, { environment: { files } }: View): void {
  const [truth] = files;
  const moved = files.filter(({ signing }) => truth !== undefined && !signing.equals(truth.signing));
  const silent = moved
    .filter(({ service }) => service.roles.includes('Verifier') && service.readsFallbacks !== true)
    .map(({ service, signing }) => `${service.name} (${fingerprintOf(signing)})`);
  if (silent.length === 0) return;
  const what = `the key of ${silent.join(', ')} would move to ${config.fallbacksName}, and whether it is read there is not known`;
  const ways = `say readsFallbacks: true in rekey.yaml, or give the tokens of that key up: ${program} env sync ${environment} --discard`;
  throw new CommandError(`${what}. ${ways}; nothing was written`, EXIT.failed);
}

/** What rekey wrote, in every file again. */
async function putBack(context: Context, view: View, discard: boolean): Promise<readonly string[]> {
  const { session, terminal } = context;
  const { name } = view.environment;
  await refuseBurntOwn(context, view);
  await refuseLost(view.environment, view.facts.keyset);
  const foreign = view.differences.filter((difference) => difference.foreign.length > 0);
  if (foreign.length > 0 && !discard) {
    const what = foreign.map(
      (each) => `${each.file.shown} has a key that rekey has not written (${each.foreign.join(', ')})`,
    );
    const message = `${what.join('; ')}. Its tokens would be refused: sync with --discard gives it up; nothing was written`;
    throw new CommandError(message, EXIT.failed);
  }
  const { files, left, state } = await session.restore(view);
  terminal.print(`${name}: every file has the keys that rekey wrote\n  ${files.join(', ')}\n`);
  if (state.keyset.phase !== view.facts.keyset.phase) terminal.print(`${name}: reopen: ${WROTE.reopen}\n`);
  if (left !== undefined) terminal.printErr(`${left}\n`);
  return files;
}

/** What rekey wrote here may have been burnt in another environment since. */
async function refuseBurntOwn({ program }: Context, { environment, facts: { keyset } }: View): Promise<void> {
  const shown = shownKids(keyset);
  const own = keyset.keys.filter(({ kid }) => shown.includes(kid)).map(({ fingerprint }) => fingerprint);
  const burnt = (await burntKeysIn(environment)).filter(({ fingerprint }) => own.includes(fingerprint));
  if (burnt.length === 0) return;
  const message = `${unwantedText(burnt)}. It would be put into every file again; nothing was written`;
  const way = `Replace it: ${program} env emergency ${environment.name} --reason TEXT`;
  throw new CommandError(`${message}. ${way}`, EXIT.failed);
}

/** Those whose file has changed: each by its command, whatever becomes of the others, or by whoever reads this. */
async function restart(
  { terminal, session }: Context,
  environment: EnvironmentFiles,
  changed: readonly string[],
): Promise<Exit> {
  const names = environment.files.filter(({ shown }) => changed.includes(shown)).map(({ service }) => service.name);
  const byHand = names.filter((name) => commandOf(environment, name) === undefined);
  const failed: string[] = [];
  const withCommand = names.filter((name) => !byHand.includes(name));
  const left = await eachAlone({ terminal, session }, withCommand, async (name) => {
    if (!(await runReload({ terminal, session }, environment, name))) failed.push(name);
  });
  for (const { service, why } of left) terminal.printErr(`${service}: not restarted: ${why}\n`);
  if (byHand.length > 0)
    terminal.print(`Restart ${byHand.join(', ')}: a running service keeps the key that it has loaded.\n`);
  if (failed.length === 0) return left.length === 0 ? EXIT.done : EXIT.notReady;
  const what = `${environment.name}: every file is written, and the reload command of ${failed.join(', ')} failed`;
  terminal.printErr(`${what}. Restart it yourself: sync does not run the command again\n`);
  return EXIT.notReady;
}
