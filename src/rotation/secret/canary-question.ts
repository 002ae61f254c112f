/** One question to a pod: does it accept a token that is signed with this key? It is put once or several times. */
import { shuffled } from '../../base/chance.ts';
import type { Answer, Probe } from '../facts.ts';
import type { Kid } from '../keyset/keyset.ts';

/**
 * How often a pod with mounted files is asked each question, each time on a new connection. Its processes read the files
 * again one by one, and each connection reaches one of them: two processes of which one is behind look alike 1 time in 128.
 */
export const FILE_TIMES = 8;

/** How long an earlier answer counts. */
const KEPT_MS = 60_000;

/** What was heard before, and whether it counts. */
export interface Earlier {
  /** Keyset version in the Secret. */
  readonly version: number;
  /** Earlier answers of the same containers. */
  readonly before: Probe | undefined;
  /**
   * How often each question is put, once by default; an answer counts if all agree. More than once where the keys of a
   * running service change: then an earlier answer says nothing of now, and each time needs a new connection.
   */
  readonly times?: number;
}

/** Collects what was answered to one question. */
export class Question {
  readonly #times: number;
  readonly #heard: Answer[] = [];

  /** @param times how many answers it needs, all alike */
  constructor(times: number) {
    this.#times = times;
  }

  /** Whether another answer may still say something. */
  get isOpen(): boolean {
    return !this.#isMixed && !this.#heard.includes('unknown') && this.#heard.length < this.#times;
  }

  /** Whether the pod has said yes and no. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** Unknown unless all answers are there and agree: what some processes say is neither a yes nor a no of the pod. */
  get answer(): Answer {
    const [first = 'unknown'] = this.#heard;
    return this.#heard.length >= this.#times && this.#heard.every((one) => one === first) ? first : 'unknown';
  }

  /** Whether it was accepted at least once. */
  get wasAccepted(): boolean {
    return this.#heard.includes('accepted');
  }

  /** Notes one more answer. */
  note(answer: Answer): void {
    this.#heard.push(answer);
  }

  get #isMixed(): boolean {
    return this.#heard.includes('accepted') && this.#heard.includes('refused');
  }
}

/**
 * Several rounds of all questions. So each of them is spread over the whole time, and files that change meanwhile show in
 * mixed answers. The order of a round is one of chance: processes that take connections in turn each get their share.
 *
 * @returns what to ask, in order; for a single round, as given
 */
export function inRounds<T>(items: readonly T[], times: number): readonly T[] {
  return times === 1 ? items : Array.from({ length: times }, () => shuffled(items)).flat();
}

/** @returns recent answers about the same keyset version, if some are missing; otherwise everything is asked again */
export function usable(earlier: Earlier, now: number): Probe | undefined {
  const { before, version } = earlier;
  if (isRepeated(earlier)) return undefined;
  if (before === undefined || before.version !== version || now >= before.at + KEPT_MS) return undefined;
  return [...before.answers.values(), before.random].includes('unknown') ? before : undefined;
}

/** @returns whether each question is put several times */
export function isRepeated({ times = 1 }: Earlier): boolean {
  return times > 1;
}

/**
 * A repeated answer is not new, however old the first one is. Where answers are not kept, what was open stays open.
 *
 * @returns whether something was answered that was open before
 */
export function isProgress(earlier: Earlier, answers: ReadonlyMap<Kid, Answer>): boolean {
  const { before, version } = earlier;
  const heard = before?.version === version ? before.answers : undefined;
  if (heard !== undefined && isRepeated(earlier)) return false;
  return [...answers].some(([kid, answer]) => answer !== 'unknown' && (heard?.get(kid) ?? 'unknown') === 'unknown');
}

/** @returns the answer to made-up keys. One acceptance counts, whatever the other answers: such a service verifies nothing */
export function together(madeUp: readonly Question[]): Answer {
  if (madeUp.some(({ wasAccepted }) => wasAccepted)) return 'accepted';
  return madeUp.every(({ answer }) => answer === 'refused') ? 'refused' : 'unknown';
}
