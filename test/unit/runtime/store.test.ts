import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf, Store, splitKey } from '../../../src/runtime/store.ts';
import { isOlder } from '../../../src/runtime/version.ts';

const at = (resourceVersion: string, name = 'a', namespace = 'shop') => ({ namespace, name, resourceVersion });
const item = (resourceVersion: string, value: string, name = 'a') => ({ version: at(resourceVersion, name), value });

function build() {
  const changes: unknown[] = [];
  const errors: unknown[] = [];
  const store = new Store<string>({ onHandlerError: (error) => errors.push(error) });
  store.onChange((key, old, current) => changes.push([key, old, current]));
  return { store, changes, errors };
}

test('a key is namespace/name, or the name alone', () => {
  expect(keyOf({ namespace: 'shop', name: 'a' })).toBe('shop/a');
  expect(keyOf({ name: 'a' })).toBe('a');
  expect(splitKey('shop/a')).toEqual({ namespace: 'shop', name: 'a' });
  expect(splitKey('a')).toEqual({ name: 'a' });
});

test('handlers are told of each change, with what was before', () => {
  const { store, changes } = build();
  store.take(at('1'), 'one');
  store.take(at('2'), 'two');
  store.remove(at('3'));
  expect(changes).toEqual([
    ['shop/a', undefined, 'one'],
    ['shop/a', 'one', 'two'],
    ['shop/a', 'two', undefined],
  ]);
});

test('a handler that throws keeps neither the change nor the other handlers from happening', () => {
  const { store, errors } = build();
  const seen: string[] = [];
  store.onChange(() => {
    throw new Error('oops');
  });
  store.onChange((key) => seen.push(key));
  store.take(at('1'), 'one');
  expect(store.get('shop/a')).toBe('one');
  expect(seen).toEqual(['shop/a']);
  expect(errors).toHaveLength(1);
});

test('a handler that was taken away hears nothing', () => {
  const { store } = build();
  const seen: string[] = [];
  const remove = store.onChange((key) => seen.push(key));
  remove();
  store.take(at('1'), 'one');
  expect(seen).toEqual([]);
});

test('lists by namespace, and forgets an empty one', () => {
  const { store } = build();
  store.take(at('1', 'a', 'x'), 'xa');
  store.take(at('2', 'b', 'x'), 'xb');
  store.take(at('3', 'a', 'y'), 'ya');
  expect(store.list('x')).toEqual(['xa', 'xb']);
  expect(store.list()).toEqual(['xa', 'xb', 'ya']);
  expect(store.list('z')).toEqual([]);
  store.remove(at('4', 'a', 'y'));
  expect(store.list('y')).toEqual([]);
  expect(store.size).toBe(2);
  expect(store.keys()).toEqual(['x/a', 'x/b']);
});

describe('never goes back', () => {
  test('an event that is older or comes twice changes nothing; versions are numbers, not texts', () => {
    const { store, changes } = build();
    expect(store.take(at('10'), 'ten')).toBe(true);
    expect(store.take(at('9'), 'nine')).toBe(false);
    expect(store.take(at('10'), 'again')).toBe(false);
    expect(store.take(at('100000000000000000000'), 'huge')).toBe(true);
    expect(store.get('shop/a')).toBe('huge');
    expect(changes).toHaveLength(2);
  });

  test('the deletion of an earlier object of the same name does not remove the later one', () => {
    const { store } = build();
    store.take(at('12'), 'second');
    expect(store.remove(at('11'))).toBe(false);
    expect(store.get('shop/a')).toBe('second');
  });

  test('an event from before a deletion does not bring the object back, one from after it does', () => {
    const { store } = build();
    store.take(at('10'), 'first');
    store.remove(at('12'));
    expect(store.take(at('11'), 'late')).toBe(false);
    expect(store.take(at('13'), 'anew')).toBe(true);
  });

  test('a new object is taken even if an event of a later one came first', () => {
    const { store } = build();
    store.take(at('12', 'b'), 'b');
    store.advance('12');
    expect(store.take(at('11', 'a'), 'a')).toBe(true);
  });

  test('the late answer to an own write does not bring a deleted object back', () => {
    const { store } = build();
    store.replaceAll([], '20', { mayGoBack: false });
    expect(store.upsert(at('15'), 'deleted meanwhile')).toBe(false);
    expect(store.upsert(at('21'), 'just written')).toBe(true);
  });

  test('an own write is seen at once and stays through an older list', () => {
    const { store } = build();
    store.replaceAll([item('5', 'old')], '10', { mayGoBack: false });
    store.upsert(at('12'), 'written');
    store.upsert(at('13', 'b'), 'created');
    store.replaceAll([item('5', 'old')], '11', { mayGoBack: false });
    expect(store.list()).toEqual(['written', 'created']);
  });

  test('a version that is no number counts as new', () => {
    const { store } = build();
    store.take(at('abc'), 'one');
    expect(store.take(at('abd'), 'two')).toBe(true);
    expect(store.isRewind('abc')).toBe(false);
  });
});

describe('a list', () => {
  test('tells handlers of the differences only', () => {
    const { store, changes } = build();
    store.replaceAll([item('1', 'a'), item('2', 'b', 'b')], '5', { mayGoBack: false });
    changes.length = 0;
    store.replaceAll([item('1', 'a'), item('6', 'c', 'c')], '7', { mayGoBack: false });
    expect(changes).toEqual([
      ['shop/b', 'b', undefined],
      ['shop/c', undefined, 'c'],
    ]);
  });

  test('that may go back tells nothing of what is the same', () => {
    const { store, changes } = build();
    store.replaceAll([item('5', 'a')], '20', { mayGoBack: false });
    changes.length = 0;
    store.replaceAll([item('5', 'a')], '7', { mayGoBack: true });
    expect(changes).toEqual([]);
  });

  test('that is older than what was told before is a rewind', () => {
    const { store } = build();
    store.replaceAll([], '10', { mayGoBack: false });
    store.advance('15');
    expect(store.isRewind('14')).toBe(true);
    expect(store.isRewind('15')).toBe(false);
  });

  test('with an older object than was seen, that covers the newer one, contradicts', () => {
    const { store } = build();
    store.replaceAll([item('10', 'a')], '20', { mayGoBack: false });
    expect(store.contradicts([item('5', 'a')], '20')).toBe(true);
    expect(store.contradicts([item('10', 'a'), item('3', 'b', 'b')], '20')).toBe(false);
    // a list from before, and one that cannot be compared
    expect(store.contradicts([item('5', 'a')], '9')).toBe(false);
    expect(store.contradicts([item('abc', 'a')], '20')).toBe(false);
  });

  test('that may go back is the truth', () => {
    const { store } = build();
    store.replaceAll([item('10', 'new'), item('11', 'b', 'b')], '20', { mayGoBack: false });
    store.replaceAll([item('5', 'old')], '7', { mayGoBack: true });
    expect(store.list()).toEqual(['old']);
    expect(store.isRewind('8')).toBe(false);
    expect(store.take(at('8', 'b'), 'again')).toBe(true);
  });
});

test('whatever order events come in, and however often, the store ends as with the events in order', () => {
  const event = fc.record({ name: fc.constantFrom('a', 'b', 'c'), kind: fc.constantFrom('set', 'delete') });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (history, random) => {
      const events = history.map((entry, index) => ({ ...entry, version: String(index + 1) }));
      const shuffled = [...events, ...events]
        .map((entry) => ({ entry, rank: random.next().value ?? 0 }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ entry }) => entry);
      const ends = [events, shuffled].map((order) => {
        const { store } = build();
        for (const { name, kind, version } of order) {
          if (kind === 'delete') store.remove(at(version, name));
          else store.take(at(version, name), version);
        }
        return Object.fromEntries(store.keys().map((key) => [key, store.get(key)]));
      });
      expect(ends[1]).toEqual(ends[0]);
    }),
  );
});

test('what is dropped is told as gone, and comes back at the same version', () => {
  const { store, changes } = build();
  store.take(at('5'), 'one');
  store.take(at('6', 'b', 'other'), 'two');
  store.drop((namespace) => namespace === 'other');
  expect([store.keys(), store.list('shop')]).toEqual([['other/b'], []]);
  store.replaceAll([item('5', 'one'), { version: at('6', 'b', 'other'), value: 'two' }], '9', { mayGoBack: false });
  expect(changes.slice(2)).toEqual([
    ['shop/a', 'one', undefined],
    ['shop/a', undefined, 'one'],
  ]);
});

test.each([
  ['9', '10', true],
  ['10', '10', false],
  ['11', '10', false],
  ['abc', '10', false],
  ['9', undefined, false],
])('version %s is older than %s: %s', (version, other, expected) => {
  expect(isOlder({ resourceVersion: version }, { ...(other && { resourceVersion: other }) })).toBe(expected);
});
