/**
 * Where the rotation is, by the Secret that the API server last showed to anybody through the proxy.
 */
import { STATE } from '../../../src/rotation/api/names.ts';

/**
 * `Start` before the Secret was seen, `Before` and `After` for Steady on either side of the rotation; `again` is added to a
 * phase that comes back, as after a rollback.
 */
export class PhaseTracker {
  #phase = 'Start';
  #last = '';
  readonly #seen = new Set<string>();

  get phase(): string {
    return this.#phase;
  }

  /** @param body an answer of the API server that holds the Secret */
  see(body: string): void {
    const phase = phaseIn(body);
    if (phase === undefined || phase === this.#last) return;
    this.#last = phase;
    const again = this.#seen.has(phase);
    this.#seen.add(phase);
    if (phase === 'Steady') this.#phase = this.#seen.size > 1 ? 'After' : 'Before';
    else this.#phase = again ? `${phase} again` : phase;
  }
}

function phaseIn(body: string): string | undefined {
  try {
    const { metadata } = JSON.parse(body) as { metadata?: { annotations?: Record<string, string> } };
    return metadata?.annotations?.[STATE.phase];
  } catch {
    return undefined;
  }
}
