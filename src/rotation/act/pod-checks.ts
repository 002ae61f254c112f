/**
 * Checks of pods that a person requests. They run beside the passes, so a slow service delays neither a rotation nor an
 * emergency.
 */
import { isKubeError } from '../../kube/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { redactText } from '../../runtime/redact.ts';
import { keyOf } from '../../runtime/store.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Facts } from '../facts.ts';
import { appCheckOf, canaryCheckOf } from '../requests/requests.ts';
import { isEmergency } from '../requests/urgency.ts';
import { iso } from '../schedule/duration.ts';
import type { Actor } from './act.ts';

/** Between two checks of one resource, milliseconds. */
const CHECK_MS = 2_000;
/** Resources checked in parallel. Others do not wait in a queue, since their pods may be gone when their turn comes. */
const AT_ONCE = 4;

/** The answers, as the status has them. */
export type Checks = Pick<JwtKeyRotationStatus, 'canaryCheck' | 'appCheck'>;

export interface PodChecksOptions {
  readonly actor: Pick<Actor, 'checkCanaries' | 'checkApps'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** By the clock of the API server, milliseconds since the epoch. */
  readonly now: () => number;
  /** Called with each resource that has an answer. */
  readonly onAnswer: (key: string) => void;
}

/** What is known of one resource. */
interface Asked {
  checks: Checks;
  /** Monotonic: when the last check ended. */
  endedAt: number;
  running?: AbortController;
}

interface Check {
  readonly name: keyof Checks;
  readonly requestedAt: string;
  readonly ask: (signal: AbortSignal) => Promise<Pick<NonNullable<Checks[keyof Checks]>, 'note'>>;
}

/** One instance serves all resources. Each request is answered once, and a resource has one check at a time. */
export class PodChecks {
  readonly #options: PodChecksOptions;
  readonly #asked = new Map<string, Asked>();
  #running = 0;

  constructor(options: PodChecksOptions) {
    this.#options = options;
  }

  /**
   * Starts a requested check, if none is under way, and never in an emergency.
   *
   * @returns the answers that the status does not have yet, and in how many milliseconds the next check may begin
   */
  observed(resource: JwtKeyRotation, facts: Facts): { readonly checks: Checks; readonly againMs?: number } {
    const key = keyOf(resource.metadata);
    const asked = this.#asked.get(key) ?? { checks: {}, endedAt: Number.NEGATIVE_INFINITY };
    this.#asked.set(key, asked);
    if (isEmergency(resource)) {
      asked.running?.abort();
      return { checks: {} };
    }
    const wanted = this.#wanted(resource, facts);
    const known = wanted.filter(({ name, requestedAt }) => asked.checks[name]?.requestedAt === requestedAt);
    const checks: Checks = Object.fromEntries(known.map(({ name }) => [name, asked.checks[name]]));
    const open = wanted.find((check) => !known.includes(check));
    if (open === undefined || asked.running !== undefined) return { checks };
    const againMs = asked.endedAt + CHECK_MS - this.#options.clock.monotonic();
    if (againMs > 0) return { checks, againMs };
    if (this.#running >= AT_ONCE) return { checks, againMs: CHECK_MS };
    this.#begin(key, asked, open);
    return { checks };
  }

  /** Ends the checks of a resource that is gone. */
  forgot(key: string): void {
    this.#asked.get(key)?.running?.abort();
    this.#asked.delete(key);
  }

  #wanted(resource: JwtKeyRotation, facts: Facts): readonly Check[] {
    const { actor } = this.#options;
    const { namespace = '' } = resource.metadata;
    const [canaryAt, app] = [canaryCheckOf(resource), appCheckOf(resource)];
    const canaries = { name: 'canaryCheck', ask: () => actor.checkCanaries(namespace, facts) } as const;
    const apps = {
      name: 'appCheck',
      ask: (signal: AbortSignal) => actor.checkApps(namespace, facts, app?.target, signal),
    } as const;
    return [
      ...(canaryAt === undefined ? [] : [{ ...canaries, requestedAt: canaryAt }]),
      ...(app === undefined ? [] : [{ ...apps, requestedAt: app.requestedAt }]),
    ];
  }

  #begin(key: string, asked: Asked, { name, requestedAt, ask }: Check): void {
    const { clock, now, onAnswer } = this.#options;
    const running = new AbortController();
    asked.running = running;
    this.#running += 1;
    const { signal } = running;
    void this.#answer(key, () => ask(signal)).then((found) => {
      this.#running -= 1;
      delete asked.running;
      asked.endedAt = clock.monotonic();
      // it was cut off: a request that still stands is served later
      if (signal.aborted) return;
      asked.checks = { ...asked.checks, [name]: { requestedAt, checkedAt: iso(now()), ...found } };
      onAnswer(key);
    });
  }

  /** A failure is an answer, too: the person can ask again once it is fixed. */
  async #answer<T>(key: string, ask: () => Promise<T>) {
    try {
      return await ask();
    } catch (error) {
      if (!isKubeError(error)) this.#options.log.error('pods could not be asked', { resource: key, error });
      const why = isKubeError(error) ? redactText(error.message) : 'rekey failed, and its log says why';
      return { note: `nothing was sent: ${why}`, pods: [] };
    }
  }
}
