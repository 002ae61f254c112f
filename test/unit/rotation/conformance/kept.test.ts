/** What the status keeps of the answers of services: bounded, and enough to say the same. */
import { describe, expect, it } from 'vitest';
import { CASES, type CaseName } from '../../../../src/rotation/conformance/cases.ts';
import { type Answered, fitness, judged, withUnsent } from '../../../../src/rotation/conformance/judge.ts';
import { answersIn, type Checked, keptPods } from '../../../../src/rotation/conformance/kept.ts';

const NAMES = Object.keys(CASES) as CaseName[];
const other = { accepted: 'refused', refused: 'accepted' } as const;

/** A service that answers all questions as it should, but for those of `wrong`. */
function answers(wrong: readonly CaseName[] = [], said = 'it answered 401'): readonly Answered[] {
  const fallbacks = Array.from({ length: 16 }, (_, i) => `${i + 1} of 16`);
  return NAMES.flatMap((name): Answered[] => {
    const expected = CASES[name].expects;
    const answer = wrong.includes(name) ? other[expected] : expected;
    const row = { name, answer, said } as const;
    return name === 'fallback' ? fallbacks.map((which) => ({ ...row, which })) : [row];
  });
}

function checked(given: readonly Answered[], names = 63, request = 'GET http://10.0.0.1/me'): Checked {
  const rows = judged(given);
  const [target, pod] = [`Deployment/${'a'.repeat(names)}`, 'b'.repeat(names)];
  return { target, pod, request, result: fitness(rows), rows };
}
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const again = (kept: ReturnType<typeof keptPods>[number]) => judged(withUnsent(answersIn(kept)));

describe('what is kept of one service', () => {
  it('keeps what passed by name, and says the same of it', () => {
    const [kept] = keptPods([checked(answers())]);
    expect(kept).toMatchObject({ result: 'Fit', passed: NAMES, answers: [], request: 'GET http://10.0.0.1/me' });
    expect(kept).not.toHaveProperty('omitted');
    expect(fitness(again(kept!), true)).toBe('Fit');
  });

  it.each(NAMES)('keeps a wrong answer to %s, with what came back', (name) => {
    const whole = judged(answers([name]));
    const [kept] = keptPods([checked(answers([name]))]);
    expect(kept?.answers).toContainEqual(expect.objectContaining({ case: name, said: 'it answered 401' }));
    const said = (rows: typeof whole) => rows.map((row) => `${row.name}: ${row.verdict} ${row.note ?? ''}`);
    expect(new Set(said(again(kept!)))).toEqual(new Set(said(whole)));
    expect(fitness(again(kept!))).toBe(kept?.result);
  });

  it('keeps all answers of a case of which one is not as expected', () => {
    const given = answers().map((row) => (row.which === '7 of 16' ? { ...row, answer: 'refused' as const } : row));
    const [kept] = keptPods([checked(given)]);
    expect(kept?.answers.map(({ which, verdict }) => `${which} ${verdict}`)).toHaveLength(16);
    expect(kept?.answers[0]).toMatchObject({ case: 'fallback', which: '7 of 16', verdict: 'Fail' });
  });
});

describe('what is kept of many', () => {
  // it is the longest that Kubernetes takes, and text that JSON writes as six characters each
  it.each([
    ['that all fail and say a lot', answers(NAMES, '\u0001'.repeat(4_000)), 63],
    ['of the longest names', answers(NAMES, 'x'.repeat(4_000)), 253],
    [
      'that fail at every second question',
      answers(
        NAMES.filter((_, i) => i % 2 === 0),
        'ü'.repeat(4_000),
      ),
      63,
    ],
    ['that are fit', answers(), 253],
  ] as const)('stays below 16 KiB: services %s', (_, given, length) => {
    const pods = Array.from({ length: 16 }, () => checked(given, length, `GET http://x/${'ä'.repeat(9_000)}`));
    const kept = keptPods(pods);
    expect(bytes(kept)).toBeLessThan(15_360);
    expect(kept.map(({ result }) => result)).toEqual(pods.map(({ result }) => result));
    for (const [i, each] of kept.entries()) {
      const left = answersIn(each);
      expect(left.filter(({ name }) => name === 'fallback').length).toBeGreaterThan(0);
      expect(new Set(left.map(({ name }) => name))).toEqual(new Set(NAMES));
      // an unfit one stays unfit, and none becomes better than it is
      if (pods[i]?.result === 'Unfit') expect(fitness(again(each))).toBe('Unfit');
      else expect(['Unknown', pods[i]?.result]).toContain(fitness(again(each)));
    }
  });

  it('says of 16 fit services of usual names that they are fit', () => {
    const pods = Array.from({ length: 16 }, () => checked(answers(), 40));
    expect(keptPods(pods).map((each) => fitness(again(each)))).toEqual(pods.map(() => 'Fit'));
  });

  it('leaves the worst answers of one, and says that others are left out', () => {
    const pods = Array.from({ length: 16 }, () => checked(answers(NAMES, 'x'.repeat(4_000))));
    const [kept] = keptPods(pods);
    expect(kept?.answers[0]?.verdict).toBe('Fail');
    expect(kept?.omitted).toBeGreaterThan(0);
    const lost = answersIn(kept!).filter(({ said }) => said.includes('--target'));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.every(({ answer }) => answer === 'unknown')).toBe(true);
  });
});
