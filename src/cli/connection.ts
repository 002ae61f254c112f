/**
 * The flags of each command that needs a cluster: which one, and by whose rights.
 */
import type { Command } from 'commander';

/** Which cluster, and whose rights. */
export interface ConnectOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  /** Whom to act as. */
  readonly as?: string;
  readonly asUid?: string;
  readonly asGroup?: readonly string[];
}

/** Adds them, by the names that kubectl gives them. */
export function addConnection(program: Command): void {
  program
    .option('-n, --namespace <name>', 'namespace (default: that of the context)')
    .option('--context <name>', 'context of the kubeconfig to use')
    .option('--kubeconfig <file>', 'path to a kubeconfig (default: KUBECONFIG or ~/.kube/config)')
    .option('--as <user>', 'act as this user or service account')
    .option('--as-group <group>', 'act as a member of this group; can be repeated', collected)
    .option('--as-uid <uid>', 'act as the user with this uid');
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
