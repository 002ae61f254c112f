/**
 * What is kept of one resource between two passes: answers of pods, the last reading of its Secret, refused effects,
 * and the bytes of keys that have just left the Secret, until rekey has asked the pods whether they refuse them. All of
 * it can be lost at any moment. rekey then observes it again, except those keys.
 */
import { isDeepStrictEqual } from 'node:util';
import { exponential } from '../../runtime/backoff.ts';
import type { EffectResult } from '../act/act.ts';
import type { RetiredKeys } from '../act/write-secret.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import { type Cause, type Refusal, type Refused, refusedAgain, triedSoon } from '../api/refusal.ts';
import type { Facts, Probe, SecretFacts } from '../facts.ts';
import type { SecretReading } from '../observe/world.ts';
import type { Action, Step } from '../plan/decision.ts';
import { effectsOf, isWriteEffect } from '../plan/effect.ts';
import { wishesIn } from '../requests/requests.ts';
import { realFingerprints } from '../secret/fingerprints.ts';
import type { DataNames, Settings } from '../settings/settings.ts';
import { madeBy } from './made.ts';

const FORGET_MS = 10_000;
const WATCH_LAG_MS = 5_000;
const OUTRUN_MS = 50;
const OUTRUN_CAP_MS = 15_000;

/** Called with the fingerprints of the keys that the Secret held by the last reading, and by the new one. */
type OnKeys = (before: readonly string[], now: readonly string[]) => void;

/** The memory of one resource. */
export class Memory {
  readonly #probes = new Map<string, Probe>();
  #secret: SecretReading | undefined;
  /** What was read last, also once it is forgotten. */
  #seen: SecretFacts | undefined;
  #readWith = '';
  /** When the Secret was read or written last, monotonic. */
  #readAt = 0;
  #retired: RetiredKeys | undefined;
  /** By effect. */
  #refusals: ReadonlyMap<string, Refusal> = new Map();
  #wishes = '';
  /** The canary settings of the last pass, as text. */
  #canaries = '';
  /** When open answers were last forgotten, monotonic. */
  #forgotAt = Number.NEGATIVE_INFINITY;
  #outrun = 0;
  /** Whether the last effect failed, or may have. */
  failed = false;
  readonly #onKeys: OnKeys;

  constructor(onKeys: OnKeys = () => undefined) {
    this.#onKeys = onKeys;
  }

  /** Answers by the incarnation of the pod that gave them. */
  get probes(): ReadonlyMap<string, Probe> {
    return this.#probes;
  }

  get secret(): SecretReading | undefined {
    return this.#secret;
  }

  /** Effects that were refused and not made since. */
  get refusals(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }

  /**
   * Any change of the resource by people may be meant to fix a refusal, so refused effects are tried at once, as long as
   * that does not happen too often.
   *
   * @param mayHurry asked if something is refused
   * @returns whether people have changed something
   */
  heard(resource: JwtKeyRotation, mayHurry: () => boolean): boolean {
    const wishes = wishesIn(resource);
    if (wishes === this.#wishes) return false;
    this.#wishes = wishes;
    const again = this.#refusals.size > 0 && !mayHurry();
    this.#refusals = new Map(this.refusals.map((refusal) => [refusal.effect, triedSoon(refusal, again)]));
    return true;
  }

  /** Forgets all answers if the canary settings have changed: answers to other canaries prove nothing. */
  asksBy(settings: Settings): void {
    const { algorithm, targets } = settings;
    const canaries = JSON.stringify([algorithm, targets.map(({ kind, name, canary }) => [kind, name, canary])]);
    if (canaries !== this.#canaries && this.#canaries !== '') this.#probes.clear();
    this.#canaries = canaries;
  }

  /**
   * Lets silent pods be asked at once, but at most every ten seconds, however often people change the resource. How often
   * they were silent in a row is kept: else nobody would ever be told.
   *
   * @param now monotonic, milliseconds
   */
  forgetOpenAnswers(now: number): void {
    if (now - this.#forgotAt < FORGET_MS) return;
    this.#forgotAt = now;
    for (const [incarnation, probe] of this.#probes) {
      const isOpen = [...probe.answers.values(), probe.random].includes('unknown');
      if (isOpen) this.#probes.set(incarnation, { ...probe, askedAt: 0 });
    }
  }

  /**
   * @param refused effects of the action that were not made; the others were
   * @param now by the clock of the facts
   */
  tried(action: Action, refused: readonly Refused[], now: number, urgent: boolean): void {
    const next = new Map(this.#refusals);
    for (const effect of effectsOf(action)) next.delete(effect);
    for (const each of [...madeBy(action), ...refused]) {
      next.set(each.effect, refusedAgain(this.#refusals.get(each.effect), each, now, urgent));
    }
    this.#refusals = next;
  }

  /** @returns milliseconds to wait, more each time, because the cache is behind the API server */
  outrun(): number {
    this.#outrun += 1;
    return exponential(OUTRUN_MS, OUTRUN_CAP_MS, this.#outrun - 1);
  }

  /** How many passes in a row could not decide because of that. */
  get outran(): number {
    return this.#outrun;
  }

  /** Forgets refusals once nothing is wanted any more. */
  decided({ action, phase, blocked, stalled, held }: Step): void {
    this.#outrun = 0;
    const isAtRest = action.type === 'wait' && phase === 'Steady' && (blocked ?? stalled ?? held) === undefined;
    if (isAtRest) this.#refusals = new Map();
  }

  /** Keys that have just left the Secret, to ask pods whether they refuse them. */
  get retired(): RetiredKeys | undefined {
    return this.#retired;
  }

  /**
   * A watch shows a write a moment after it was read or made. If it still shows an older version later, it lags behind, or
   * the history of the API server went back (etcd restored).
   *
   * @param now monotonic, milliseconds
   * @returns the last reading, if the watch has seen no newer version, is not older for long, and the spec names the same
   *   data keys
   */
  secretAt(watched: string | undefined, settings: Settings, now: number): SecretReading | undefined {
    const reading = this.#secret;
    if (reading?.resourceVersion === undefined || this.#readWith !== namesOf(settings)) return undefined;
    return this.hasRead(watched, now) ? reading : undefined;
  }

  /**
   * @param now monotonic, milliseconds
   * @returns whether the last reading is of this version, or is a newer one that the watch may not show yet
   */
  hasRead(watched: string | undefined, now: number): boolean {
    const read = this.#secret?.resourceVersion;
    if (read === undefined || watched === read) return read !== undefined;
    return isCovered(watched, read) && now - this.#readAt < WATCH_LAG_MS;
  }

  /** @param now monotonic, milliseconds */
  remember(reading: SecretReading, settings: Settings, now: number): void {
    if (reading !== this.#secret) this.#readAt = now;
    this.#settle(reading.facts);
    this.#keep(reading);
    this.#readWith = namesOf(settings);
  }

  forgetSecret(): void {
    this.#keep(undefined);
  }

  /** A write that failed, or was outrun, has been made after all, or another one in its place: then it is forgotten. */
  #settle(facts: SecretFacts): void {
    const settled: Cause[] = [];
    if (stageOf(facts) !== stageOf(this.#seen)) settled.push('Failed', 'Outrun');
    else if (!isDeepStrictEqual(facts, this.#seen)) settled.push('Failed');
    const isOver = ({ effect, cause }: Refusal) => isWriteEffect(effect) && settled.includes(cause);
    this.#refusals = new Map([...this.#refusals].filter(([, refusal]) => !isOver(refusal)));
    this.#seen = facts;
  }

  #keep(reading: SecretReading | undefined): void {
    const keysOf = (kept: SecretReading | undefined) => (kept === undefined ? [] : realFingerprints(kept.facts));
    if (reading !== this.#secret) this.#onKeys(keysOf(this.#secret), keysOf(reading));
    this.#secret = reading;
  }

  /** @param now monotonic, milliseconds */
  learn(outcome: EffectResult, settings: Settings, now: number): void {
    this.failed = outcome.kind === 'Refused';
    if (outcome.kind === 'Outdated' || outcome.kind === 'Refused') this.forgetSecret();
    if (outcome.kind === 'Probed')
      for (const [incarnation, probe] of outcome.probes) this.#probes.set(incarnation, probe);
    if (outcome.kind !== 'Wrote') return;
    const { keyset, facts, resourceVersion } = outcome;
    this.#refusals = new Map([...this.#refusals].filter(([, { cause }]) => cause === 'Unseen'));
    this.remember({ facts, resourceVersion }, settings, now);
    const asking = keyset.phase === 'Retiring' || keyset.phase === 'Switching';
    if (outcome.retired === undefined && asking) return;
    this.close();
    this.#retired = outcome.retired;
  }

  /** Forgets the answers and the refusals of pods that are gone. */
  prune(facts: Facts): void {
    const uids = new Set(facts.targets.flatMap(({ pods }) => pods.map(({ uid }) => uid)));
    this.#refusals = new Map([...this.#refusals].filter(([, { pod }]) => pod === undefined || uids.has(pod)));
    const alive = new Set(facts.targets.flatMap(({ pods }) => pods.map(({ incarnation }) => incarnation)));
    for (const incarnation of this.#probes.keys()) if (!alive.has(incarnation)) this.#probes.delete(incarnation);
  }

  close(): void {
    for (const material of this.#retired?.values() ?? []) material.destroy();
    this.#retired = undefined;
  }
}

/** How far the keys of a Secret have got. */
function stageOf(facts: SecretFacts | undefined): string | undefined {
  return facts?.kind === 'Managed' ? `${facts.keyset.version} ${facts.keyset.phase}` : facts?.kind;
}

/** @see Store for why versions are compared as numbers */
function isCovered(watched: string | undefined, read: string): boolean {
  if (watched === undefined || !/^\d+$/.test(watched) || !/^\d+$/.test(read)) return watched === read;
  return BigInt(watched) <= BigInt(read);
}

function namesOf(names: DataNames): string {
  const { secretName, signingNames, fallbacksName, previousName, jwksName, layouts, algorithm } = names;
  return JSON.stringify([secretName, signingNames, fallbacksName, previousName, jwksName, layouts, algorithm]);
}
