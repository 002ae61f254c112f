/**
 * What is kept of one resource between two passes: answers of pods, and the last reading of its Secret. All of it can be
 * lost at any moment; it is then observed again.
 */
import type { Outcome, RetiredKey } from './act.ts';
import type { Facts, Probe } from './facts.ts';
import type { DataNames, Settings } from './settings.ts';
import type { SecretReading } from './world.ts';

export class Memory {
  readonly #probes = new Map<string, Probe>();
  #secret: SecretReading | undefined;
  #readWith = '';
  #retired: RetiredKey | undefined;

  /** Answers by the incarnation of the pod that gave them. */
  get probes(): ReadonlyMap<string, Probe> {
    return this.#probes;
  }

  get secret(): SecretReading | undefined {
    return this.#secret;
  }

  /** A key that has just left the Secret: the pods are asked whether they refuse it. */
  get retired(): RetiredKey | undefined {
    return this.#retired;
  }

  /** @returns the last reading, if the watch knows of no newer one and the same data keys are asked for */
  secretAt(told: string | undefined, settings: Settings): SecretReading | undefined {
    const reading = this.#secret;
    if (reading?.resourceVersion === undefined || this.#readWith !== namesOf(settings)) return undefined;
    return isCovered(told, reading.resourceVersion) ? reading : undefined;
  }

  remember(reading: SecretReading, settings: Settings): void {
    this.#secret = reading;
    this.#readWith = namesOf(settings);
  }

  forgetSecret(): void {
    this.#secret = undefined;
  }

  learn(outcome: Outcome, settings: Settings): void {
    if (outcome.kind === 'Outdated') this.forgetSecret();
    if (outcome.kind === 'Probed')
      for (const [incarnation, probe] of outcome.probes) this.#probes.set(incarnation, probe);
    if (outcome.kind !== 'Wrote') return;
    const { keyset, resourceVersion } = outcome;
    this.remember({ facts: { kind: 'Managed', keyset }, resourceVersion }, settings);
    const asking = keyset.phase === 'Retiring' || keyset.phase === 'Switching';
    if (outcome.retired === undefined && asking) return;
    this.close();
    this.#retired = outcome.retired;
  }

  /** Forgets the answers of pods that are gone. */
  prune(facts: Facts): void {
    const alive = new Set(facts.targets.flatMap(({ pods }) => pods.map(({ incarnation }) => incarnation)));
    for (const incarnation of this.#probes.keys()) if (!alive.has(incarnation)) this.#probes.delete(incarnation);
  }

  close(): void {
    this.#retired?.material.destroy();
    this.#retired = undefined;
  }
}

/** @see Store for why versions are compared as numbers */
function isCovered(told: string | undefined, read: string): boolean {
  if (told === undefined || !/^\d+$/.test(told) || !/^\d+$/.test(read)) return told === read;
  return BigInt(told) <= BigInt(read);
}

function namesOf({ secretName, signingNames, fallbacksName, previousName, jwksName, algorithm }: DataNames): string {
  return JSON.stringify([secretName, signingNames, fallbacksName, previousName, jwksName, algorithm]);
}
