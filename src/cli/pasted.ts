/** Commands in messages, so that a person can paste them: they reach the same cluster by the same rights. */
import { shellWord } from '../env/finding.ts';
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { oneLine } from '../rotation/people/text.ts';
import type { ConnectOptions } from './connection.ts';

/** The flags of this process. A process has one connection, and messages are made in many places. */
let flagsOf: { readonly cluster: readonly string[]; readonly rights: readonly string[] } = { cluster: [], rights: [] };

/** Has all commands that are made from now on take these flags. @param options as they were given */
export function carryConnection({ kubeconfig, context, as, asUid, asGroup = [] }: ConnectOptions): void {
  const flag = (name: string, value: string | undefined) => (value === undefined ? [] : [name, shellWord(value)]);
  flagsOf = {
    cluster: [...flag('--kubeconfig', kubeconfig), ...flag('--context', context)],
    rights: [...flag('--as', as), ...asGroup.flatMap((group) => flag('--as-group', group)), ...flag('--as-uid', asUid)],
  };
}

/**
 * @param command such as `check`
 * @param of a resource, or what it is called; without a name the command is for all in the namespace
 * @param flags more flags, such as `--canary`
 * @returns such as `kubectl rekey check my-jwt -n shop --context prod --canary`
 */
export function rekeyCommand(command: string, { metadata: { name, namespace } }: Named, flags?: string): string {
  const place = [...(name === undefined ? [] : [name]), '-n', namespace, ...flagsOf.cluster, ...flagsOf.rights];
  return oneLine(['kubectl rekey', command, ...place, ...(flags === undefined ? [] : [flags])].join(' '));
}

type Metadata = JwtKeyRotation['metadata'];

export interface Named {
  readonly metadata: Pick<Metadata, 'namespace'> & Partial<Pick<Metadata, 'name'>>;
}

/** @returns the flags by which a command of kubectl reaches the same cluster, with a space before each; whose rights it uses is left to the person */
export function clusterFlags(): string {
  return flagsOf.cluster.map((word) => ` ${word}`).join('');
}
