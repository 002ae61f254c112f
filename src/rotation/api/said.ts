/**
 * Bounds the texts that people write into requests. rekey copies them into annotations of the Secret, the status,
 * Events, the log and the audit log. So their length is limited, anything that looks like a key is hidden (people paste
 * the leaked one), and control characters are escaped.
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
/** How much of an annotation is read, characters: it may have 256 KiB. */
const LOOKED_AT = 8_192;
/** The rest of a secret after a cut, too short to be recognized. */
const PIECE = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1,63}$/;

/** @returns the value, or the part that may be shown with a hash of the whole, so that different values stay different */
export function keptValue(value: string, max = MAX_VALUE): string {
  const shown = shownOf(value);
  if (shown === value && value.length <= max) return value;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_DIGITS);
  return `${beginningOf(shown, max - CUT.length - HASH_DIGITS)}${CUT}${hash}`;
}

/** @returns the reason, or the part that may be shown. Nothing is identified by it */
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
