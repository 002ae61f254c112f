/**
 * The flag of commands that wait.
 */
import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../rotation/schedule/duration.ts';

/** @returns `--timeout`, whose value is in milliseconds */
export function timeoutOption(byDefault: string): Option {
  return new Option('--timeout <duration>', 'how long to wait, such as 30m; 0s waits forever')
    .argParser(milliseconds)
    .default(milliseconds(byDefault), byDefault);
}

function milliseconds(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a duration such as 90s, 30m or 48h.');
  return ms;
}
