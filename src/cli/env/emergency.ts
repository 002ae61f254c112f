/**
 * `env emergency`: a key has leaked. A fresh key alone, in every file, at once.
 */
import { randomUUID } from 'node:crypto';
import { allKeys } from '../../env/environment.ts';
import { refuseCommitted } from '../../env/guard.ts';
import type { View } from '../../env/session.ts';
import type { KeyRecord, Keyset } from '../../rotation/keyset/keyset.ts';
import { fingerprintsOf, newKid } from '../../rotation/secret/keys.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import { type Context, reasonOf } from './context.ts';
import { Follower } from './follow.ts';
import { make } from './make.ts';
import { requestOf } from './rotate.ts';

export interface EmergencyOptions {
  readonly reason?: string;
  readonly yes?: true;
  readonly watch?: true;
}

/** @returns the exit status; failed if nothing was written */
export async function emergency(context: Context, options: EmergencyOptions): Promise<Exit> {
  const { session, terminal, program, config } = context;
  const rotation = requestOf(config, reasonOf(options.reason), 'Emergency');
  const isBurnt = await session.alone(async () => {
    const view = await session.look();
    await refuseCommitted(view.environment, true);
    if (!(await isAgreed(context, view, options))) return false;
    const { version } = view.facts.keyset;
    const write = { transition: 'burn', nonce: randomUUID(), rotation, version } as const;
    await make(session, terminal, view, write, withAll(view));
    return true;
  });
  if (!isBurnt) {
    terminal.tell('nothing was written\n');
    return EXIT.failed;
  }
  return new Follower({ session, terminal, program, watch: options.watch === true, reloaded: [] }).run();
}

async function isAgreed({ terminal }: Context, { environment }: View, { yes }: EmergencyOptions): Promise<boolean> {
  const { name, files } = environment;
  const list = files.map(({ service }) => service.name).join(', ');
  terminal.tell(
    `Every key in the files of ${name} is burnt. ${list} must restart at once, and all users sign in again.\n`,
  );
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
