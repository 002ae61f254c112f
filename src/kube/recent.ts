/** Credentials that were read a moment ago are not read again for each call. */
import type { CredentialSource, Credentials } from './credentials.ts';

/**
 * So long what was read from files is used, milliseconds: with many calls a second, reading them took a quarter of the processor time of a call.
 * A new token comes long before the old one ends.
 */
const REREAD_MS = 1_000;

/** What was read last. */
export class Recent {
  readonly #now: () => number;
  #read: { readonly at: number; readonly credentials: Credentials } | undefined;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns what was read less than a second ago, or what the source says now */
  async of(source: CredentialSource): Promise<Credentials> {
    const age = this.#read === undefined ? Number.NaN : this.#now() - this.#read.at;
    if (this.#read !== undefined && age >= 0 && age < REREAD_MS) return this.#read.credentials;
    const credentials = await source();
    this.#read = credentials.asked === true ? undefined : { at: this.#now(), credentials };
    return credentials;
  }

  /** To be called after a refusal. */
  forget(): void {
    this.#read = undefined;
  }
}
