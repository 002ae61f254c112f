/** Sends requests over a few connections to each host. A full HTTP client would be most of the small command line. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { HttpAnswer } from './canary-answer.ts';
import type { HttpRequest } from './canary-request.ts';

export interface HttpLimits {
  /** Time limit of the whole answer, milliseconds. */
  readonly timeoutMs: number;
  /** How much of the body is read, at most. */
  readonly maxBodyBytes: number;
}

/** An answer with what its headers say. */
export interface Got extends HttpAnswer {
  readonly retryAfter: string | undefined;
  /** The target of a redirect, which is not followed. */
  readonly location: string | undefined;
}

/** An idle connection is closed after this, milliseconds, since its peer may go at any moment. */
const IDLE_MS = 1_000;

/** Informational answers (1xx) before the answer, at most. Whoever sends more would keep this process busy. */
const MAX_INFORMATIONAL = 8;
/** Bytes that are read at once. What has been read is parsed to its end, also when the connection is closed meanwhile. */
const READ_BYTES = 4_096;

/** A client with connections of its own, which {@link close} closes. It follows no redirect. */
export class HttpClient {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @param connections to one host, at most; `fresh`: a new one for each request, as many as are sent at once */
  constructor(connections: number | 'fresh') {
    // Node uses a connection again even without keepAlive, as soon as their number has a limit
    const use = connections === 'fresh' ? { keepAlive: false } : { keepAlive: true, maxSockets: connections };
    const options = {
      ...use,
      timeout: IDLE_MS,
      onread: { buffer: () => Buffer.allocUnsafe(READ_BYTES), callback: passOn },
    };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /** @throws Error with a `code`, or a TimeoutError, if no answer comes */
  async send(request: HttpRequest, limits: HttpLimits): Promise<Got> {
    const { sent, answered } = this.#send(request, limits);
    try {
      return await answered;
    } catch (error) {
      // the peer may have closed the connection just when it was used again: then it has not seen the request
      const { code } = error as NodeJS.ErrnoException;
      if (!sent.reusedSocket || code !== 'ECONNRESET') throw error;
      return this.#send(request, limits).answered;
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #send(request: HttpRequest, { timeoutMs, maxBodyBytes }: HttpLimits) {
    const { method, url, headers, body, insecureSkipTLSVerify } = request;
    const signal = AbortSignal.timeout(timeoutMs);
    // the agent checks the name in the certificate: that of the Host header, else the address
    const rejectUnauthorized = !insecureSkipTLSVerify;
    const sent = url.startsWith('https:')
      ? httpsRequest(url, { agent: this.#https, method, headers, signal, rejectUnauthorized })
      : httpRequest(url, { agent: this.#http, method, headers, signal });
    const answered = answerTo(sent, signal, maxBodyBytes);
    sent.end(body);
    return { sent, answered };
  }
}

function answerTo(request: ClientRequest, signal: AbortSignal, maxBodyBytes: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? signal.reason : error);
    request.on('error', fail);
    // closed without an error: the peer answers in another protocol, for example with 101
    request.on('close', () => fail(new Error('the connection was closed without an answer')));
    let informational = 0;
    request.on('information', () => {
      informational += 1;
      if (informational > MAX_INFORMATIONAL) request.destroy(tooManyInformational());
    });
    request.on('response', (response: IncomingMessage) => {
      const { statusCode: status = 0, headers } = response;
      const chunks: Buffer[] = [];
      let left = maxBodyBytes;
      const end = (body: string | undefined) => {
        resolve({ status, body, retryAfter: headers['retry-after'], location: headers.location });
      };
      response.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left >= 0) return void chunks.push(chunk);
        end(undefined);
        response.destroy();
      });
      response.on('end', () => end(Buffer.concat(chunks).toString('utf8')));
      response.on('error', fail);
    });
  });
}

function tooManyInformational(): Error {
  return Object.assign(new Error('too many informational answers (1xx)'), { code: 'TOO_MANY_1XX' });
}

/** Called with the socket as `this`. @returns whether to read on */
function passOn(this: Socket, count: number, read: Uint8Array): boolean {
  return this.push(read.subarray(0, count));
}
