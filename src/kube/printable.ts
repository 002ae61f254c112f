/**
 * Texts that somebody else has written, made fit to be shown: none of them forges a line or steers a terminal.
 */

/** Controls, what turns the direction of writing round or has no width, and line ends of Unicode; not what joins letters and emoji. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One line without control characters. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

/**
 * Writes what cannot be seen as JSON does (`\u001b`), new lines and tabs aside. So JSON stays the same JSON by it.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => (sign === '\n' || sign === '\t' ? sign : escapeOf(sign)));
}

/** Of a character beyond U+FFFF, both halves. */
function escapeOf(sign: string): string {
  const units = Array.from({ length: sign.length }, (_, i) => sign.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
