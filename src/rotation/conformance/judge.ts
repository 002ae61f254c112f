/**
 * Judges what the answers of a service prove. A missing answer proves nothing. A refusal proves something only if a
 * good token is accepted, and an acceptance only if a made-up key is refused.
 */
import { defined } from '../../base/objects.ts';
import type { Answer } from '../facts.ts';
import { CASES, type CaseName, caseOf, type Expected } from './cases.ts';

/** The answer of a service to one token. */
export interface Answered {
  readonly name: CaseName;
  /** Which of several of the same case. */
  readonly which?: string;
  readonly answer: Answer;
  /** For people: `it answered 401`. */
  readonly said: string;
}

/** Advice: not as expected, but no promise of rekey depends on it. */
export type Verdict = 'Pass' | 'Fail' | 'Advice' | 'Unknown';

export interface Judged extends Answered {
  readonly sent: string;
  readonly expected: Expected;
  readonly required: boolean;
  readonly verdict: Verdict;
  /** Why the answer proves nothing. */
  readonly note?: string;
}

const NO_LONGER = 'it accepted a good token at first and none at the end, so a refusal proves nothing';
const MADE_UP: readonly CaseName[] = ['made-up-key', 'made-up-key-known-id'];
const FORGED: readonly CaseName[] = [...MADE_UP, 'garbage'];

/** @param answers of one service, in the order in which they were given */
export function judged(answers: readonly Answered[]): readonly Judged[] {
  const notOf = { accepted: acceptanceDoubt(answers), refused: refusalDoubt(answers) };
  return answers.map((answered) => {
    const { sends, expects: expected, required } = caseOf(answered.name);
    const sent = answered.which === undefined ? sends : `${sends} (${answered.which})`;
    const { verdict, note } = verdictOf(answered, expected, required, notOf);
    return { ...answered, sent, expected, required, verdict, ...defined({ note }) };
  });
}

/** For each expectation, why an answer that meets it proves nothing. */
type Doubts = Readonly<Record<Expected, string | undefined>>;

function verdictOf(
  { name, answer }: Answered,
  expected: Expected,
  required: boolean,
  doubts: Doubts,
): { readonly verdict: Verdict; readonly note?: string } {
  if (answer === 'unknown') return { verdict: 'Unknown' };
  const wrong = required ? 'Fail' : 'Advice';
  if (answer === expected) {
    const doubt = doubts[expected];
    return doubt === undefined ? { verdict: 'Pass' } : { verdict: 'Unknown', note: doubt };
  }
  // it accepts a token that it must refuse, whatever else it does
  if (expected === 'refused') return { verdict: wrong };
  const doubt = name === 'signing-key' || isLastControl(name, doubts) ? undefined : doubts.refused;
  return doubt === undefined ? { verdict: wrong } : { verdict: 'Unknown', note: doubt };
}

/** A refused good token at the end proves something only if one was accepted at the beginning. */
function isLastControl(name: CaseName, { refused }: Doubts): boolean {
  return name === 'signing-key-again' && refused === NO_LONGER;
}

function acceptanceDoubt(answers: readonly Answered[]): string | undefined {
  const forged = answers.filter(({ name }) => FORGED.includes(name));
  if (forged.some(({ answer }) => answer === 'accepted')) return 'it accepts what nobody has signed, too';
  // whoever refuses what is no token may still take any that looks like one
  const isKnown = forged.some(({ name, answer }) => MADE_UP.includes(name) && answer === 'refused');
  return isKnown ? undefined : 'it is not known that it refuses a made-up key';
}

function refusalDoubt(answers: readonly Answered[]): string | undefined {
  const of = (name: CaseName) => answers.find((each) => each.name === name)?.answer;
  if (of('signing-key') !== 'accepted') return 'it is not known to accept a good token, so a refusal proves nothing';
  return of('signing-key-again') === 'accepted' ? undefined : NO_LONGER;
}

/**
 * @returns the answers, plus an unknown answer for each required case that was not sent: an operator of another version
 *   may ask less
 */
export function withUnsent(answers: readonly Answered[]): readonly Answered[] {
  const unsent = (Object.keys(CASES) as CaseName[]).filter((name) => {
    return caseOf(name).required && !answers.some((answered) => answered.name === name);
  });
  return [...answers, ...unsent.map((name): Answered => ({ name, answer: 'unknown', said: 'it was not sent' }))];
}

/** @returns whether the service refused nothing, not even a text that is not a token */
export function acceptsEverything(answers: readonly Answered[]): boolean {
  const heard = answers.filter(({ answer }) => answer !== 'unknown');
  return heard.some(({ name }) => name === 'garbage') && heard.every(({ answer }) => answer === 'accepted');
}

export type Fitness = 'Fit' | 'Unfit' | 'Unknown';

/**
 * @param strict whether advice counts as well
 * @returns unfit before unknown before fit
 */
export function fitness(rows: readonly Judged[], strict = false): Fitness {
  if (rows.some(({ verdict }) => verdict === 'Fail' || (strict && verdict === 'Advice'))) return 'Unfit';
  const open = rows.some(({ verdict, required }) => verdict === 'Unknown' && (required || strict));
  return open || rows.length === 0 ? 'Unknown' : 'Fit';
}
