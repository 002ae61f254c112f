/**
 * Which resources a command is meant for.
 */
import type { Operations } from '../rotation/people/operations.ts';
import { CommandError, EXIT } from './terminal.ts';

export interface Selecting {
  readonly selector?: string;
  readonly all?: true;
}

/** @throws CommandError usage unless it is clear which are meant */
export async function selected(
  operations: Operations,
  names: readonly string[],
  { selector, all }: Selecting,
): Promise<readonly string[]> {
  const ways = [names.length > 0, selector !== undefined, all === true].filter(Boolean);
  if (ways.length !== 1) throw new CommandError('give names, --selector or --all', EXIT.usage);
  if (names.length > 0) return names;
  if (selector?.trim() === '')
    throw new CommandError('--selector: it must not be empty; for all, use --all', EXIT.usage);
  const found = await operations.list(selector);
  const message = `no JwtKeyRotation in ${operations.namespace} matches`;
  if (found.length === 0) throw new CommandError(message, EXIT.failed);
  return found.map(({ metadata }) => metadata.name);
}
