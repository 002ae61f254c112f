/**
 * `env emergency`: a key has leaked. A fresh key alone, in every file, at once.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { EnvService } from '../../env/env-config.ts';
import { allKeys } from '../../env/environment.ts';
import { EnvError, FilesUnusable } from '../../env/error.ts';
import { NotReplaceable } from '../../env/files/errors.ts';
import { refuseCommitted } from '../../env/guard.ts';
import { newSession, type View } from '../../env/session.ts';
import { STATE_FOLDER } from '../../env/state.ts';
import type { KeyRecord, Keyset } from '../../rotation/keyset/keyset.ts';
import { fingerprintsOf, newKid } from '../../rotation/secret/keys.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import { type Context, reasonOf } from './context.ts';
import { Follower } from './follow.ts';
import { make } from './make.ts';
import { warnOfShared } from './residue.ts';
import { requestOf } from './rotate.ts';

export interface EmergencyOptions {
  readonly reason?: string;
  readonly yes?: true;
  readonly watch?: true;
  readonly without?: readonly string[];
}

/** @returns the exit status; failed if nothing was written */
export async function emergency(context: Context, options: EmergencyOptions): Promise<Exit> {
  const { terminal, program, config, environment, without } = { ...context, ...options };
  refuseStrange(context, without);
  const told = new Set<string>();
  const onRecovered = (what: string) => {
    if (!told.has(what)) terminal.printErr(`${what}\n`);
    told.add(what);
  };
  const session = newSession(config, environment, context.asker, onRecovered, without);
  const rotation = requestOf(config, reasonOf(options.reason), 'Emergency');
  const hinted = (error: unknown) => withHint(error, context, without);
  const look = () => session.look('Urgent');
  const seen = await session.alone(look, 'Urgent').catch(hinted);
  await refuseCommitted(seen.environment, true);
  await warnOfShared(seen.environment, terminal);
  // nobody waits with the lock for an answer
  if (!(await isAgreed(context, seen, options))) {
    terminal.printErr('nothing was written\n');
    return EXIT.failed;
  }
  const burn = async () => {
    const view = await look();
    refuseOther(context, seen, view);
    const { version } = view.facts.keyset;
    const write = { transition: 'burn', nonce: randomUUID(), rotation, version } as const;
    await make(session, terminal, view, write, withAll(view));
  };
  await session.alone(burn, 'Urgent').catch(hinted);
  return new Follower({ session, terminal, program, watch: options.watch === true, wrote: ['burn'] }).run();
}

/** Who agreed to burn a key did not agree to burn the fresh one of a colleague. */
function refuseOther({ environment, program }: Context, seen: View, { facts: { keyset } }: View): void {
  const { emergency: other } = keyset;
  if (other === undefined || other.nonce === seen.facts.keyset.emergency?.nonce) return;
  const what = `${environment} was written meanwhile by another emergency (version ${keyset.version}); this command wrote nothing`;
  const way = `To follow that one: ${program} env continue ${environment}. To burn its fresh key as well, run this command again`;
  throw new CommandError(`${what}. ${way}`, EXIT.failed);
}

/** @throws CommandError usage */
function refuseStrange({ config, environment }: Context, without: readonly string[] = []): void {
  const known = config.services.filter(({ files }) => files[environment] !== undefined).map(({ name }) => name);
  const strange = without.find((name) => !known.includes(name));
  if (strange !== undefined) {
    const message = `--without ${JSON.stringify(strange)}: there is no such service in ${environment}; known: ${known.join(', ')}`;
    throw new CommandError(message, EXIT.usage);
  }
  if (known.length > 0 && known.every((name) => without.includes(name))) {
    throw new CommandError('--without: no service is left', EXIT.usage);
  }
}

/** A file that cannot be read or replaced must not keep a leaked key alive in all others. */
function withHint(error: unknown, { config, environment, program }: Context, without: readonly string[] = []): never {
  const services = config.services.filter(({ files }) => files[environment] !== undefined);
  const isBlamed = blamedIn(error, config.root, environment);
  const left = services.filter((service) => without.includes(service.name) || isBlamed(service));
  if (!(error instanceof EnvError) || !services.some(isBlamed) || left.length === services.length) throw error;
  const names = left.map(({ name }) => name).join(' ');
  const way = `${program} env emergency ${environment} --without ${names} --reason TEXT`;
  throw new EnvError(`${error.message}\nNothing was written. To burn the key in the other files now: ${way}`);
}

/** @returns whether the error is about the file of a service */
function blamedIn(error: unknown, root: string, environment: string): (service: EnvService) => boolean {
  if (error instanceof FilesUnusable) return ({ name }) => error.services.includes(name);
  if (!(error instanceof NotReplaceable)) return () => false;
  return ({ files }) => error.paths.includes(join(root, files[environment] ?? ''));
}

async function isAgreed({ terminal }: Context, { environment }: View, { yes }: EmergencyOptions): Promise<boolean> {
  const { name, files, leftOut = [], unusable } = environment;
  const list = files.map(({ service }) => service.name).join(', ');
  terminal.printErr(
    `Every key in the files of ${name} will be burnt: ${list} must restart at once after that, and all users sign in again.\n`,
  );
  if (unusable !== undefined) {
    terminal.printErr(
      `${unusable}. The emergency goes on without what rekey remembered: the old file is kept in ${STATE_FOLDER}. Keys that were burnt before are recognized only if they can still be read there.\n`,
    );
  }
  for (const service of leftOut) {
    terminal.printErr(`${service} is left out: it may accept a burnt key until you mend its file and restart it.\n`);
  }
  if (yes) return true;
  if (!terminal.interactive) throw new CommandError('say --yes to do that; nothing was written', EXIT.usage);
  return (await terminal.question(`Type ${name} to go on: `))?.trim() === name;
}

/** Whoever has put another key into one of the files: that may have leaked too. */
function withAll({ environment, facts: { keyset, now } }: View): Keyset {
  const known = new Set(keyset.keys.map(({ fingerprint }) => fingerprint));
  const foreign = fingerprintsOf(allKeys(environment)).filter((fingerprint) => !known.has(fingerprint));
  const records = foreign.map((fingerprint): KeyRecord => {
    return { kid: newKid(), fingerprint, state: 'found', createdAt: now };
  });
  return { ...keyset, keys: [...keyset.keys, ...records] };
}
