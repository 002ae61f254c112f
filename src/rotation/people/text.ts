/** Makes texts safe for a terminal. Loads no Kubernetes client, since commands without a cluster use it, too. */
import { redactText } from '../../runtime/redact.ts';

export { fileTrouble } from '../../kube/files.ts';
export { oneLine, visible } from '../../kube/printable.ts';
export { redactText } from '../../runtime/redact.ts';

/** @returns whether a public text seems to contain a key or a token */
export function looksSecret(text: string): boolean {
  return redactText(text) !== text;
}
