/** Asks one service about each token, one after the other, to disturb it as little as possible. */
import { defined } from '../../base/objects.ts';
import type { Asked, CanarySender } from '../secret/canary-sender.ts';
import type { Answered } from './judge.ts';
import { type ServiceKeys, type TokenOptions, tokensFor } from './tokens.ts';

/** After so many requests in a row without an answer, it is not asked any more. */
const MAX_SILENT = 3;
/** Of the keys in the list, the first: a list of a megabyte has half a million. */
const MAX_FALLBACKS = 16;
/** Why there is no token of a fallback. */
const NO_FALLBACK = 'nothing was sent: there is no fallback key';
const NOT_SENT =
  'nothing was sent: such a token of a real key would never expire. Ask a test instance, with keys made for it: rekey validate-app --made-keys --to test.env';

export interface AskOptions {
  readonly sender: CanarySender;
  /** Whether to send a token without `exp`, which is valid for as long as its key. */
  readonly withoutExpiry: boolean;
  /** Time limit for sending, milliseconds. */
  readonly budgetMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Nothing more is sent once it is aborted. */
  readonly signal?: AbortSignal;
}

/** @returns its answers in the order of the questions; the answer to a token that was not sent is unknown */
export async function askConformance(
  asked: Asked,
  keys: ServiceKeys,
  { sender, withoutExpiry, budgetMs, now, signal }: AskOptions,
): Promise<readonly Answered[]> {
  const options: TokenOptions = { ...asked.tokens, withoutExpiry };
  const some = { ...keys, fallbacks: keys.fallbacks.slice(0, MAX_FALLBACKS) };
  const left = keys.fallbacks.length - some.fallbacks.length;
  const answers: Answered[] = [];
  const whole = sender.patience(budgetMs);
  let silent = 0;
  for (const { name, which, token } of tokensFor(some, options)) {
    const row = { name, ...defined({ which }) };
    const why = silent >= MAX_SILENT ? 'it is silent' : whyNoMore(sender.isOver(whole), signal);
    if (why !== undefined) {
      answers.push({ ...row, answer: 'unknown', said: `it was not asked any more, since ${why}` });
      continue;
    }
    const patience = sender.patience(undefined, whole);
    const { answer, said } = await sender.askPatiently(asked, () => token(now()), patience);
    silent = patience.silent ? silent + 1 : 0;
    answers.push({ ...row, answer, said });
  }
  const unsent: readonly Answered[] = [
    ...(left > 0 ? [{ name: 'fallback', answer: 'unknown', said: `${left} more were not tried` } as const] : []),
    ...(keys.fallbacks.length > 0 ? [] : [{ name: 'fallback', answer: 'unknown', said: NO_FALLBACK } as const]),
    ...(withoutExpiry ? [] : [{ name: 'no-expiry', answer: 'unknown', said: NOT_SENT } as const]),
  ];
  return [...answers, ...unsent];
}

function whyNoMore(isOver: boolean, signal: AbortSignal | undefined): string | undefined {
  if (signal?.aborted) return 'something more urgent came';
  return isOver ? 'it takes too long' : undefined;
}
