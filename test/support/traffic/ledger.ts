import type { PodEndpoint } from './endpoints.ts';
import type { TokenFacts } from './tokens.ts';

/** A token that the traffic keeps alive. The text goes away with the token's life. */
export interface LiveToken extends TokenFacts {
  readonly text: string;
  readonly issuer: string;
  /** When the traffic received it, in milliseconds since the epoch. */
  readonly mintedAt: number;
}

/** One valid token that one pod refused: what a user would have seen as a sudden logout. */
export interface Rejection {
  readonly jti: string;
  readonly kid: string | undefined;
  /** Age of the token at the answer, in milliseconds. */
  readonly ageMs: number;
  readonly service: string;
  readonly issuerPod: string;
  readonly verifierPod: string;
  /** Whether the verifier was Terminating. */
  readonly terminating: boolean;
  readonly at: Date;
  readonly status: number;
  /** The reason that the service gave, such as `bad_signature`. */
  readonly error: string | undefined;
}

/** Counts of one service. */
export interface ServiceStats {
  readonly checks: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly unavailable: number;
  /** Rounds in which no pod of the service gave a verdict. */
  readonly unserved: number;
}

/** `checks = accepted + rejected + unavailable + late` at every moment. */
export interface TrafficStats {
  readonly issued: number;
  /** Issuers that gave no token when asked. */
  readonly issueFailures: number;
  /** Answers and failures counted so far; requests under way are not in it. */
  readonly checks: number;
  readonly accepted: number;
  /** Refusals of a valid token. */
  readonly rejected: number;
  /** Rejections of tokens younger than one second: signers that verifiers have never heard of. */
  readonly rejectedYoung: number;
  /** No verdict: connection refused or reset, time-out, 5xx. Another pod was asked instead. */
  readonly unavailable: number;
  /** Rounds in which no pod of a service gave a verdict, so that the token went unchecked there. */
  readonly unserved: number;
  /** Refusals of a token that had expired, or was about to, when the answer came. */
  readonly late: number;
  readonly byService: Readonly<Record<string, ServiceStats>>;
  /** Tokens issued, by kid; tokens without one are under the empty string. */
  readonly issuedByKid: Readonly<Record<string, number>>;
}

type Count = 'accepted' | 'rejected' | 'unavailable' | 'unserved' | 'late';
type Counts = Record<Count, number>;

/** The exact account of what was issued, asked and answered. Knows no time and does no I/O. */
export class Ledger {
  readonly #services = new Map<string, Counts>();
  readonly #rejections: Rejection[] = [];
  readonly #issuedByKid = new Map<string, number>();
  readonly #marginMs: number;
  #issueFailures = 0;

  /** @param marginMs how long before exp a refusal is still blamed on clocks */
  constructor(marginMs: number) {
    this.#marginMs = marginMs;
  }

  issued(kid: string | undefined): void {
    this.#issuedByKid.set(kid ?? '', (this.#issuedByKid.get(kid ?? '') ?? 0) + 1);
  }

  issueFailed(): void {
    this.#issueFailures++;
  }

  accepted(service: string): void {
    this.#of(service).accepted++;
  }

  unavailable(service: string): void {
    this.#of(service).unavailable++;
  }

  unserved(service: string): void {
    this.#of(service).unserved++;
  }

  /** Counts a refusal: a rejection if the token was valid when the answer came, else late. */
  refused(token: LiveToken, verifier: PodEndpoint, at: Date, status: number, error: string | undefined): void {
    if (at.getTime() >= token.exp * 1000 - this.#marginMs) {
      this.#of(verifier.service).late++;
      return;
    }
    this.#of(verifier.service).rejected++;
    this.#rejections.push({
      jti: token.jti,
      kid: token.kid,
      ageMs: at.getTime() - token.mintedAt,
      service: verifier.service,
      issuerPod: token.issuer,
      verifierPod: verifier.pod,
      terminating: verifier.terminating,
      at,
      status,
      error,
    });
  }

  rejections(): readonly Rejection[] {
    return [...this.#rejections];
  }

  stats(): TrafficStats {
    const total: Counts = { accepted: 0, rejected: 0, unavailable: 0, unserved: 0, late: 0 };
    const byService: Record<string, ServiceStats> = {};
    for (const [service, counts] of this.#services) {
      const { late, ...rest } = counts;
      byService[service] = { ...rest, checks: checksOf(counts) };
      for (const name of Object.keys(total) as Count[]) total[name] += counts[name];
    }
    return {
      ...total,
      issued: [...this.#issuedByKid.values()].reduce((sum, n) => sum + n, 0),
      issueFailures: this.#issueFailures,
      checks: checksOf(total),
      rejectedYoung: this.#rejections.filter(({ ageMs }) => ageMs < 1000).length,
      byService,
      issuedByKid: Object.fromEntries(this.#issuedByKid),
    };
  }

  #of(service: string): Counts {
    let counts = this.#services.get(service);
    if (counts === undefined) {
      counts = { accepted: 0, rejected: 0, unavailable: 0, unserved: 0, late: 0 };
      this.#services.set(service, counts);
    }
    return counts;
  }
}

function checksOf(counts: Counts): number {
  return counts.accepted + counts.rejected + counts.unavailable + counts.late;
}
