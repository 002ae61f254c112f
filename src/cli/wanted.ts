/** What people asked for, in words. */
import { oneLine } from '../rotation/people/text.ts';
import type { Wanted } from '../rotation/wishes.ts';

/** @returns such as `rekey.dev/rotate-requested-at is 2026-11-25T04:26:17Z, requested by alice` */
export function wantedText({ reason, actor }: Pick<Wanted, 'reason' | 'actor'>): string {
  return oneLine(`${reason}, requested by ${actor}`);
}
