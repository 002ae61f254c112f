/**
 * Brings the faults of a plan about: the script of the proxy for one run.
 */
import type { CallFault, LineFault } from '../support/faultproxy/fault.ts';
import type { Exchange, WatchLine } from '../support/faultproxy/journal.ts';
import type { Script } from '../support/faultproxy/proxy.ts';
import type { CallTrigger, ProcessTrigger, Strike } from './plan.ts';

/** The operators of a run, as far as faults concern them. */
export interface Victims {
  processOf(client: string): number;
  signal(client: string, signal: NodeJS.Signals): void;
}

/** A client gives a call up after this, milliseconds: what it was told until then may still be on its way. */
const CALL_MS = 10_000;

export class Strikes implements Script {
  readonly #victims: Victims;
  readonly #open: Set<Strike>;
  readonly #lasting: { readonly what: string; readonly until: number; readonly fault: CallFault }[] = [];
  /** Until when a client is cut off. */
  readonly #cutOff = new Map<string, number>();
  readonly errors: unknown[] = [];
  /** When the last fault that was brought about is over, milliseconds since the epoch. */
  lastFaultEndsAt = 0;
  fired = 0;

  constructor(victims: Victims, strikes: readonly Strike[]) {
    this.#victims = victims;
    this.#open = new Set(strikes);
  }

  faultOfCall(exchange: Exchange): CallFault | undefined {
    if (exchange.at < (this.#cutOff.get(exchange.client) ?? 0)) return this.#strike({ kind: 'hang', applied: false });
    const lasting = this.#lasting.find(({ what, until }) => what === exchange.what && exchange.at < until);
    if (lasting !== undefined) return this.#strike(lasting.fault);
    for (const strike of this.#open) {
      if ('line' in strike || !meets(strike.at, exchange)) continue;
      this.#open.delete(strike);
      if ('cutOff' in strike) {
        this.#cutOff.set(exchange.client, exchange.at + strike.forMs);
        return this.#strike(strike.cutOff);
      }
      const { call, forMs } = strike;
      if (forMs !== undefined) this.#lasting.push({ what: exchange.what, until: exchange.at + forMs, fault: call });
      return this.#strike(call);
    }
    return undefined;
  }

  faultOfLine(line: WatchLine): LineFault | undefined {
    const silentMs = (this.#cutOff.get(line.client) ?? 0) - Date.now();
    if (silentMs > 0) return this.#strike({ kind: 'silence', ms: silentMs });
    for (const strike of this.#open) {
      if (!('line' in strike)) continue;
      const { what, phase, nth } = strike.at;
      if (what !== line.what || phase !== line.phase || nth !== line.nth) continue;
      this.#open.delete(strike);
      return this.#strike(strike.line);
    }
    return undefined;
  }

  processOf(client: string): number {
    return this.#victims.processOf(client);
  }

  signal(client: string, signal: NodeJS.Signals): void {
    this.#victims.signal(client, signal);
  }

  failed(error: unknown): void {
    this.errors.push(error);
  }

  #strike<T extends CallFault | LineFault>(fault: T): T {
    this.fired += 1;
    this.lastFaultEndsAt = Math.max(this.lastFaultEndsAt, Date.now() + durationOf(fault));
    return fault;
  }
}

function meets(at: CallTrigger | ProcessTrigger, exchange: Exchange): boolean {
  if (at.on === 'process') return exchange.process === at.process && exchange.nthOfProcess === at.nth;
  if (at.process !== undefined && at.process !== exchange.process) return false;
  return at.what === exchange.what && at.phase === exchange.phase && at.nth === exchange.nth;
}

function durationOf(fault: CallFault | LineFault): number {
  if ('ms' in fault) return fault.ms;
  if (fault.kind === 'hang') return CALL_MS;
  if (fault.kind === 'answer') return (fault.retryAfterSeconds ?? 0) * 1000;
  return 0;
}
