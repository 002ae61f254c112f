/**
 * The rotation of one environment: reads the files, decides the next step and makes it. It keeps only what the files
 * and the state beside them have, plus the bytes of keys that have left the files, to ask services about them as long
 * as this process lives.
 */
import { join } from 'node:path';
import { type Keyset, type Kid, keyIn } from '../rotation/keyset/keyset.ts';
import type { Write } from '../rotation/keyset/writes.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { drainMsOf, type EnvConfig } from './env-config.ts';
import { type Difference, differences, type EnvironmentFiles, readEnvironment } from './environment.ts';
import { EnvError, StateUnusable } from './error.ts';
import type { Evidence } from './evidence.ts';
import { withLock } from './files/lock.ts';
import { recover } from './files/transaction.ts';
import { hasSameKeys, noteRefuted } from './restarted.ts';
import { STATE_FOLDER, type Witness } from './state.ts';
import { isGivenUp, nextStep, type Step, type StepFacts } from './step.ts';
import { type Asker, factsOf } from './witness.ts';
import { foundIn, remember, restore, type Written, write } from './write.ts';

/** Of whoever would restart a service that another run is restarting: a restart takes its time, and a leaked key none. */
export const RESTART_PATIENCE_MS = 60_000;
/** A write takes some milliseconds, and a look some seconds where a service is slow to answer. Nobody waits for a person with the lock. */
const PATIENCE_MS = 15_000;

/** The current state and the next step. */
export interface View {
  readonly environment: EnvironmentFiles;
  readonly facts: StepFacts;
  /** Whether rekey has written these files before. */
  readonly managed: boolean;
  readonly differences: readonly Difference[];
  /** Services that the rotation under way began with, and that the configuration no longer names. */
  readonly forgotten: readonly string[];
  readonly step: Step;
}

export interface SessionOptions {
  readonly config: EnvConfig;
  readonly environment: string;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly asker: Asker;
  /** Services whose files are neither read nor written: an emergency cannot wait for them, and is not over without them. */
  readonly leftOut?: readonly string[];
  /** Called with what became of an interrupted step. */
  readonly onRecovered: (what: string) => void;
}

/** One instance for one environment. */
export class Session {
  readonly #options: SessionOptions;
  readonly #gone = new Map<Kid, KeyMaterial>();
  readonly #evidence = new Map<string, Evidence>();
  /** The nonce of the emergency whose burnt keys are all in {@link #gone}. */
  #nonce: string | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Runs exclusively: no other rekey works on these files meanwhile.
   *
   * @throws EnvError, or BusyError if another one does for longer than a look and a write take
   */
  async alone<T>(run: () => Promise<T>): Promise<T> {
    const { config, clock, onRecovered } = this.#options;
    const folder = join(config.root, STATE_FOLDER);
    const recoverAndRun = async () => {
      const recovered = await recover(folder);
      if (recovered !== undefined) onRecovered(recovered);
      return run();
    };
    return withLock(folder, recoverAndRun, { ms: PATIENCE_MS, clock });
  }

  get environment(): string {
    return this.#options.environment;
  }

  /** Keys that this process has taken out of the files. The caller changes no byte of them. */
  get gone(): readonly KeyMaterial[] {
    return [...this.#gone.values()];
  }

  /**
   * Waits without a lock.
   *
   * @throws the signal's reason as soon as it is aborted
   */
  pause(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#options.clock.sleep(ms, signal);
  }

  /**
   * @param how `Read`: no service is asked, so the step of the view is not the next one. `Urgent`, for an emergency: the
   *   same, and a state that cannot be used does not stop it; `environment.unusable` says why
   * @throws EnvError if a file or the state cannot be read, or the clock has gone back
   */
  async look(how: 'Ask' | 'Read' | 'Urgent' = 'Ask'): Promise<View> {
    const { config, environment: name, clock, asker, leftOut = [] } = this.#options;
    const now = clock.now();
    const urgent = how === 'Urgent';
    let environment = await this.#read(urgent);
    const { state } = environment;
    const keyset = state?.keyset ?? foundIn(environment, now);
    const different = state === undefined ? [] : differences(environment, keyset);
    const isUnderWay = keyset.phase !== 'Steady';
    const burntAtHand = keyset.emergency !== undefined && keyset.emergency.nonce === this.#nonce;
    const witnessing = { asker, gone: this.#gone, evidence: this.#evidence, burntAtHand, now: () => clock.now() };
    const isAsked = how === 'Ask' && isUnderWay && different.length === 0;
    const services = isAsked ? await factsOf(environment, keyset, witnessing) : [];
    if (await noteRefuted(environment, services)) environment = await this.#read(urgent);
    const facts = { keyset, services, now: clock.now(), drainMs: drainMsOf(config), burntAtHand };
    const forgotten = isUnderWay ? forgottenIn(environment) : [];
    const next = nextStep(facts);
    const mayReload = next.kind === 'Reload' && isGivenUp(keyset);
    const step = forgotten.length > 0 && !mayReload ? forgottenStep(forgotten) : withoutThem(next, leftOut, name);
    return { environment, facts, managed: state !== undefined, differences: different, forgotten, step };
  }

  /**
   * Makes the write, and puts the resulting keyset into all files.
   *
   * @param keyset what it starts from, if that is not the keyset of the view
   */
  async write({ environment, facts }: View, wanted: Write, keyset = facts.keyset): Promise<Written> {
    const written = await write(environment, keyset, wanted, this.#options.clock.now());
    for (const [kid, material] of written.gone) {
      // asking about an ack key that has left is useless, except in an emergency, after which no old key may be accepted
      if (kid !== keyIn(keyset, 'ack')?.kid || wanted.transition === 'burn') this.#gone.set(kid, material);
    }
    if (wanted.transition === 'burn') this.#nonce = this.#hasAll(keyset) ? wanted.nonce : undefined;
    return written;
  }

  /** Whether the bytes of every key that an emergency burns are known, including those of an unfinished one. */
  #hasAll({ keys, phase, emergency }: Keyset): boolean {
    if (phase === 'Burning' && emergency?.nonce !== this.#nonce) return false;
    return keys.every(({ kid, state }) => state === 'ack' || this.#gone.has(kid));
  }

  /** Writes the keyset that rekey remembers to all files again. */
  async restore({ environment }: View): Promise<Written> {
    const { state, name } = environment;
    if (state === undefined) throw new EnvError(`${name}: rekey has written no key here yet`);
    return restore(environment, state, this.#options.clock.now());
  }

  /**
   * Runs while no other rekey restarts this service, without the lock of {@link alone}: the command of a service may read
   * the file first and swap later, so two of them at once may end with the older keys.
   *
   * @param isPatient waits for another run that does, a minute at most
   * @throws BusyError if another run still does
   */
  async restarting<T>(service: string, isPatient: boolean, run: () => Promise<T>): Promise<T> {
    const { config, clock, environment } = this.#options;
    const patience = isPatient ? { ms: RESTART_PATIENCE_MS, clock } : undefined;
    return withLock(join(config.root, STATE_FOLDER), run, patience, `restart-${environment}.${service}`);
  }

  /** @returns whether a service must still be restarted for the keys of the view. Takes the lock by itself */
  async needsRestart(view: View, service: string): Promise<boolean> {
    return this.alone(async () => {
      const environment = await this.#read(false);
      const { version } = view.facts.keyset;
      return hasSameKeys(view, environment, [service]) && environment.state?.reloads[service]?.version !== version;
    });
  }

  /**
   * Remembers that services were restarted after their files got the keys of the view. Takes the lock by itself: a
   * restart takes its time, and nobody waits for it with the lock.
   *
   * @returns false if other keys were written since the view. A command may then have loaded older ones after whatever
   *   restart was known, so none counts
   */
  async reloaded(view: View, services: readonly string[], by: Witness): Promise<boolean> {
    return this.alone(async () => {
      const environment = await this.#read(false);
      const counts = hasSameKeys(view, environment, services);
      const reload = counts ? { version: view.facts.keyset.version, at: this.#options.clock.now(), by } : undefined;
      const isKnown = services.some((service) => environment.state?.reloads[service] !== undefined);
      if (counts || (isKnown && by === 'Command'))
        await remember(environment, Object.fromEntries(services.map((service) => [service, reload])));
      return counts;
    });
  }

  async #read(urgent: boolean): Promise<EnvironmentFiles> {
    const { config, environment, clock, leftOut = [] } = this.#options;
    const read = await readEnvironment(config, environment, leftOut, urgent);
    return withoutFuture(read, clock.now(), config.clockSkewMs, urgent);
  }
}

function forgottenIn({ files, state, leftOut = [] }: EnvironmentFiles): readonly string[] {
  const known = [...leftOut, ...files.map(({ service }) => service.name)];
  return (state?.services ?? []).filter((name) => !known.includes(name));
}

/** Rests instead of the next write, which would claim that all services have followed. */
function withoutThem(step: Step, leftOut: readonly string[], environment: string): Step {
  if (leftOut.length === 0 || step.kind !== 'Write') return step;
  const list = leftOut.join(', ');
  const way = `Make its file readable, run rekey env sync ${environment}, and restart it`;
  return { kind: 'Rest', why: `${list}: left out, so it may still accept a burnt key. ${way}` };
}

/** rekey does not wait for a forgotten service, which may still sign with the old key, or not know the new one. */
function forgottenStep(services: readonly string[]): Step {
  const list = services.join(', ');
  return {
    kind: 'Rest',
    why: `${list}: part of this rotation, and not in rekey.yaml any more. Put it back until it is over`,
  };
}

/**
 * Every wait rests on the time: a clock that goes back makes it longer, and its correction makes it shorter. An
 * emergency waits for nothing that was before it.
 */
function withoutFuture(read: EnvironmentFiles, now: number, skewMs: number, urgent: boolean): EnvironmentFiles {
  const { state, ...others } = read;
  const { lastWriteAt = 0 } = state?.keyset.attempts ?? {};
  if (now >= lastWriteAt - skewMs) return read;
  const why = `the clock of this machine is ${formatDuration(lastWriteAt - now)} behind the last write of rekey`;
  if (!urgent) throw new StateUnusable(why, '; set it right first');
  return { ...others, unusable: why };
}

/**
 * @param onRecovered called with what became of an interrupted step
 * @param leftOut services whose files are neither read nor written
 */
export function newSession(
  config: EnvConfig,
  environment: string,
  asker: Asker,
  onRecovered: (what: string) => void,
  leftOut: readonly string[] = [],
): Session {
  return new Session({ config, environment, clock: systemClock, asker, onRecovered, leftOut });
}
