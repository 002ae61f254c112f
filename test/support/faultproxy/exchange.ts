/**
 * One request on its way through the proxy, with what is done to it.
 */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallFault, type Position, statusBody } from './fault.ts';
import type { Exchange } from './journal.ts';
import { type Answer, endToEnd } from './upstream.ts';

export interface Passage {
  readonly exchange: Exchange;
  readonly to: ServerResponse;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
  /** Sends it to the API server and notes what that said. */
  readonly forward: () => Promise<Answer>;
  /** What this question was answered `back` times ago. */
  readonly past: (back: number) => Buffer | undefined;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends the connection with RST. */
  readonly reset: () => void;
}

/** Does what the fault says; without one it passes the request and its answer on. */
export async function pass(passage: Passage, fault: CallFault | undefined): Promise<void> {
  const { exchange, to, gone, forward, signal } = passage;
  if (fault !== undefined) exchange.fault = describe(fault);
  switch (fault?.kind) {
    case undefined:
      return reply(passage, await forward());
    case 'answer': {
      const { status, reason, retryAfterSeconds } = fault;
      return refuse(passage, status, reason, retryAfterSeconds);
    }
    case 'applied-but':
      await forward();
      return refuse(passage, fault.status, fault.reason);
    case 'hang':
      if (fault.applied) await forward();
      exchange.outcome = 'no answer';
      return untilGone(gone);
    case 'delay':
      if (fault.of === 'request') await sleep(fault.ms);
      return reply(passage, await forwardAndWait(forward, fault.of === 'answer' ? fault.ms : 0));
    case 'late':
      exchange.outcome = 'no answer';
      // Not bound to the client: that has given up long before.
      await sleep(fault.ms);
      await forward();
      return;
    case 'twice':
      await forward();
      return reply(passage, await forward());
    case 'reset':
      if (fault.applied) await forward();
      exchange.outcome = 'reset';
      passage.reset();
      return;
    case 'truncate': {
      const answer = await forward();
      exchange.outcome = 'cut short';
      to.writeHead(answer.status, { ...endToEnd(answer.headers), 'content-length': answer.body.length });
      to.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)));
      await sleep(20);
      to.destroy();
      return;
    }
    case 'past': {
      const answer = await forward();
      const old = passage.past(fault.back);
      if (old === undefined) exchange.fault = 'no past to answer from';
      return reply(passage, old === undefined ? answer : { ...answer, body: old });
    }
    case 'kill':
      return strike(passage, fault.position, () => signal('SIGKILL'), undefined);
    case 'term':
      return strike(
        passage,
        fault.position,
        () => signal('SIGTERM'),
        async () => {},
      );
    case 'stop':
      return strike(
        passage,
        fault.position,
        () => signal('SIGSTOP'),
        async () => {
          await sleep(fault.ms);
          signal('SIGCONT');
        },
      );
  }
}

/** A write that waits in the network while its sender stands still is sent on when the sender wakes. */
async function strike(
  passage: Passage,
  position: Position,
  hit: () => void,
  wake: (() => Promise<void>) | undefined,
): Promise<void> {
  const { forward, exchange, to } = passage;
  if (position === 'before') {
    hit();
    exchange.outcome = 'never sent';
    if (wake === undefined) return;
    await wake();
    return reply(passage, await forward());
  }
  const answer = await forward();
  if (position === 'applied') {
    hit();
    await wake?.();
    if (wake === undefined) exchange.outcome = 'nobody to read it';
    else reply(passage, answer);
    return;
  }
  reply(passage, answer);
  await new Promise<void>((resolve) => (to.writableFinished ? resolve() : to.once('close', resolve)));
  hit();
  await wake?.();
}

async function forwardAndWait(forward: () => Promise<Answer>, ms: number): Promise<Answer> {
  const answer = await forward();
  await sleep(ms);
  return answer;
}

function reply({ exchange, to }: Passage, { status, headers, body }: Answer): void {
  exchange.outcome = String(status);
  if (to.destroyed) return;
  to.writeHead(status, { ...endToEnd(headers), 'content-length': body.length });
  to.end(body);
}

function refuse({ exchange, to }: Passage, status: number, reason: string, retryAfterSeconds?: number): void {
  exchange.outcome = String(status);
  const retry = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  to.writeHead(status, { 'content-type': 'application/json', ...retry });
  to.end(statusBody(status, reason, retryAfterSeconds));
}

function untilGone(gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) resolve();
    else gone.addEventListener('abort', () => resolve(), { once: true });
  });
}

function describe(fault: CallFault): string {
  const { kind, ...rest } = fault;
  return [kind, ...Object.values(rest).map(String)].join(' ');
}
