/**
 * A watch on its way through the proxy, line by line.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readLines } from '../cluster/watch-lines.ts';
import { type LineFault, statusBody } from './fault.ts';
import type { WatchLine } from './journal.ts';

/** A line whose successor does not come goes out after this, milliseconds. */
const SWAP_PATIENCE_MS = 2_000;

interface Event {
  readonly type?: string;
  readonly object?: { readonly metadata?: { readonly name?: string } };
}

/** @returns type and name of the object of a line; empty if it is no event */
export function eventOf(line: string): { readonly type: string; readonly name: string } {
  try {
    const { type = '', object } = JSON.parse(line) as Event;
    return { type, name: object?.metadata?.name ?? '' };
  } catch {
    return { type: '', name: '' };
  }
}

export interface StreamOptions {
  readonly from: IncomingMessage;
  readonly to: ServerResponse;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
  /** Enters the line into the journal; undefined for lines that are of no interest. */
  readonly note: (line: string) => WatchLine | undefined;
  readonly faultOf: (line: WatchLine) => LineFault | undefined;
}

/** Passes the lines on until one of the two sides ends it, or a fault does. */
export async function passLines({ from, to, gone, note, faultOf }: StreamOptions): Promise<void> {
  let swapped: string | undefined;
  const send = (line: string): void => {
    to.write(`${line}\n`);
    if (swapped === undefined) return;
    to.write(`${swapped}\n`);
    swapped = undefined;
  };
  for await (const line of readLines(from as AsyncIterable<Buffer>)) {
    // A fault may have ended the stream meanwhile.
    if (gone.aborted || to.writableEnded || to.destroyed) return;
    const noted = note(line);
    const fault = noted === undefined ? undefined : faultOf(noted);
    if (noted === undefined || fault === undefined) {
      send(line);
      continue;
    }
    noted.fault = describe(fault);
    switch (fault.kind) {
      case 'cut':
        if (fault.where === 'within') to.write(line.slice(0, Math.floor(line.length / 2)));
        if (fault.where === 'after') send(line);
        // What was written shall arrive before the connection goes.
        await sleep(20);
        to.destroy();
        return;
      case 'hold':
        await sleep(fault.ms, undefined, { signal: gone }).catch(() => undefined);
        send(line);
        break;
      case 'lose':
        setTimeout(() => endWithGone(to), fault.ms).unref();
        break;
      case 'repeat':
        send(line);
        send(line);
        break;
      case 'swap':
        swapped = line;
        setTimeout(() => {
          if (swapped !== line || to.destroyed || to.writableEnded) return;
          swapped = undefined;
          to.write(`${line}\n`);
        }, SWAP_PATIENCE_MS).unref();
        break;
      case 'gone':
        endWithGone(to);
        return;
      case 'silence':
        await sleep(fault.ms, undefined, { signal: gone }).catch(() => undefined);
        to.destroy();
        return;
    }
  }
  to.end();
}

function endWithGone(to: ServerResponse): void {
  if (to.destroyed || to.writableEnded) return;
  to.end(`{"type":"ERROR","object":${statusBody(410, 'Expired')}}\n`);
}

function describe(fault: LineFault): string {
  const { kind, ...rest } = fault;
  return [kind, ...Object.values(rest).map(String)].join(' ');
}
