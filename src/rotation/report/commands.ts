/** Commands in messages, so that a person can paste them. */
import type { JwtKeyRotation } from '../api/names.ts';

/** The planner knows no names of the resource: it writes these, as the documentation does. */
const NAME = /(kubectl rekey [a-z-]+) NAME\b/g;
const NAMESPACE = / -n NAMESPACE\b/g;

/** @returns the message with the resource's own name and namespace in its commands */
export function withNames(message: string, { metadata: { name, namespace } }: JwtKeyRotation): string {
  const at = ` -n ${namespace}`;
  return message.replace(NAME, (_, command: string) => `${command} ${name}${at}`).replace(NAMESPACE, () => at);
}
