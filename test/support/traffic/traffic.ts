import { type ServiceClient, serviceClient } from './client.ts';
import type { PodEndpoint } from './endpoints.ts';
import { Ledger, type LiveToken, type Rejection, type TrafficStats } from './ledger.ts';
import { mulberry32 } from './random.ts';
import { Schedule } from './schedule.ts';
import { readToken } from './tokens.ts';

/** What the traffic is to look like. */
export interface TrafficOptions {
  /** The pods of this moment; called for every round. */
  readonly endpoints: () => readonly PodEndpoint[];
  readonly tokensPerSecond: number;
  /** Life asked for; the service may grant less. Above two seconds, or nothing is left to recheck. */
  readonly tokenTtlSeconds: number;
  /** Names of the services that sign. */
  readonly issuers: readonly string[];
  /** Mean time between two checks of the same token at the same service, in milliseconds. Default 1000. */
  readonly recheckEveryMs?: number;
  /** Pods per service that a recheck asks. The first check always asks every one. Default `one`. */
  readonly recheckPods?: 'one' | 'all';
  /** How long before exp a refusal is blamed on clocks instead of keys, in seconds. Default 1. */
  readonly leewaySeconds?: number;
  /** Whether Terminating issuers are asked for tokens too, as clients with open connections do. Default true. */
  readonly issueFromTerminating?: boolean;
  /** Of the random choices; the same seed gives the same choices for the same endpoints. Default 1. */
  readonly seed?: number;
  /** The protected path. Default `/auth/verify`. */
  readonly verifyPath?: string;
  /** Talks to services that are not the example services: `verifyPath` is not used then. Closed with the traffic. */
  readonly client?: ServiceClient;
}

/** The final account. */
export interface TrafficReport extends TrafficStats {
  readonly rejections: readonly Rejection[];
  readonly startedAt: Date;
  readonly finishedAt: Date;
  /** How late the traffic itself was at worst, in milliseconds: large means that it, not the services, was the limit. */
  readonly maxLagMs: number;
}

/** Traffic under way. */
export interface Traffic {
  stats(): TrafficStats;
  rejections(): readonly Rejection[];
  /** @returns unexpired tokens by kid; the empty string stands for tokens without one */
  outstanding(): ReadonlyMap<string, number>;
  /** Resolves when every token issued before the call has expired, or when the traffic stops. New ones go on. */
  drain(): Promise<void>;
  /** Ends all timers, waits for requests under way and closes all connections. Idempotent. */
  stop(): Promise<TrafficReport>;
}

const TICK_MS = 10;
/** Room for the last check to be answered before the margin begins, in milliseconds. */
const LAST_CHECK_MS = 300;
/** Pods of one service that a round asks in turn until one gives a verdict. */
const MAX_ATTEMPTS = 4;

/**
 * Issues tokens at a steady rate and has each one verified by every service from its first moment to its last: at once
 * by every ready pod, then again and again, and a last time just before it expires. Terminating pods that still answer
 * are asked as well, because their verdicts reach users too.
 *
 * A refusal of a valid token is final and counted. A missing verdict is counted apart and another pod is asked.
 * Every time is this process' clock.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  return new RunningTraffic(options, options.client ?? serviceClient(options.verifyPath));
}

class RunningTraffic implements Traffic {
  readonly #options: TrafficOptions;
  readonly #client: ServiceClient;
  readonly #marginMs: number;
  readonly #ledger: Ledger;
  readonly #startedAt = Date.now();
  readonly #schedule = new Schedule(this.#startedAt);
  readonly #outstanding = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #drains = new Set<() => void>();
  readonly #random: () => number;
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  #asked = 0;
  #lastExp = 0;
  #maxLagMs = 0;
  #report: Promise<TrafficReport> | undefined;

  constructor(options: TrafficOptions, client: ServiceClient) {
    this.#options = options;
    this.#client = client;
    this.#marginMs = (options.leewaySeconds ?? 1) * 1000;
    this.#ledger = new Ledger(this.#marginMs);
    this.#random = mulberry32(options.seed ?? 1);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stats(): TrafficStats {
    return this.#ledger.stats();
  }

  rejections(): readonly Rejection[] {
    return this.#ledger.rejections();
  }

  outstanding(): ReadonlyMap<string, number> {
    return new Map(this.#outstanding);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#underWay); // tokens asked for before the call count too
    if (this.#report !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#drains.add(resolve);
      this.#schedule.at(this.#lastExp, resolve);
    });
  }

  stop(): Promise<TrafficReport> {
    this.#report ??= this.#finish();
    return this.#report;
  }

  async #finish(): Promise<TrafficReport> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await this.#client.close();
    for (const resolve of this.#drains) resolve();
    return {
      ...this.stats(),
      rejections: this.rejections(),
      startedAt: new Date(this.#startedAt),
      finishedAt: new Date(),
      maxLagMs: this.#maxLagMs,
    };
  }

  #tick(): void {
    const now = Date.now();
    const due = Math.floor(((now - this.#startedAt) / 1000) * this.#options.tokensPerSecond);
    while (this.#asked < due) {
      this.#asked++;
      this.#run(this.#issue());
    }
    this.#maxLagMs = Math.max(this.#maxLagMs, this.#schedule.run(now));
  }

  /** Remembers work under way, so that stop can wait for it. */
  #run(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  async #issue(): Promise<void> {
    const { issuers, issueFromTerminating = true, tokenTtlSeconds } = this.#options;
    const pods = this.#options
      .endpoints()
      .filter((pod) => issuers.includes(pod.service) && (pod.ready || (pod.terminating && issueFromTerminating)));
    const first = this.#turn++;
    for (let i = 0; i < pods.length; i++) {
      const pod = pods[(first + i) % pods.length];
      const text = pod && (await this.#client.issue(pod.url, tokenTtlSeconds));
      if (pod && text !== undefined)
        return this.#keepAlive({ text, issuer: pod.pod, mintedAt: Date.now(), ...readToken(text) });
      if (pod?.ready) this.#ledger.issueFailed();
    }
  }

  #keepAlive(token: LiveToken): Promise<void> {
    const kid = token.kid ?? '';
    const expiresAt = token.exp * 1000;
    this.#ledger.issued(token.kid);
    this.#outstanding.set(kid, (this.#outstanding.get(kid) ?? 0) + 1);
    this.#lastExp = Math.max(this.#lastExp, expiresAt);
    this.#schedule.at(expiresAt, () => {
      const left = (this.#outstanding.get(kid) ?? 0) - 1;
      if (left > 0) this.#outstanding.set(kid, left);
      else this.#outstanding.delete(kid);
    });
    this.#planRecheck(token);
    return this.#check(token, 'all');
  }

  /** The next check, or the last one if the next would come after it; then the token's text is let go. */
  #planRecheck(token: LiveToken): void {
    const { recheckEveryMs = 1000, recheckPods = 'one' } = this.#options;
    const now = Date.now();
    const last = token.exp * 1000 - this.#marginMs - LAST_CHECK_MS;
    if (now >= last) return;
    // Spread by a quarter, so that tokens of the same moment do not come back as one burst.
    const next = now + recheckEveryMs * (0.75 + this.#random() / 2);
    this.#schedule.at(Math.min(next, last), () => {
      this.#run(this.#check(token, recheckPods));
      if (next < last) this.#planRecheck(token);
    });
  }

  /** One round: every service, and every pod of it that is leaving. */
  async #check(token: LiveToken, which: 'one' | 'all'): Promise<void> {
    const pods = this.#options.endpoints();
    const work: Promise<unknown>[] = pods.filter((pod) => pod.terminating).map((pod) => this.#ask(token, pod));
    for (const service of new Set(pods.map((pod) => pod.service))) {
      const ready = pods.filter((pod) => pod.service === service && pod.ready);
      work.push(this.#checkService(token, service, which === 'all' ? ready : this.#pick(ready)));
    }
    await Promise.all(work);
  }

  /** Asks the pods side by side; if none gives a verdict, further pods one by one, with endpoints of that moment. */
  async #checkService(token: LiveToken, service: string, pods: readonly PodEndpoint[]): Promise<void> {
    const verdicts = await Promise.all(pods.map((pod) => this.#ask(token, pod)));
    if (verdicts.includes(true)) return;
    const tried = new Set(pods.map((pod) => pod.uid));
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      const ready = this.#options.endpoints().filter((pod) => pod.service === service && pod.ready);
      const fresh = ready.filter((pod) => !tried.has(pod.uid));
      const [pod] = this.#pick(fresh.length > 0 ? fresh : ready);
      if (pod === undefined) break;
      tried.add(pod.uid);
      if (await this.#ask(token, pod)) return;
    }
    this.#ledger.unserved(service);
  }

  /** @returns whether the pod gave a verdict */
  async #ask(token: LiveToken, pod: PodEndpoint): Promise<boolean> {
    const verdict = await this.#client.verify(pod.url, token.text);
    switch (verdict.outcome) {
      case 'accepted':
        this.#ledger.accepted(pod.service);
        return true;
      case 'refused':
        this.#ledger.refused(token, pod, new Date(), verdict.status, verdict.error);
        return true;
      case 'unavailable':
        // A leaving pod may be gone at any moment: no load balancer would have sent the request there.
        if (!pod.terminating) this.#ledger.unavailable(pod.service);
        return false;
    }
  }

  #pick<T>(from: readonly T[]): T[] {
    return from.slice(Math.floor(this.#random() * from.length)).slice(0, 1);
  }
}
