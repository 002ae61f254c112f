/**
 * What passed through the proxy, in order. It holds signatures and numbers, never a body, so never a key.
 */
import { type ApiCall, textOf } from './call.ts';

export interface Applied {
  readonly status: number;
  readonly resourceVersion: string | undefined;
  /** Rises when a spec changes, and not with a status. */
  readonly generation: number | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** One request. */
export interface Exchange {
  readonly seq: number;
  /** Which operator sent it, such as `a`, and which of its processes, counted from 1. */
  readonly client: string;
  readonly process: number;
  readonly call: ApiCall;
  /** Such as `patch secrets`. */
  readonly what: string;
  /** Of the rotation at that time, see {@link PhaseTracker}. */
  readonly phase: string;
  /** How many of the same came before in the same phase, and this one: from 1. */
  readonly nth: number;
  /** How many requests this process sent before, and this one: from 1. */
  readonly nthOfProcess: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** What the API server answered; undefined while it has not, or never heard of it. */
  applied?: Applied;
  /** What the client read: a status, or how it ended otherwise. */
  outcome?: string;
  /** What was done to it. */
  fault?: string;
}

/** One line of a watch. */
export interface WatchLine {
  readonly client: string;
  /** Such as `pods MODIFIED` or `deployments main MODIFIED`. */
  readonly what: string;
  readonly phase: string;
  readonly nth: number;
  fault?: string;
}

/** `what @phase #n`: how triggers name a request or a line. */
export function signature({ what, phase, nth }: Pick<Exchange, 'what' | 'phase' | 'nth'>): string {
  return `${what} @${phase} #${nth}`;
}

export class Journal {
  readonly exchanges: Exchange[] = [];
  readonly lines: WatchLine[] = [];
  readonly #counts = new Map<string, number>();
  readonly #startedAt = Date.now();

  request(client: string, process: number, call: ApiCall, phase: string): Exchange {
    const what = textOf(call);
    const exchange: Exchange = {
      seq: this.exchanges.length + 1,
      client,
      process,
      call,
      what,
      phase,
      nth: this.#count(`call ${what} @${phase}`),
      nthOfProcess: this.#count(`process ${client} ${process}`),
      at: Date.now(),
    };
    this.exchanges.push(exchange);
    return exchange;
  }

  line(client: string, what: string, phase: string): WatchLine {
    const line: WatchLine = { client, what, phase, nth: this.#count(`line ${what} @${phase}`) };
    this.lines.push(line);
    return line;
  }

  /** Whether some fault was brought about. */
  hasFired(): boolean {
    return [...this.exchanges, ...this.lines].some(({ fault }) => fault !== undefined);
  }

  /** The story of the run, for people. */
  trace(): readonly string[] {
    return this.exchanges.map((exchange) => {
      const { seq, client, process, at, outcome = 'open', fault, applied } = exchange;
      const when = ((at - this.#startedAt) / 1000).toFixed(2).padStart(6);
      const version = applied?.resourceVersion === undefined ? '' : ` rv=${applied.resourceVersion}`;
      const struck = fault === undefined ? '' : `   <== ${fault}`;
      return `${when} ${client}${process} ${String(seq).padStart(3)} ${signature(exchange)} -> ${outcome}${version}${struck}`;
    });
  }

  #count(id: string): number {
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    return count;
  }
}
