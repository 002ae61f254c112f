/** Commands in messages, so that a person can paste them. */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { oneLine } from '../rotation/people/text.ts';

/**
 * @param command such as `check`
 * @param flags more flags, such as `--canary`
 * @returns such as `kubectl rekey check my-jwt -n shop --canary`
 */
export function rekeyCommand(
  command: string,
  { metadata: { name, namespace } }: Pick<JwtKeyRotation, 'metadata'>,
  flags?: string,
): string {
  return oneLine(['kubectl rekey', command, name, '-n', namespace, ...(flags === undefined ? [] : [flags])].join(' '));
}
