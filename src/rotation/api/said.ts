/**
 * What people say when they ask for something, as far as rekey keeps it: it is copied into the Secret's annotations, the status,
 * Events, the log and the audit. So it has a bound, nothing in it looks like a key (people paste the one that has leaked), and nothing
 * steers a terminal.
 */
import { createHash } from 'node:crypto';
import { visible } from '../../kube/printable.ts';
import { redactText } from '../../runtime/redact.ts';

/** What rekey keeps of a value of `rotate-requested-at` or `abort-requested-at`, or of a nonce, characters. */
export const MAX_VALUE = 253;
/** What rekey keeps of a reason, characters. */
export const MAX_REASON = 1_024;
const CUT = '…';
const HASH_DIGITS = 16;
/** An annotation may have 256 KiB: this much of it is looked at, characters. */
const LOOKED_AT = 8_192;
/** What may be left of a secret when it is cut, and is too short to be known as one. */
const PIECE = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1,63}$/;

/** @returns the value, or what may be shown of it with the hash of all of it, so that two that differ stay two */
export function keptValue(value: string, max = MAX_VALUE): string {
  const shown = shownOf(value);
  if (shown === value && value.length <= max) return value;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_DIGITS);
  return `${beginningOf(shown, max - CUT.length - HASH_DIGITS)}${CUT}${hash}`;
}

/** @returns the reason, or what may be shown of it: nothing is told by it */
export function keptReason(reason: string): string {
  const shown = shownOf(reason);
  if (reason.length <= LOOKED_AT && shown.length <= MAX_REASON) return shown;
  return `${beginningOf(shown, MAX_REASON - CUT.length)}${CUT}`;
}

function shownOf(text: string): string {
  return visible(redactText(text.length <= LOOKED_AT ? text : beginningOf(text, LOOKED_AT).replace(PIECE, '')));
}

/** Cuts between characters. */
function beginningOf(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}
