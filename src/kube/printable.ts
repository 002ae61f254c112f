/** Makes foreign texts safe to show: they can neither forge a line nor control a terminal. */

/**
 * Control characters, characters that change the direction of writing or have no width, and Unicode line ends; but not
 * joiners of letters and emoji.
 */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One line without control characters. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

/**
 * Escapes invisible characters as JSON does (`\u001b`), except new lines and tabs. So the text of a JSON document keeps
 * its meaning.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => (sign === '\n' || sign === '\t' ? sign : escapeOf(sign)));
}

/** Escapes both halves of a character beyond U+FFFF. */
function escapeOf(sign: string): string {
  const units = Array.from({ length: sign.length }, (_, i) => sign.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
