/**
 * The part of a clock that requests need; the Clock of src/runtime fits.
 */
export interface Timing {
  /** Milliseconds from any start, never going back. */
  monotonic(): number;
  setTimeout(callback: () => void, ms: number): { cancel(): void };
}
