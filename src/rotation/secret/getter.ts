/**
 * GET requests over a few connections to each host. A client with all that HTTP can do would be most of the small command line.
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface GetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Of the whole answer, milliseconds. */
  readonly timeoutMs: number;
  /** What is read of the body; the rest is not waited for. */
  readonly maxBodyBytes: number;
}

export interface Got {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** A connection that nobody needs is closed after this, milliseconds: its peer may go at any moment. */
const IDLE_MS = 1_000;

/** Closes its connections with it. It follows no redirect. */
export class Getter {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @param connections to one host at a time */
  constructor(connections: number) {
    const options = { keepAlive: true, maxSockets: connections, timeout: IDLE_MS };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /** @throws Error with a `code`, or a TimeoutError, if no answer comes */
  async get(url: string, options: GetOptions): Promise<Got> {
    const { request, answered } = this.#send(url, options);
    try {
      return await answered;
    } catch (error) {
      // the peer may have closed a connection in the moment in which it was used again: then nobody has seen the request
      const { code } = error as NodeJS.ErrnoException;
      if (!request.reusedSocket || code !== 'ECONNRESET') throw error;
      return this.#send(url, options).answered;
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #send(url: string, { headers, timeoutMs, maxBodyBytes }: GetOptions) {
    const signal = AbortSignal.timeout(timeoutMs);
    const isSecure = url.startsWith('https:');
    const agent = isSecure ? this.#https : this.#http;
    const request = (isSecure ? httpsRequest : httpRequest)(url, { agent, headers, signal });
    const answered = answerOf(request, signal, maxBodyBytes);
    request.end();
    return { request, answered };
  }
}

function answerOf(request: ClientRequest, signal: AbortSignal, maxBodyBytes: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? signal.reason : error);
    request.on('error', fail);
    // without an error: the peer answers in another protocol, such as 101 that nobody has asked for
    request.on('close', () => fail(new Error('the connection was closed without an answer')));
    request.on('response', (response: IncomingMessage) => {
      let left = maxBodyBytes;
      const end = () => {
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
      };
      response.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left >= 0) return;
        end();
        response.destroy();
      });
      response.on('end', end);
      response.on('error', fail);
    });
  });
}
