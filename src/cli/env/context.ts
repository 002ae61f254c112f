/**
 * What a command on the keys of .env files works with.
 */
import { join } from 'node:path';
import { newAsker } from '../../env/asker.ts';
import { loadConfig, unusedConfigAbove } from '../../env/config.ts';
import { CONFIG_FILE, type EnvConfig } from '../../env/env-config.ts';
import { newSession, type Session } from '../../env/session.ts';
import type { Asker } from '../../env/witness.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';
import { refuseUnknown } from './look.ts';

export interface ContextOptions {
  readonly terminal: Terminal;
  /** Where the command runs, absolute. */
  readonly folder: string;
  /** What the user calls this program. */
  readonly program: string;
  readonly environment: string;
}

export interface Context extends ContextOptions {
  readonly config: EnvConfig;
  readonly session: Session;
  readonly asker: Asker;
}

/** @throws EnvError that a person can put right */
export async function withContext(options: ContextOptions, act: (context: Context) => Promise<Exit>): Promise<Exit> {
  const { terminal, environment, folder } = options;
  const asker = newAsker();
  try {
    const config = await loadConfig(folder);
    refuseBelow(config);
    refuseUnknown(config, environment);
    const session = newSession(config, environment, asker, (what) => terminal.printErr(`${what}\n`));
    return await act({ ...options, config, session, asker });
  } finally {
    await asker.close();
  }
}

/** A rotation of the services in this folder alone would set them apart from those that share their key. */
function refuseBelow({ found, root }: EnvConfig): void {
  const above = found ? undefined : unusedConfigAbove(root);
  if (above === undefined) return;
  const message = `${join(above, CONFIG_FILE)} is not used in ${root}, since neither is in a Git repository; nothing was written`;
  const way = `If it names the services of this folder, run the command in ${above}. If not: rekey env init`;
  throw new CommandError(`${message}. ${way}`, EXIT.failed);
}

/** @throws CommandError usage if it is blank */
export function reasonOf(reason: string | undefined): string {
  if (reason === undefined) return 'asked for';
  if (reason.trim() === '') throw new CommandError('--reason: it is empty', EXIT.usage);
  return reason;
}
