/**
 * Names of time zones: those of IANA, including its links. ICU knows more, but its three-letter names come from old
 * Java and do not mean what people expect (BST is Asia/Dhaka, AST is America/Anchorage), so windows would be hours off.
 */

/** The three-letter names of IANA, which no longer adds any. */
const SHORT_NAMES = 'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' ');

const EXAMPLE = 'write an IANA name such as Europe/Berlin, America/New_York or UTC';

/** @returns why the name is not an IANA time zone that this machine knows, for people; an offset such as +0200 is not one */
export function timeZoneProblem(name: string): string | undefined {
  if (/^[A-Z]{3}$/i.test(name) && !SHORT_NAMES.includes(name.toUpperCase())) {
    return `"${name}" is an abbreviation, not an IANA time zone: several zones can share one; ${EXAMPLE}`;
  }
  if (/^[A-Z]/i.test(name) && !/^SystemV\//i.test(name) && isKnown(name)) return undefined;
  return `"${name}" is not an IANA time zone; ${EXAMPLE}`;
}

/** Zones that are known: each look costs half a millisecond, and each pass asks. There are a few hundred. */
const known = new Set<string>();

function isKnown(name: string): boolean {
  if (known.has(name)) return true;
  try {
    const isZone = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
    if (isZone) known.add(name);
    return isZone;
  } catch {
    return false;
  }
}
