/**
 * What a command on the keys of .env files works with.
 */
import { newAsker } from '../../env/asker.ts';
import { loadConfig } from '../../env/config.ts';
import type { EnvConfig } from '../../env/env-config.ts';
import { newSession, type Session } from '../../env/session.ts';
import type { Asker } from '../../env/witness.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';

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
    const session = newSession(config, environment, asker, (what) => terminal.tell(`${what}\n`));
    return await act({ ...options, config, session, asker });
  } finally {
    await asker.close();
  }
}

/** @throws CommandError usage if it is blank */
export function reasonOf(reason: string | undefined): string {
  if (reason === undefined) return 'asked for';
  if (reason.trim() === '') throw new CommandError('--reason: it is empty', EXIT.usage);
  return reason;
}
