/**
 * `env rotate`: begins a rotation of one environment, and makes what can be made of it now.
 */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { drainMsOf, type EnvConfig } from '../../env/env-config.ts';
import { refuseCommitted } from '../../env/guard.ts';
import type { View } from '../../env/session.ts';
import { guarded } from '../../env/step.ts';
import { burntKeysIn, emergencyWay, spreadingWeakKeys, unwantedText } from '../../env/unwanted.ts';
import { silentReaders } from '../../env/witness.ts';
import { keptReason } from '../../rotation/api/said.ts';
import type { RotationRecord } from '../../rotation/keyset/keyset.ts';
import type { RotationRequest } from '../../rotation/keyset/writes.ts';
import { fingerprintOf } from '../../rotation/secret/keys.ts';
import { drainText } from '../../rotation/settings/drain.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import { type Context, reasonOf } from './context.ts';
import { Follower } from './follow.ts';
import { make } from './make.ts';
import { isInStep } from './sync.ts';

export interface RotateOptions {
  readonly readsFallbacks?: true;
  readonly atOnce?: true;
  readonly reason?: string;
  readonly yes?: true;
  readonly watch?: true;
}

/** @returns the exit status; failed if nothing was begun */
export async function rotate(context: Context, options: RotateOptions): Promise<Exit> {
  const { session, terminal, program } = context;
  const reason = reasonOf(options.reason);
  const look = async () => {
    const view = await session.look('Read');
    refuseUnderWay(view, program);
    refuseApart(view, program);
    if (options.atOnce) return view;
    refuseUnsaid(context, view, options);
    await refuseBurnt(context, view);
    await refuseWeak(context, view);
    return view;
  };
  const seen = await session.alone(look);
  await refuseCommitted(seen.environment);
  // nobody waits with the lock for an answer
  const isAgreed = await (options.atOnce ? givesUp(context, seen, options) : readsFallbacks(context, seen, options));
  if (!isAgreed) return EXIT.failed;
  const begin = options.atOnce ? cutOver : stage;
  const wrote = await session.alone(async () => {
    const view = await look();
    refuseOther(context, seen, view);
    return begin(context, view, reason);
  });
  return new Follower({ session, terminal, program, watch: options.watch === true, wrote: [wrote] }).run();
}

/** Who agreed to replace a key did not agree to replace the one that a colleague has written since. */
function refuseOther({ environment, program }: Context, seen: View, view: View): void {
  const [was, is] = [seen, view].map(({ environment: { files } }) => files[0]?.signing);
  const { version } = view.facts.keyset;
  // without a state, each look names another version
  const isSame = version === seen.facts.keyset.version || !(view.managed || seen.managed);
  if (isSame && was !== undefined && is?.equals(was) === true) return;
  const now = `version ${version}${is === undefined ? '' : `, and ${fingerprintOf(is)} signs`}`;
  const what = `${environment} was written meanwhile (${now}), so what was agreed to before does not count; this command wrote nothing`;
  throw new CommandError(
    `${what}. To replace that key as well, run: ${program} env rotate ${environment}`,
    EXIT.failed,
  );
}

function refuseUnderWay({ facts: { keyset }, environment: { name } }: View, program: string): void {
  if (keyset.phase === 'Steady') return;
  const message = `a rotation of ${name} is under way (${keyset.phase}): ${program} env continue ${name}, or abort`;
  throw new CommandError(message, EXIT.failed);
}

/** Services that refuse each other's tokens already are brought in step first. */
function refuseApart({ environment, differences }: View, program: string): void {
  const { files, name } = environment;
  const [truth] = files;
  const apart = files.filter(({ signing }) => truth !== undefined && !signing.equals(truth.signing));
  const messages = [
    ...apart.map(
      ({ shown, signing }) =>
        `${shown} has another key (${fingerprintOf(signing)}) than ${truth?.shown} (${truth && fingerprintOf(truth.signing)})`,
    ),
    ...differences.map(({ message }) => message),
  ];
  if (messages.length === 0) return;
  throw new CommandError(`${messages.join('; ')}. Bring them in step first: ${program} env sync ${name}`, EXIT.failed);
}

/** The old keys stay accepted until retire: whoever has a burnt one could sign tokens until then. */
async function refuseBurnt({ program }: Context, view: View): Promise<void> {
  const { environment } = view;
  const burnt = await burntKeysIn(environment);
  if (burnt.length === 0) return;
  const message = `${unwantedText(burnt)}. It would stay accepted until the end of the rotation; nothing was written`;
  const discards = !view.managed && !isInStep(view) && !burnt.some(({ signs }) => signs);
  const ways = [
    ...(discards ? [`To give it up: ${program} env sync ${environment.name} --discard`] : []),
    emergencyWay(environment.name),
  ];
  throw new CommandError(`${message}. ${ways.join('. ')}`, EXIT.failed);
}

/** Every key that is found stays accepted until retire, by all services: a weak one of some is not brought to the others. */
async function refuseWeak({ program }: Context, { environment, managed }: View): Promise<void> {
  const weak = managed ? [] : await spreadingWeakKeys(environment);
  if (weak.length === 0) return;
  const message = `${unwantedText(weak)}. Every service would accept it; nothing was written`;
  throw new CommandError(`${message}. To give it up: ${program} env sync ${environment.name} --discard`, EXIT.failed);
}

/** On these the old key is given up: none of them is guessed. */
function refuseUnsaid({ config, program }: Context, view: View, { readsFallbacks: said }: RotateOptions): void {
  const { name, files } = view.environment;
  const services = files.map(({ service }) => service);
  if (!config.found) {
    const why = `how long the tokens of ${name} live is not known without rekey.yaml, and a key that leaves too early takes live tokens with it`;
    throw new CommandError(
      `${why}. Run: ${program} env init, and correct maxTokenTTL; nothing was written`,
      EXIT.failed,
    );
  }
  if (services.every(({ roles }) => !roles.includes('Signer'))) {
    const why = `no service of ${name} signs, as rekey.yaml says (roles), so nobody can know when the last token of the old key is issued`;
    throw new CommandError(`${why}; nothing was written`, EXIT.failed);
  }
  const denied = services.filter((service) => service.readsFallbacks === false).map((service) => service.name);
  if (said === undefined || denied.length === 0) return;
  const what = `${denied.join(', ')}: rekey.yaml says readsFallbacks: false, and you say --reads-fallbacks`;
  throw new CommandError(`${what}. Correct one of the two; nothing was written`, EXIT.failed);
}

/** @returns what it wrote */
async function stage({ terminal, session, config }: Context, view: View, reason: string): Promise<string> {
  const { handled, acked } = view.facts.keyset;
  const step = guarded(view.facts, { transition: 'stage', acked, handled, rotation: requestOf(config, reason) });
  if (step.kind !== 'Write') throw new CommandError('why' in step ? step.why : 'it cannot begin', EXIT.failed);
  const drain = { maxTokenTtlMs: config.maxTokenTtlMs, clockSkewMs: config.clockSkewMs, drainMs: drainMsOf(config) };
  terminal.print(
    `${view.environment.name}: the old key will stay accepted for ${drainText(drain)} after the last service signs with the new one\n`,
  );
  await make(session, terminal, view, step.write);
  return step.write.transition;
}

/** A service that knows one key would refuse the tokens of the other: who does not prove it, must say it. */
async function readsFallbacks(
  { config, terminal, program }: Context,
  view: View,
  options: RotateOptions,
): Promise<boolean> {
  const { name, files } = view.environment;
  const silent = silentReaders(
    files.map(({ service }) => service),
    name,
  );
  if (silent.length === 0 || options.readsFallbacks) return true;
  const list = silent.join(', ');
  if (terminal.interactive) {
    const question = `Do ${list} accept tokens of each key in ${config.fallbacksName} as well? [y/N] `;
    if (/^y(es)?$/i.test((await terminal.question(question))?.trim() ?? '')) return true;
  }
  terminal.printErr(
    `whether ${list} read ${config.fallbacksName} is not known, and nothing was written. Then either:\n`,
  );
  terminal.printErr(
    `  they do:    ${program} env rotate ${name} --reads-fallbacks   (or readsFallbacks: true in rekey.yaml)\n`,
  );
  terminal.printErr(
    `  they do not: ${program} env rotate ${name} --at-once           (every older token is refused)\n`,
  );
  return false;
}

/** @returns whether somebody agrees to what is lost */
async function givesUp({ terminal }: Context, view: View, options: RotateOptions): Promise<boolean> {
  const { name, files } = view.environment;
  terminal.print(
    `${name}: ${files.length} ${files.length === 1 ? 'service refuses' : 'services refuse'} every token that was signed before, as soon as each restarts: all users sign in again.\n`,
  );
  terminal.print("While some have restarted and some have not, they refuse each other's tokens.\n");
  if (!options.yes) {
    if (!terminal.interactive) throw new CommandError('say --yes to do that; nothing was written', EXIT.usage);
    const answer = await terminal.question(`Type ${name} to go on: `);
    if (answer?.trim() !== name) {
      terminal.printErr('nothing was written\n');
      return false;
    }
  }
  return true;
}

/** @returns what it wrote */
async function cutOver({ terminal, session, config }: Context, view: View, reason: string): Promise<string> {
  const { handled } = view.facts.keyset;
  await make(session, terminal, view, { transition: 'cutover', handled, rotation: requestOf(config, reason) });
  return 'cutover';
}

/** @returns the record of a rotation that begins now */
export function requestOf(
  config: EnvConfig,
  reason: string,
  trigger: RotationRecord['trigger'] = 'Command',
): RotationRequest {
  return {
    ...{ id: randomUUID(), trigger, actor: userInfo().username, reason: keptReason(reason) },
    ...{ drainMs: drainMsOf(config), keyBytes: config.keyBytes },
  };
}
