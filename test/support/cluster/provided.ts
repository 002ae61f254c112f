import type { Command } from './processes.ts';
import type { Programs } from './programs.ts';

/** What the global setup hands to test files: plain data, since they run in other processes. */
export interface ProvidedCluster {
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly url: string;
  /** The control plane's folder: log/ and pki/ are in it. */
  readonly dir: string;
  /** The audit log, one JSON object per line. */
  readonly auditLogPath: string;
  /** kubectl as the administrator, for `runKubectl`. */
  readonly kubectl: Command;
  /** The program that signs certificates, for `createUser` with `<dir>/pki`. */
  readonly pki: Command;
  /** Run from their sources if absent. */
  readonly programs?: Programs;
  readonly nodes: readonly { readonly name: string; readonly dir: string }[];
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly cluster: ProvidedCluster;
  }
}
