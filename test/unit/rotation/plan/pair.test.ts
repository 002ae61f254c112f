/** A token of the key in use and one of a made-up key: what the two answers prove, and what they do not. */
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/rotation/facts.ts';
import { judgedPair } from '../../../../src/rotation/plan/policies/pair.ts';
import { refusesEveryKey, refusesKeyInUse } from '../../../../src/rotation/plan/policies/pods.ts';
import { pod, probeOf, STEADY } from '../builders.ts';

const said = (answer: Answer) => ({ answer, said: `it answered ${answer}` });
const judge = (inUse: Answer | undefined, madeUp: Answer) =>
  judgedPair('a', { ...(inUse && { inUse: said(inUse) }), madeUp: said(madeUp) }, { path: '/x', port: 'http' });

describe('a pair of answers', () => {
  it.each<[Answer | undefined, Answer, string, string]>([
    ['accepted', 'refused', 'Works', 'accepts the key in use and refuses a made-up one'],
    ['refused', 'refused', 'Refused', 'the subject may be unknown to the service'],
    ['accepted', 'accepted', 'Void', '/x verifies no signature'],
    ['refused', 'accepted', 'Void', 'verifies no signature'],
    ['unknown', 'accepted', 'Void', 'verifies no signature'],
    ['unknown', 'refused', 'Unknown', 'it answered unknown, which says nothing about the token'],
    ['accepted', 'unknown', 'Unknown', 'asked at /x on port http'],
    [undefined, 'refused', 'Unknown', 'not that it accepts the key in use'],
    [undefined, 'unknown', 'Unknown', 'which says nothing'],
    [undefined, 'accepted', 'Void', 'verifies no signature'],
  ])('%s and %s: %s', (inUse, madeUp, verdict, message) => {
    expect(judge(inUse, madeUp)).toEqual({ verdict, message: expect.stringMatching(new RegExp(message)) });
  });
});

describe('a pod that refuses the key in use', () => {
  const of = (random: Answer, answer: Answer) => {
    const probe = {
      ...probeOf(STEADY, 1),
      random,
      answers: new Map([
        ['A', 'refused' as Answer],
        ['N1', answer],
      ]),
    };
    return pod('a', { probe });
  };

  it('and a made-up one alike may not know the subject', () => {
    const { message } = refusesKeyInUse(of('refused', 'refused'), 'A');
    expect(message).toContain('as well as with a made-up one: the subject may be unknown to the service');
    expect(message).toContain('kubectl rekey check NAME --canary');
    expect(refusesEveryKey(of('refused', 'refused'), 'A').message).toContain(
      'including A and a made-up one: the subject',
    );
  });

  it('and accepts another knows the subject', () => {
    expect(refusesKeyInUse(of('refused', 'accepted'), 'A').message).not.toContain('subject');
  });

  it('and has not said what it makes of a made-up one is not said to refuse that', () => {
    expect(refusesKeyInUse(of('unknown', 'refused'), 'A').message).not.toContain('made-up');
    expect(refusesEveryKey(of('unknown', 'refused'), 'A').message).not.toContain('made-up');
  });
});
