/** Objects as maps of fields. */
import { expect, it } from 'vitest';
import { defined, ifDefined } from '../../../src/base/objects.ts';

it('a field without a value is left out, and one whose value is empty stays', () => {
  const fields = { none: undefined, empty: '', zero: 0, no: false, absent: null };
  expect(Object.entries(defined(fields))).toEqual([
    ['empty', ''],
    ['zero', 0],
    ['no', false],
    ['absent', null],
  ]);
});

it('a value is mapped if there is one, be it empty', () => {
  const made = [undefined, '', 0, false].map((value) => ifDefined(value, (some) => [some]));
  expect(made).toEqual([undefined, [''], [0], [false]]);
});

it('a field whose value maps to nothing is left out', () => {
  expect(defined({ line: ifDefined(3, () => undefined), name: ifDefined('api', (name) => name) })).toEqual({
    name: 'api',
  });
});
