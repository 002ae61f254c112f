/**
 * Texts as a terminal may show them. Loads no client: the commands that need no cluster use it too.
 */
import { redactText } from '../../runtime/redact.ts';

export { fileTrouble } from '../../kube/files.ts';
export { oneLine, visible } from '../../kube/printable.ts';
export { redactText } from '../../runtime/redact.ts';

/** @returns whether a text that everybody may read seems to hold a key or a token */
export function looksSecret(text: string): boolean {
  return redactText(text) !== text;
}
