/**
 * Where the rotation is, by the Secret that the API server last showed to anybody through the proxy.
 */
import { STATE } from '../../../src/rotation/names.ts';

/** `Start` before the Secret was seen, `Before` and `After` for Steady on either side of the rotation. */
export class PhaseTracker {
  #phase = 'Start';
  #left = false;

  get phase(): string {
    return this.#phase;
  }

  /** @param body an answer of the API server that holds the Secret */
  see(body: string): void {
    const phase = phaseIn(body);
    if (phase === undefined) return;
    if (phase !== 'Steady') this.#left = true;
    if (phase === 'Steady') this.#phase = this.#left ? 'After' : 'Before';
    else this.#phase = phase;
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
