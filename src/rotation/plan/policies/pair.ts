/** What two answers mean together: one to a token of the key in use, one to the same claims signed with a made-up key. */
import type { JwtKeyRotationStatus } from '../../api/types.ts';
import type { Answer } from '../../facts.ts';
import type { CanarySettings } from '../../settings/canary-settings.ts';

type Judged = Pick<NonNullable<JwtKeyRotationStatus['canaryCheck']>['pods'][number], 'verdict' | 'message'>;

interface Said {
  readonly answer: Answer;
  /** For people: `it answered 401`. */
  readonly said: string;
}

/** `inUse` is absent if no token of that key could be sent. */
export interface Pair {
  readonly inUse?: Said;
  readonly madeUp: Said;
}

/** Causes of a service that refuses tokens of every key: the canary as often as the key. */
export const WHY_ALL_REFUSED =
  'the subject may be unknown to the service, it may want other claims, an audience or a role, or it has its key from elsewhere. See spec.canary (claims.sub is the subject), spec.key.algorithm and the log of the service';

/** @returns what the answers prove, and what to do; a missing answer proves nothing */
export function judgedPair(
  pod: string,
  { inUse, madeUp }: Pair,
  { path, port }: Pick<CanarySettings, 'path' | 'port'>,
): Judged {
  if (madeUp.answer === 'accepted') {
    const message = `pod ${pod} accepted a token signed with a made-up key: ${path} verifies no signature. Name a path that does`;
    return { verdict: 'Void', message };
  }
  const open = [madeUp, ...(inUse === undefined ? [] : [inUse])].find(({ answer }) => answer === 'unknown');
  if (open !== undefined) {
    const message = `pod ${pod}, asked at ${path} on port ${port}: ${open.said}, which says nothing about the token. See CanaryUnanswered in the runbook`;
    return { verdict: 'Unknown', message };
  }
  if (inUse === undefined) {
    const message = `pod ${pod} refuses a token signed with a made-up key. That proves that ${path} refuses something, not that it accepts the key in use`;
    return { verdict: 'Unknown', message };
  }
  if (inUse.answer === 'accepted') {
    return { verdict: 'Works', message: `pod ${pod} accepts the key in use and refuses a made-up one` };
  }
  const message = `pod ${pod} refuses the key in use and a made-up one alike: ${WHY_ALL_REFUSED}`;
  return { verdict: 'Refused', message };
}
