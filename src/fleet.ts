/** Says how often the Secrets of a fleet are looked at, as metrics and in the log. */
import { restPauseMs } from './rotation/pass/again.ts';
import type { SecretWatches } from './rotation/secret/secret-watches.ts';
import type { Clock } from './runtime/clock.ts';
import type { Logger } from './runtime/log.ts';

export interface FleetOptions {
  readonly secrets: Pick<SecretWatches, 'all' | 'size'>;
  /** How many there are. */
  readonly resources: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Changes are logged once in this time. */
const SAY_EVERY_MS = 60_000;
/** So many were measured: see docs/scale.md. */
const MEASURED = 5_000;

/** Tells the bound. It changes with the number of resources. */
export class Fleet {
  readonly #options: FleetOptions;
  #said = { seconds: 0, beyond: false };

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** @returns how many Secrets are watched */
  watches(): number {
    return this.#options.secrets.size;
  }

  /** @returns the longest pause between two looks at a Secret at rest, seconds; 0 if each one is watched */
  intervalSeconds(): number {
    const { secrets, resources } = this.#options;
    return secrets.all ? 0 : restPauseMs(resources()) / 1_000;
  }

  /** Logs the bound when it has changed, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#say();
      await this.#options.clock.sleep(SAY_EVERY_MS, signal).catch(() => undefined);
    }
  }

  #say(): void {
    const { log, resources } = this.#options;
    const seconds = Math.round(this.intervalSeconds());
    const beyond = seconds > 0 && resources() > MEASURED;
    if (seconds === this.#said.seconds && beyond === this.#said.beyond) return;
    this.#said = { seconds, beyond };
    const fields = { resources: resources(), lookEverySeconds: seconds };
    if (seconds === 0) log.info('each Secret is watched', fields);
    else if (!beyond) log.info('Secrets at rest are looked at, and not watched', fields);
    else
      log.warn(
        'there are more resources than were measured (docs/scale.md); Secrets at rest are looked at, and not watched',
        fields,
      );
  }
}
