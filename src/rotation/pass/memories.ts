/**
 * What is remembered of all resources, and which of them hold the same key.
 */
import type { JwtKeyRotation } from '../api/names.ts';
import type { SecretFacts } from '../facts.ts';
import { Memory } from './memory.ts';

/** One memory for each resource, by `namespace/name`. */
export class Memories {
  readonly #all = new Map<string, Memory>();
  /** The uid and the Secret of each resource, as of its last pass. */
  readonly #subjects = new Map<string, string>();
  /** Which resources hold a key, by its fingerprint. */
  readonly #holders = new Map<string, Set<string>>();

  /** @returns false if what is kept is of another resource of this name, or of another Secret: forget it */
  isOf(key: string, resource: JwtKeyRotation): boolean {
    const known = this.#subjects.get(key);
    return known === undefined || known === subjectOf(resource);
  }

  /** To be called with the resource of each pass. */
  begin(key: string, resource: JwtKeyRotation): void {
    this.#subjects.set(key, subjectOf(resource));
  }

  /** @returns the memory of this resource; a new one if there is none yet */
  of(key: string): Memory {
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    const memory = new Memory((before, now) => this.#hold(key, before, now));
    this.#all.set(key, memory);
    return memory;
  }

  /** @returns the Secret of this resource, as it was read last */
  secretOf(key: string): SecretFacts | undefined {
    return this.#all.get(key)?.secret?.facts;
  }

  /** @returns whether the Secret of this resource was read at this version, or at a newer one that its watch may not show yet */
  hasRead(key: string, resourceVersion: string, now: number): boolean {
    return this.#all.get(key)?.hasRead(resourceVersion, now) === true;
  }

  /**
   * A key that two resources hold is a key that two environments share.
   *
   * @returns the resources other than `key` that hold one of these keys
   */
  holdersOf(key: string, fingerprints: readonly string[]): readonly string[] {
    const holders = fingerprints.flatMap((fingerprint) => [...(this.#holders.get(fingerprint) ?? [])]);
    return [...new Set(holders)].filter((holder) => holder !== key).sort();
  }

  forget(key: string): void {
    const memory = this.#all.get(key);
    memory?.forgetSecret();
    memory?.close();
    this.#all.delete(key);
    this.#subjects.delete(key);
  }

  #hold(key: string, before: readonly string[], now: readonly string[]): void {
    for (const fingerprint of before) {
      const holders = this.#holders.get(fingerprint);
      holders?.delete(key);
      if (holders?.size === 0) this.#holders.delete(fingerprint);
    }
    for (const fingerprint of now) {
      this.#holders.set(fingerprint, (this.#holders.get(fingerprint) ?? new Set()).add(key));
    }
  }
}

function subjectOf({ metadata, spec }: JwtKeyRotation): string {
  return `${metadata.uid} ${spec.secretName}`;
}
