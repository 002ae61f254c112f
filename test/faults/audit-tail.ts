/**
 * What the API server's own audit log says of the operator, read as it grows.
 */
import { statSync } from 'node:fs';
import { GrowingFile } from '../support/cluster/growing-file.ts';
import { type Call, callOf } from '../support/scenario/audit.ts';
import { OPERATOR_USER } from '../support/scenario/install.ts';

/** One answered request of the operator. */
export type Audited = Pick<Call, 'verb' | 'resource' | 'namespace' | 'code'>;

export class AuditTail {
  readonly #file: GrowingFile;
  readonly #byNamespace = new Map<string, Audited[]>();

  /** Reads from the present end of the log on. */
  constructor(path: string) {
    this.#file = new GrowingFile(path, statSync(path).size);
  }

  /** What the operator asked of a namespace since the last call for it. */
  take(namespace: string): readonly Audited[] {
    for (const line of this.#file.newLines()) if (line.includes(OPERATOR_USER)) this.#keep(callOf(line));
    const taken = this.#byNamespace.get(namespace) ?? [];
    this.#byNamespace.delete(namespace);
    return taken;
  }

  #keep(call: Call | undefined): void {
    if (call?.user !== OPERATOR_USER) return;
    const { verb, resource, namespace, code } = call;
    const all = this.#byNamespace.get(namespace) ?? [];
    all.push({ verb, resource, namespace, code });
    this.#byNamespace.set(namespace, all);
  }
}
