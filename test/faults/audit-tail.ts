/**
 * What the API server's own audit log says of the operator, read as it grows.
 */
import { open, stat } from 'node:fs/promises';
import { OPERATOR_USER } from '../support/scenario/install.ts';

/** One answered request of the operator. */
export interface Audited {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly code: number;
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
}

export class AuditTail {
  readonly #path: string;
  #offset = 0;
  #rest = '';
  #reading: Promise<void> = Promise.resolve();
  readonly #byNamespace = new Map<string, Audited[]>();

  private constructor(path: string, offset: number) {
    this.#path = path;
    this.#offset = offset;
  }

  /** Reads from the present end of the log on. */
  static async start(path: string): Promise<AuditTail> {
    return new AuditTail(path, (await stat(path)).size);
  }

  /** What the operator asked of a namespace since the last call for it. */
  async take(namespace: string): Promise<readonly Audited[]> {
    this.#reading = this.#reading.then(() => this.#read());
    await this.#reading;
    const taken = this.#byNamespace.get(namespace) ?? [];
    this.#byNamespace.delete(namespace);
    return taken;
  }

  async #read(): Promise<void> {
    const file = await open(this.#path);
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(1 << 20);
      while (this.#offset < size) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) if (line.includes(OPERATOR_USER)) this.#take(line);
      }
    } finally {
      await file.close();
    }
  }

  #take(line: string): void {
    let event: AuditEvent;
    try {
      event = JSON.parse(line) as AuditEvent;
    } catch {
      return;
    }
    if (event.stage !== 'ResponseComplete' || event.user.username !== OPERATOR_USER) return;
    const { resource = '', subresource = '', namespace = '' } = event.objectRef ?? {};
    const audited = {
      verb: event.verb,
      resource: subresource === '' ? resource : `${resource}/${subresource}`,
      namespace,
      code: event.responseStatus?.code ?? 0,
    };
    const all = this.#byNamespace.get(namespace) ?? [];
    all.push(audited);
    this.#byNamespace.set(namespace, all);
  }
}
