/**
 * What is remembered of all resources, and which of them hold the same key.
 */
import type { SecretFacts } from '../facts.ts';
import { realFingerprints } from '../secret/fingerprints.ts';
import { Memory } from './memory.ts';

/** One memory for each resource, by `namespace/name`. */
export class Memories {
  readonly #all = new Map<string, Memory>();

  /** @returns the memory of this resource; a new one if there is none yet */
  of(key: string): Memory {
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    const memory = new Memory();
    this.#all.set(key, memory);
    return memory;
  }

  /** @returns the Secret of this resource, as it was read last */
  secretOf(key: string): SecretFacts | undefined {
    return this.#all.get(key)?.secret?.facts;
  }

  /** @returns whether the Secret of this resource was read at this version, or at a newer one */
  hasRead(key: string, resourceVersion: string): boolean {
    return this.#all.get(key)?.hasRead(resourceVersion) === true;
  }

  /**
   * A key that two resources hold is a key that two environments share.
   *
   * @returns the resources other than `key` that hold one of these keys
   */
  holdersOf(key: string, fingerprints: readonly string[]): readonly string[] {
    const others = [...this.#all].filter(([other]) => other !== key);
    return others.flatMap(([other, { secret }]) => {
      const held = secret === undefined ? [] : realFingerprints(secret.facts);
      return held.some((fingerprint) => fingerprints.includes(fingerprint)) ? [other] : [];
    });
  }

  forget(key: string): void {
    this.#all.get(key)?.close();
    this.#all.delete(key);
  }
}
