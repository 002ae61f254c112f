/**
 * The way from the proxy to the API server.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

/** What is sent on: the bearer token goes with it, so the API server sees the client and not the proxy. */
export interface Forwarded {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'upgrade']);

/** Headers that concern the message and not the connection. */
export function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, value]],
    ),
  );
}

export class Upstream {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string, ca: string) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, ca, maxSockets: 128 });
  }

  /** @returns the answer as soon as its headers are there */
  open({ method, url, headers, body }: Forwarded, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host: this.#url.hostname,
          port: this.#url.port,
          method,
          path: url,
          headers: { ...endToEnd(headers), ...(body.length === 0 ? {} : { 'content-length': body.length }) },
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async send(forwarded: Forwarded): Promise<Answer> {
    const answer = await this.open(forwarded);
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
  }

  close(): void {
    this.#agent.destroy();
  }
}
