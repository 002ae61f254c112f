/**
 * Shows progress while a command waits: a view on a terminal, a few lines elsewhere.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import type { Terminal } from '../terminal.ts';
import type { Asked } from './course.ts';

/** For one command; several resources may be followed at once. */
export interface Progress {
  /** What the command says meanwhile goes here, so that it does not stand in the middle of a view. */
  readonly terminal: Terminal;
  /** Aborted when a person wants no more of it. */
  readonly signal: AbortSignal;
  /** The resource as it is now. */
  look(name: string, resource: JwtKeyRotation): void;
  /** What is wrong besides what the resource says; undefined once it is over. */
  note(name: string, text: string | undefined): void;
  /** @param good undefined if it goes on, and is only not followed any more */
  end(name: string, good?: boolean): void;
  /** Where it is, in a few words. */
  where(name: string): string | undefined;
}

export interface ProgressOptions {
  readonly asked: Asked;
  /** How many are followed. */
  readonly count: number;
  /** Where lines go if there is no view. Standard error if absent. */
  readonly write?: (text: string) => void;
}

/** @returns a view where somebody looks; it is loaded only then */
export async function openProgress(
  operations: Operations,
  terminal: Terminal,
  options: ProgressOptions,
): Promise<Progress> {
  if (terminal.openScreen === undefined) {
    const { Lines } = await import('./lines.ts');
    return new Lines(operations, terminal, options);
  }
  const [{ Board }, screen] = await Promise.all([import('./board.ts'), terminal.openScreen()]);
  return new Board({ screen, terminal, now: () => operations.time(), asked: options.asked });
}
