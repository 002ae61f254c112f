/**
 * The rotation of one environment: reads the files, decides the next step and makes it. It keeps only what the files
 * and the state beside them have, plus the bytes of keys that have left the files, to ask services about them as long
 * as this process lives.
 */
import { join } from 'node:path';
import { type Keyset, type Kid, keyIn } from '../rotation/keyset/keyset.ts';
import type { Write } from '../rotation/keyset/writes.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { drainMsOf, type EnvConfig } from './env-config.ts';
import { type EnvironmentFiles, readEnvironment } from './environment.ts';
import { EnvError } from './error.ts';
import type { Evidence } from './evidence.ts';
import { withLock } from './files/lock.ts';
import { recover } from './files/transaction.ts';
import { recoverOrPass } from './files/unfinished.ts';
import { hasSameKeys, noteRefuted } from './restarted.ts';
import { STATE_FOLDER, type Witness } from './state.ts';
import type { ServiceFacts } from './step.ts';
import { Turns } from './turns.ts';
import { isAsked, isUnchanged, isWitnessed, type Scene, sceneOf, type View, viewOf, withoutFuture } from './view.ts';
import { type Asker, factsOf } from './witness.ts';
import { remember, restore, type Written, write } from './write.ts';

export type { View } from './view.ts';

/** Of whoever would restart a service that another run is restarting: a restart takes its time, and a leaked key none. */
export const RESTART_PATIENCE_MS = 60_000;
/** A look and a write take some milliseconds. Nobody waits for a person, a service or Git with the lock. */
const PATIENCE_MS = 15_000;

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

/** What services have answered, and all that they ever have. */
interface Answers {
  readonly services: readonly ServiceFacts[];
  readonly evidence: ReadonlyMap<string, Evidence>;
}

/** One instance for one environment. */
export class Session {
  readonly #options: SessionOptions;
  readonly #gone = new Map<Kid, KeyMaterial>();
  readonly #evidence = new Map<string, Evidence>();
  readonly #turns = new Turns();
  /** The nonce of the emergency whose burnt keys are all in {@link #gone}. */
  #nonce: string | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Runs exclusively: no other rekey works on these files meanwhile, and nothing else of this session.
   *
   * @param how `Urgent`, for an emergency: a step that was cut off and cannot be ended does not stop it
   * @throws EnvError, or BusyError if another one does for longer than a look and a write take
   */
  alone<T>(run: () => Promise<T>, how: 'Read' | 'Urgent' = 'Read'): Promise<T> {
    const { config, clock, onRecovered } = this.#options;
    const folder = join(config.root, STATE_FOLDER);
    const recoverAndRun = async () => {
      const recovered = await (how === 'Urgent' ? recoverOrPass : recover)(folder);
      if (recovered !== undefined) onRecovered(recovered);
      return run();
    };
    return this.#turns.take(() => withLock(folder, recoverAndRun, { ms: PATIENCE_MS, clock }));
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
   * Asks no service, so the step of the view is not the next one.
   *
   * @param how `Urgent`, for an emergency: a state that cannot be used does not stop it; `environment.unusable` says why
   * @throws EnvError if a file or the state cannot be read, or the clock has gone back
   */
  async look(how: 'Read' | 'Urgent'): Promise<View> {
    return this.#viewOf(await this.#scene(how === 'Urgent'), []);
  }

  /**
   * Asks the services, and runs exclusively with what they have answered. It asks without the lock, which it takes by
   * itself: an answer takes its time. What was answered before anybody wrote does not count, and is asked for again.
   *
   * @throws EnvError as {@link look}, or BusyError as {@link alone}
   */
  async decide<T>(run: (view: View) => Promise<T>): Promise<T> {
    for (;;) {
      const first = await this.alone(async () => {
        const scene = await this.#scene();
        return isAsked(scene) ? { scene } : { done: await run(await this.#judged(scene, await this.#ask(scene))) };
      });
      if ('done' in first) return first.done;
      const answers = await this.#ask(first.scene);
      const second = await this.alone(async () => {
        const scene = await this.#scene();
        return isUnchanged(first.scene, scene) ? { done: await run(await this.#judged(scene, answers)) } : undefined;
      });
      if (second !== undefined) return second.done;
    }
  }

  /** Adds to no evidence yet: the answers may come to count for nothing. */
  async #ask(scene: Scene): Promise<Answers> {
    const evidence = new Map(this.#evidence);
    if (!isWitnessed(scene)) return { services: [], evidence };
    const { asker, clock } = this.#options;
    const { environment, keyset } = scene;
    const known = { gone: this.#gone, evidence, burntAtHand: this.#isAtHand(keyset) };
    return { services: await factsOf(environment, keyset, { asker, now: () => clock.now(), ...known }), evidence };
  }

  async #judged(scene: Scene, { services, evidence }: Answers): Promise<View> {
    for (const [service, each] of evidence) this.#evidence.set(service, each);
    const isNews = await noteRefuted(scene.environment, services);
    return this.#viewOf(isNews ? { ...scene, environment: await this.#read(false) } : scene, services);
  }

  #viewOf(scene: Scene, services: readonly ServiceFacts[]): View {
    const { config, clock } = this.#options;
    const burntAtHand = this.#isAtHand(scene.keyset);
    return viewOf(scene, { services, now: clock.now(), drainMs: drainMsOf(config), burntAtHand });
  }

  async #scene(urgent = false): Promise<Scene> {
    return sceneOf(await this.#read(urgent), this.#options.clock.now());
  }

  #isAtHand({ emergency }: Keyset): boolean {
    return emergency !== undefined && emergency.nonce === this.#nonce;
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
