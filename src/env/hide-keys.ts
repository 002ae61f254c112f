/** Hides keys in texts of other programs, such as the output of a reload command. */
import { redactText } from '../rotation/people/text.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { runFinder } from './key-runs.ts';

const HIDDEN = '[redacted]';

/**
 * @param keys hidden exactly, also in base64, in hex and as in URLs, however short they are
 * @returns hides them in a text, and everything else that looks like a secret
 */
export function keyHider(keys: readonly KeyMaterial[]): (text: string) => string {
  const forms = [...new Set(keys.flatMap((key) => key.use(formsOf)))].filter((form) => form !== '');
  // a form that is a part of another would leave the rest of it
  const longestFirst = forms.sort((one, other) => other.length - one.length);
  return (text) => redactText(longestFirst.reduce((shown, form) => shown.replaceAll(form, HIDDEN), text));
}

/**
 * @param keys as for {@link keyHider}
 * @returns hides them in all lines that a program has printed; undefined if a piece of one is left, over the end of a line for
 *   example: then none of the lines may be shown
 */
export function outputHider(keys: readonly KeyMaterial[]): (lines: readonly string[]) => readonly string[] | undefined {
  const hide = keyHider(keys);
  const hasRun = runFinder(keys);
  return (lines) => {
    const shown = lines.map(hide);
    return hasRun(shown.join('\n')) ? undefined : shown;
  };
}

function formsOf(bytes: Buffer): readonly string[] {
  const text = bytes.toString('utf8');
  const hex = bytes.toString('hex');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  return [
    text,
    encodeURIComponent(text),
    base64,
    encodeURIComponent(base64),
    bytes.toString('base64url'),
    hex,
    hex.toUpperCase(),
  ];
}
