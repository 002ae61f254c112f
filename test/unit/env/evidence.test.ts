/** What several probes of one service prove together. */
import { expect, it } from 'vitest';
import { concluded, type Evidence, isOpen, noted, PROBES, type Sight } from '../../../src/env/evidence.ts';

const NEW: Sight = { loaded: { kind: 'Loaded', by: 'Canary' }, newest: true, older: false };
const OLD: Sight = { loaded: { kind: 'Behind', why: 'x' }, newest: false, older: true };
const BOTH: Sight = { loaded: { kind: 'Behind', why: 'x' }, newest: true, older: true };
const ONE: Sight = { loaded: { kind: 'OneKey', why: 'x' }, newest: false, older: true };
const NOTHING: Sight = { loaded: { kind: 'Unfit', why: 'x' }, newest: false, older: true };
const ANYTHING: Sight = { loaded: { kind: 'Unfit', why: 'x' }, newest: false, older: false };
const SILENT: Sight = { loaded: { kind: 'Unknown', why: 'x' }, newest: false, older: false };
const SILENT_OLD: Sight = { ...SILENT, older: true };
const times = (sight: Sight, count = PROBES) => Array.from({ length: count }, () => sight);

/** @param settled whether the service had its time to restart */
function judged(sights: readonly Sight[], settled = true) {
  const all = sights.reduce<Evidence | undefined>(
    (before, sight) => noted(before, sight, { version: 2, restartedAt: 0 }, settled),
    undefined,
  );
  if (all === undefined) throw new Error('no probe');
  return [concluded(all).kind, isOpen(all)];
}

it.each<[string, readonly Sight[], string, boolean]>([
  ['one answer alone', [NEW], 'Partly', true],
  ['one answer too few', times(NEW, PROBES - 1), 'Partly', true],
  ['enough in a row', times(NEW), 'Loaded', false],
  ['an old process that ends', [OLD, OLD, ...times(NEW)], 'Loaded', false],
  ['a new process and then an old one', [NEW, OLD], 'Fickle', false],
  ['the same, whatever comes after it', [NEW, OLD, ...times(NEW)], 'Fickle', false],
  ['keys of both versions at once', [BOTH], 'Fickle', false],
  ['one that is loaded, and then not', [...times(NEW), OLD], 'Fickle', false],
  ['enough, with no answer in between', [...times(NEW, PROBES - 1), SILENT, SILENT, NEW], 'Loaded', false],
  ['too few, and then no answer', [...times(NEW, PROBES - 1), SILENT], 'Partly', false],
  ['enough, and then no answer', [...times(NEW), SILENT], 'Partly', false],
  ['the same, until it answers again', [...times(NEW), SILENT, NEW], 'Loaded', false],
  ['no answer alone', [SILENT, SILENT], 'Unknown', false],
  ['an old process, and then no answer', [OLD, SILENT], 'Unknown', false],
  ['a new process, and then half an answer of an old one', [NEW, SILENT_OLD], 'Fickle', false],
  ['one key, once', [ONE], 'Partly', true],
  ['one key, again and again', times(ONE), 'OneKey', false],
  ['one key, and then both', [...times(ONE, 3), NEW, ONE], 'Fickle', false],
  ['no key, again and again', times(NOTHING), 'Unfit', false],
  ['a made-up key, once', [ANYTHING, ...times(NEW)], 'Unfit', false],
])('is proved by %s', (_, sights, kind, open) => {
  expect(judged(sights)).toEqual([kind, open]);
});

it('allows both versions while the service restarts', () => {
  expect(judged([NEW, OLD, BOTH], false)).toEqual(['Behind', false]);
  expect(judged([NEW, OLD, ...times(NEW)], false)).toEqual(['Loaded', false]);
});

it('counts anew after half an answer of an old process', () => {
  expect(judged([...times(NEW, PROBES - 1), SILENT_OLD, NEW], false)).toEqual(['Partly', true]);
});

it('says how often it has answered, and why it does not now', () => {
  const [first, ...others] = [
    ...times(NEW, 12),
    { ...SILENT, loaded: { kind: 'Unknown', why: 'it answered 429' } } as const,
  ];
  const about = { version: 2, restartedAt: 0 };
  const all = others.reduce(
    (before, sight) => noted(before, sight, about, true),
    noted(undefined, first ?? NEW, about, true),
  );
  expect(concluded(all)).toEqual({
    kind: 'Partly',
    why: expect.stringMatching(/answered alike 12 of 20 times so far.*it answered 429.*--watch/),
  });
});
