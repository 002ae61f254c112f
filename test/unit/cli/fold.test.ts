import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/cli/fold.ts';

describe('a text on a terminal', () => {
  it.each([
    ['short enough', 'one two\n  three  four\n', 20, 'one two\n  three  four\n'],
    ['with no terminal', 'one two three', undefined, 'one two three'],
    ['broken at words', 'one two three four', 9, 'one two\n  three\n  four'],
    ['with a word that is longer', 'a /a/path/that/is/long b', 10, 'a\n  /a/path/that/is/long\n  b'],
    [
      'hanging below its last column',
      '  ok   Is it there?  yes, it is there and has been for a while',
      45,
      '  ok   Is it there?  yes, it is there and has\n                     been for a while',
    ],
    [
      'hanging below the last column that leaves room',
      'reason  a long message with a gap near  the end of the line',
      40,
      'reason  a long message with a gap near\n        the end of the line',
    ],
    [
      'with its command on a line',
      'the rotation goes on. To see it again: kubectl rekey status my-jwt -n shop -w',
      30,
      'the rotation goes on. To see\n  it again:\n  kubectl rekey status my-jwt -n shop -w',
    ],
    [
      'with a command of kubectl on a line, too',
      'to delete it: kubectl delete replicaset -n shop api-1',
      30,
      'to delete it:\n  kubectl delete replicaset -n shop api-1',
    ],
    ['indented', '    see the page about services', 24, '    see the page about\n      services'],
  ])('is %s', (_, text, columns, wanted) => {
    expect(fold(text, columns)).toBe(wanted);
  });

  it('keeps every word and its order, at any width', () => {
    const text =
      '  VERDICT  QUESTION  EVIDENCE\n  ok       Is the operator there?  rekey-7d4b9 leads; it last reported a moment ago\n';
    for (let columns = 1; columns < 120; columns += 1) {
      expect(fold(text, columns).split(/\s+/)).toEqual(text.split(/\s+/));
    }
  });
});
