/**
 * The course of a rotation where nobody looks at a terminal, as in CI: one line when the phase changes, one when something comes in
 * the way or goes, and one a minute while nothing does. Nothing is printed twice within a minute, however often it changes.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { oneLine } from '../../rotation/people/text.ts';
import type { Terminal } from '../terminal.ts';
import type { Progress, ProgressOptions } from './progress.ts';
import { type Subject, subjectOf } from './subject.ts';
import { stageText, stillText, whereText } from './words.ts';

const MINUTE_MS = 60_000;
const AT_REST = 'at rest';

interface Followed {
  readonly subject: Subject;
  readonly stage: string;
  /** The reason of what is in the way. */
  readonly obstacle?: string;
}

/** See {@link Progress}. */
export class Lines implements Progress {
  readonly terminal: Terminal;
  /** A signal ends the process by itself. */
  readonly signal = new AbortController().signal;
  readonly #operations: Pick<Operations, 'later'>;
  readonly #options: ProgressOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #toldAt = new Map<string, number>();
  readonly #timers = new Map<string, ReturnType<Operations['later']>>();

  constructor(operations: Pick<Operations, 'later'>, terminal: Terminal, options: ProgressOptions) {
    this.#operations = operations;
    this.terminal = terminal;
    this.#options = options;
  }

  look(name: string, resource: JwtKeyRotation): void {
    const before = this.#followed.get(name);
    const now = this.terminal.now();
    const subject = subjectOf(resource, this.#options.asked, now, before?.subject);
    const stage = subject.course?.stage ?? AT_REST;
    const obstacle = subject.hindrance?.split(':')[0];
    this.#followed.set(name, { subject, stage, ...(obstacle !== undefined && { obstacle }) });
    // that it was asked for, or rests, the command has said itself
    const isNew = stage !== before?.stage && stage !== 'requested' && !(before === undefined && stage === AT_REST);
    if (isNew) this.#once(name, stage, stageText(subject, now));
    const gone = before?.obstacle;
    if (gone !== undefined && gone !== obstacle) this.#once(name, `-${gone}`, `no longer in the way: ${gone}`);
    if (obstacle !== undefined && obstacle !== gone) {
      this.#once(name, `+${obstacle}`, `in the way: ${subject.hindrance}`);
    }
    if (!this.#timers.has(name)) this.#arm(name);
  }

  note(name: string, text: string | undefined): void {
    if (text !== undefined) this.#printLine(name, text);
  }

  end(name: string): void {
    this.#followed.delete(name);
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  where(name: string): string | undefined {
    const followed = this.#followed.get(name);
    return followed && whereText(followed.subject, this.terminal.now());
  }

  /** Does not repeat within a minute what was printed. */
  #once(name: string, what: string, text: string): void {
    const key = `${name} ${what}`;
    const now = this.terminal.now();
    if (now - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < MINUTE_MS) return;
    this.#toldAt.set(key, now);
    this.#printLine(name, text);
  }

  #printLine(name: string, text: string): void {
    const { count, write = (line: string) => this.terminal.printErr(line) } = this.#options;
    const prefix = count > 1 ? `${name}  ` : '';
    write(`${timeOfDay(this.terminal.now())}  ${prefix}${oneLine(text)}\n`);
    if (this.#followed.has(name)) this.#arm(name);
  }

  #arm(name: string): void {
    this.#timers.get(name)?.cancel();
    const still = () => {
      const subject = this.#followed.get(name)?.subject;
      if (subject !== undefined) this.#printLine(name, stillText(subject, this.terminal.now()));
    };
    this.#timers.set(name, this.#operations.later(still, MINUTE_MS));
  }
}

function timeOfDay(at: number): string {
  return new Date(at).toISOString().slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm:ss'.length);
}
