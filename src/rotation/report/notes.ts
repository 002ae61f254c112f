/** Notes about a resource that block nothing, one sentence each; empty if there is nothing to report. */

import { DATA } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import type { Assessment } from '../plan/decision.ts';
import { besideNames } from '../settings/settings.ts';

/** Unlisted consumers, if they do not block. */
export function strangersNote({ settings, unlistedConsumers }: Facts): string {
  if (settings.unlistedConsumers === 'Block' || unlistedConsumers.length === 0) return '';
  return `${unlistedConsumers.join(', ')} reads a key of Secret ${settings.secretName} and is not a target: rekey does not restart it, and it may refuse valid tokens`;
}

/** Before the first write: new names that containers would see. */
export function addedNote({ secret, settings, crowded = [] }: Facts): string {
  const { signingNames, secretName } = settings;
  const all = [...signingNames, ...besideNames(settings), ...Object.values(DATA).filter((name) => name !== DATA.burnt)];
  const added = secret.kind === 'Absent' ? all : secret.kind === 'Unmanaged' ? (secret.lacks ?? []) : [];
  if (added.length === 0 || crowded.length === 0) return '';
  return `Secret ${secretName} gets ${added.join(', ')}, and ${crowded.join('; ')} takes all of it: from its next start, these hide variables of the same name from earlier sources`;
}

/** @returns that another resource holds the same key */
export function reuseNote({ sharedWith, settings }: Facts): string {
  if (sharedWith.length === 0) return '';
  return `${settings.environment} shares its key with ${sharedWith.join(', ')}`;
}

/** Only for targets that get the key by a restart. */
export function interruptionNote({ targets }: Assessment): string {
  const each = targets.flatMap(({ target: { settings, workload }, name }) => {
    const { interruption } = workload ?? {};
    return settings.source === 'Env' && interruption !== undefined ? [`${name}: ${interruption}`] : [];
  });
  if (each.length === 0) return '';
  return `${each.join('; ')}. Each rotation interrupts the service for as long as a pod takes to start; to avoid that, run one more pod`;
}

/** Not a reason to wait: the key must change, and the load may last. */
export function overloadNote({ targets }: Assessment): string {
  const each = targets.flatMap(({ target, name }) => {
    const { overloaded } = target.workload ?? {};
    return overloaded === undefined ? [] : [`${name}: ${overloaded}`];
  });
  if (each.length === 0) return '';
  return `${each.join('; ')}, and fewer pods serve during a restart; raise maxReplicas, or let a Deployment start new pods first (maxUnavailable: 0)`;
}
