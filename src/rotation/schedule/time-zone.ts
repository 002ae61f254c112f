/**
 * Names of time zones: those of IANA, its links included. ICU knows more. Its three-letter names are those of old Java, and
 * not what people mean by them (BST is Asia/Dhaka, AST is America/Anchorage), so windows would be hours off.
 */

/** The names of three letters that IANA has; it adds none any more. */
const SHORT_NAMES = 'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' ');

const EXAMPLE = 'write an IANA name such as Europe/Berlin, America/New_York or UTC';

/** @returns why the name is no IANA time zone that this machine knows, for people; an offset such as +0200 is none */
export function timeZoneProblem(name: string): string | undefined {
  if (/^[A-Z]{3}$/i.test(name) && !SHORT_NAMES.includes(name.toUpperCase())) {
    return `"${name}" is an abbreviation, not an IANA time zone: several zones can share one; ${EXAMPLE}`;
  }
  if (/^[A-Z]/i.test(name) && !/^SystemV\//i.test(name) && isKnown(name)) return undefined;
  return `"${name}" is not an IANA time zone; ${EXAMPLE}`;
}

function isKnown(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
