/** A pod that answers no canary holds up the start of a rotation; it is a passing matter for a minute. */
import { expect, it } from 'vitest';
import { isPassing } from '../../../../src/rotation/api/finding.ts';
import type { PodFacts } from '../../../../src/rotation/facts.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { facts, pod, probeOf, SETTLED, STEADY, target } from '../builders.ts';

function told(edit: Partial<PodFacts>) {
  const targets = [target('main', ['Verifier'], { pods: [pod('main-1', edit)] })];
  const { blocked } = plan(facts(STEADY, { requests: { rotateAt: 'now' }, targets }));
  return { ...blocked, passing: blocked && isPassing(blocked) };
}

const silent = (failures: number, why = 'it answered 404') => {
  const probe = { ...probeOf(STEADY, 1, SETTLED), answers: new Map(), random: 'unknown', failures, why } as const;
  return told({ probe });
};

it('passes as long as it may only be slow, and then wants a person', () => {
  const early = silent(7);
  expect(early).toMatchObject({ reason: 'CanaryUnanswered', passing: true });
  expect(early.message).toBe('pod main-1 has not answered its canary yet: it answered 404');
  const late = silent(8);
  expect(late).toMatchObject({ reason: 'CanaryUnanswered', passing: false });
  expect(late.message).toMatch(/: it answered 404\. .* at \/\S+ on port \d+, .*2xx.*401.*runbook/);
  // the same each time: else it would be told anew each time
  expect(silent(9).message).toBe(late.message);
});

it('wants a person at once where nobody may ask', () => {
  const unprobeable = 'pod main-1 has hostNetwork';
  expect(told({ unprobeable })).toMatchObject({ reason: 'CanaryUnanswered', message: unprobeable, passing: false });
});
