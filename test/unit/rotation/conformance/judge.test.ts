/** What answers prove: every rule of judge.ts by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CASES, type CaseName, caseOf } from '../../../../src/rotation/conformance/cases.ts';
import {
  type Answered,
  acceptsEverything,
  fitness,
  judged,
  type Verdict,
  withUnsent,
} from '../../../../src/rotation/conformance/judge.ts';
import type { Answer } from '../../../../src/rotation/facts.ts';

const NAMES = Object.keys(CASES) as CaseName[];

/** All as expected, but for these. */
function answers(other: Partial<Record<CaseName, Answer>> = {}): readonly Answered[] {
  return NAMES.map((name) => ({ name, answer: other[name] ?? caseOf(name).expects, said: 'it answered' }));
}

function verdictsOf(given: readonly Answered[]): Readonly<Record<string, Verdict>> {
  return Object.fromEntries(judged(given).map(({ name, verdict }) => [name, verdict]));
}

const REQUIRED = NAMES.filter((name) => caseOf(name).required);
const REFUSED = NAMES.filter((name) => caseOf(name).expects === 'refused');
const everything = answers(Object.fromEntries(NAMES.map((name) => [name, 'accepted'])));
const nothing = answers(Object.fromEntries(NAMES.map((name) => [name, 'refused'])));

it.each([...new Set(NAMES.map((name) => caseOf(name).page))])(
  'names a page that there is, and a heading in it: %s',
  (page) => {
    const [file = '', anchor] = page.split('#');
    const text = readFileSync(join(import.meta.dirname, '../../../..', file), 'utf8');
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    );
    if (anchor !== undefined) expect(anchors).toContain(anchor);
  },
);

describe('a service', () => {
  it('is fit if all is as expected', () => {
    const rows = judged(answers());
    expect(rows.every(({ verdict, note }) => verdict === 'Pass' && note === undefined)).toBe(true);
    expect([fitness(rows), fitness(rows, true), acceptsEverything(answers())]).toEqual(['Fit', 'Fit', false]);
  });

  it.each(REQUIRED.filter((name) => !['signing-key', 'signing-key-again'].includes(name)))(
    'is unfit by a wrong answer that a rotation needs: %s',
    (name) => {
      const wrong = caseOf(name).expects === 'accepted' ? 'refused' : 'accepted';
      const given = answers({ [name]: wrong });
      expect(verdictsOf(given)[name]).toBe('Fail');
      expect(fitness(judged(given))).toBe('Unfit');
    },
  );

  it.each(NAMES.filter((name) => !caseOf(name).required))('gets advice, and stays fit: %s', (name) => {
    const given = answers({ [name]: caseOf(name).expects === 'accepted' ? 'refused' : 'accepted' });
    expect(verdictsOf(given)[name]).toBe('Advice');
    expect([fitness(judged(given)), fitness(judged(given), true)]).toEqual(['Fit', 'Unfit']);
  });

  it.each(NAMES)('is not known where an answer is missing, and no better for it: %s', (name) => {
    const given = answers({ [name]: 'unknown' });
    expect(verdictsOf(given)[name]).toBe('Unknown');
    const { required } = caseOf(name);
    expect([fitness(judged(given)), fitness(judged(given), true)]).toEqual([required ? 'Unknown' : 'Fit', 'Unknown']);
  });

  it.each(REQUIRED)('is not known where an operator of another version has not asked: %s', (name) => {
    const asked = answers().filter((answered) => answered.name !== name);
    expect(fitness(judged(withUnsent(asked)))).toBe('Unknown');
    expect(withUnsent(answers())).toEqual(answers());
  });

  it('is known by nothing if nothing was sent', () => {
    expect([fitness([]), acceptsEverything([])]).toEqual(['Unknown', false]);
  });
});

describe('a refusal', () => {
  it.each(['refused', 'unknown'] as const)('proves nothing if the good token is %s', (answer) => {
    const verdicts = verdictsOf(answers({ 'signing-key': answer }));
    expect(REFUSED.map((name) => verdicts[name])).toEqual(REFUSED.map(() => 'Unknown'));
    expect(verdicts['signing-key']).toBe(answer === 'refused' ? 'Fail' : 'Unknown');
  });

  it('of everything is one failure, and tells no more', () => {
    const verdicts = verdictsOf(nothing);
    expect(Object.values(verdicts).filter((verdict) => verdict === 'Fail')).toHaveLength(1);
    expect(verdicts['signing-key']).toBe('Fail');
  });

  it('proves nothing if the good token is refused at the end', () => {
    const verdicts = verdictsOf(answers({ 'signing-key-again': 'refused' }));
    expect(REFUSED.map((name) => verdicts[name])).toEqual(REFUSED.map(() => 'Unknown'));
    expect([verdicts['signing-key'], verdicts['signing-key-again']]).toEqual(['Pass', 'Fail']);
    expect(verdictsOf(answers({ 'signing-key-again': 'unknown' })).expired).toBe('Unknown');
  });

  it('of a fallback is none while the good token is refused too', () => {
    expect(verdictsOf(answers({ 'signing-key': 'refused', fallback: 'refused' })).fallback).toBe('Unknown');
  });
});

describe('an acceptance', () => {
  it.each(['made-up-key', 'made-up-key-known-id', 'garbage'] as const)('proves nothing beside one of %s', (name) => {
    const verdicts = verdictsOf(answers({ [name]: 'accepted' }));
    expect([verdicts['signing-key'], verdicts.fallback, verdicts[name]]).toEqual(['Unknown', 'Unknown', 'Fail']);
  });

  it('proves nothing if nothing is known to be refused', () => {
    const silent = answers({ 'made-up-key': 'unknown', 'made-up-key-known-id': 'unknown', garbage: 'unknown' });
    expect(verdictsOf(silent)['signing-key']).toBe('Unknown');
  });

  it('proves nothing if only what is no token is known to be refused', () => {
    const decoded = answers({ 'made-up-key': 'unknown', 'made-up-key-known-id': 'unknown' });
    expect(verdictsOf(decoded)['signing-key']).toBe('Unknown');
  });

  it('of everything is seen, and fails', () => {
    expect(acceptsEverything(everything)).toBe(true);
    expect(fitness(judged(everything))).toBe('Unfit');
    expect(acceptsEverything(answers({ garbage: 'accepted' }))).toBe(false);
  });
});
