/** Objects as maps of fields. */
import { expect, it } from 'vitest';
import { defined } from '../../../src/kube/objects.ts';

it('a field without a value is left out, and one whose value is empty stays', () => {
  const fields = { none: undefined, empty: '', zero: 0, no: false, absent: null };
  expect(Object.entries(defined(fields))).toEqual([
    ['empty', ''],
    ['zero', 0],
    ['no', false],
    ['absent', null],
  ]);
});
