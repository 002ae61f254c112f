/**
 * A proxy between operators and the API server that reads every request and may do anything to it. It ends TLS with a
 * certificate of its own and sends the client's bearer token on, so the API server sees the client itself.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { type Credentials, writeKubeconfig } from '../cluster/kubeconfig.ts';
import { createPki } from '../cluster/pki.ts';
import type { Command } from '../cluster/processes.ts';
import { callOf } from './call.ts';
import { pass } from './exchange.ts';
import { type CallFault, type LineFault, statusBody } from './fault.ts';
import { type Applied, type Exchange, Journal, type WatchLine } from './journal.ts';
import { PhaseTracker } from './phase.ts';
import { eventOf, passLines } from './stream.ts';
import { endToEnd, type Forwarded, Upstream } from './upstream.ts';

const HOST = '127.0.0.1';
/** Answers kept of each question, to answer from the past. */
const PAST = 12;

/** What a run does to its requests. */
export interface Script {
  faultOfCall(exchange: Exchange): CallFault | undefined;
  faultOfLine(line: WatchLine): LineFault | undefined;
  /** Which process of a client is running, counted from 1. */
  processOf(client: string): number;
  signal(client: string, signal: NodeJS.Signals): void;
  /** Told of what went wrong in the proxy itself. */
  failed(error: unknown): void;
}

export interface ProxyOptions {
  /** The API server and whom the clients are. */
  readonly credentials: Credentials;
  readonly pki: Command;
  /** A folder of its own, which is there. */
  readonly dir: string;
}

export class FaultProxy {
  readonly #options: ProxyOptions;
  readonly #upstream: Upstream;
  readonly #servers: Server[] = [];
  /** Connections below TLS, by the port of the client: only they can be reset. */
  readonly #sockets = new Map<number, Socket>();
  readonly #past = new Map<string, Buffer[]>();
  #script: Script | undefined;
  #journal = new Journal();
  #phase = new PhaseTracker();

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#upstream = new Upstream(options.credentials.url, options.credentials.ca);
  }

  static async start(options: ProxyOptions): Promise<FaultProxy> {
    await createPki(options.pki, join(options.dir, 'pki'), HOST);
    return new FaultProxy(options);
  }

  /** @returns a kubeconfig for one client: the proxy tells clients apart by the port that they use */
  async kubeconfigFor(client: string): Promise<string> {
    const { dir, credentials } = this.#options;
    const read = (file: string): string => readFileSync(join(dir, 'pki', file), 'utf8');
    const server = createServer({ key: read('apiserver.key'), cert: read('apiserver.crt'), keepAliveTimeout: 60_000 });
    server.on('connection', (socket: Socket) => {
      const { remotePort = 0 } = socket;
      this.#sockets.set(remotePort, socket);
      socket.on('close', () => this.#sockets.delete(remotePort));
    });
    server.on('request', (request, response) => this.#serve(client, request, response));
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    this.#servers.push(server);
    const { port } = server.address() as AddressInfo;
    const path = join(dir, `client-${client}.kubeconfig`);
    writeKubeconfig(path, 'rekey', { ...credentials, url: `https://${HOST}:${port}`, ca: read('ca.crt') });
    return path;
  }

  get phase(): string {
    return this.#phase.phase;
  }

  /** Starts a run: counts begin anew. */
  begin(script: Script): Journal {
    this.#script = script;
    this.#journal = new Journal();
    this.#phase = new PhaseTracker();
    return this.#journal;
  }

  async close(): Promise<void> {
    this.#upstream.close();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #serve(client: string, request: IncomingMessage, response: ServerResponse): void {
    const script = this.#script;
    if (script === undefined) {
      response.destroy();
      return;
    }
    this.#pass(script, client, request, response).catch((error: unknown) => {
      // The API server is away, or the client is: both are faults of a run. Anything else is a mistake in here.
      if (!isConnectionError(error)) script.failed(error);
      if (!response.headersSent && !response.destroyed) {
        response.writeHead(502, { 'content-type': 'application/json' });
        response.end(statusBody(502, 'the API server cannot be reached'));
      } else response.destroy();
    });
  }

  async #pass(script: Script, client: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = 'GET', url = '/', headers } = request;
    const forwarded: Forwarded = { method, url, headers, body: Buffer.concat(chunks) };
    const call = callOf(method, url);
    const journal = this.#journal;
    const exchange = journal.request(client, script.processOf(client), call, this.#phase.phase);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    // A client that goes in the middle of an answer is part of the game.
    response.on('error', () => undefined);
    const fault = script.faultOfCall(exchange);
    if (call.verb === 'watch' && fault === undefined) {
      return this.#watch(script, journal, exchange, forwarded, response, gone.signal);
    }
    const question = `${method} ${url}`;
    const earlier = [...(this.#past.get(question) ?? [])];
    const passage = {
      exchange,
      to: response,
      gone: gone.signal,
      forward: () => this.#forward(exchange, forwarded, question),
      past: (back: number) => earlier.at(-back),
      signal: (signal: NodeJS.Signals) => script.signal(client, signal),
      reset: () => this.#reset(request.socket.remotePort),
    };
    await pass(passage, fault);
  }

  #reset(port: number | undefined): void {
    const socket = this.#sockets.get(port ?? 0);
    socket?.resetAndDestroy();
  }

  async #forward(exchange: Exchange, forwarded: Forwarded, question: string) {
    const answer = await this.#upstream.send(forwarded);
    const text = answer.body.toString('utf8');
    exchange.applied = { status: answer.status, ...versionsIn(text), at: Date.now() };
    if (exchange.call.resource === 'secrets' && exchange.call.verb !== 'list') this.#phase.see(text);
    if (forwarded.method === 'GET' && answer.status === 200) {
      const past = this.#past.get(question) ?? [];
      this.#past.set(question, [...past, answer.body].slice(-PAST));
    }
    return answer;
  }

  async #watch(
    script: Script,
    journal: Journal,
    exchange: Exchange,
    forwarded: Forwarded,
    response: ServerResponse,
    gone: AbortSignal,
  ): Promise<void> {
    const from = await this.#upstream.open(forwarded, gone);
    exchange.applied = { status: from.statusCode ?? 0, ...versionsIn(''), at: Date.now() };
    exchange.outcome = String(from.statusCode);
    response.writeHead(from.statusCode ?? 502, endToEnd(from.headers));
    response.flushHeaders();
    const { resource } = exchange.call;
    const note = (line: string): WatchLine | undefined => {
      const { type, name } = eventOf(line);
      if (type === '' || type === 'BOOKMARK') return undefined;
      const what = resource === 'deployments' ? `${resource} ${name} ${type}` : `${resource} ${type}`;
      return journal.line(exchange.client, what, this.phase);
    };
    await passLines({ from, to: response, gone, note, faultOf: (line) => script.faultOfLine(line) });
  }
}

function versionsIn(text: string): Pick<Applied, 'resourceVersion' | 'generation'> {
  try {
    const { metadata } = JSON.parse(text) as { metadata?: { resourceVersion?: string; generation?: number } };
    return { resourceVersion: metadata?.resourceVersion, generation: metadata?.generation };
  } catch {
    return { resourceVersion: undefined, generation: undefined };
  }
}

function isConnectionError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(ECONN|EPIPE|ABORT_ERR|ERR_STREAM|ERR_HTTP|UND_ERR|EAI_|ETIMEDOUT)/.test(code);
}
