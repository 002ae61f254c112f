import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from '../../../src/kube/lines.ts';
import { collect, failure } from './fake-api.ts';

async function* chunksOf(bytes: Buffer, cuts: readonly number[]) {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

test('the lines are the same however the bytes are cut', async () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme' }).map((text) => text.replace(/\s/g, '_')),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(), { maxLength: 12 }), async (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const expected = lines.map((text) => Buffer.from(text).toString()).filter((text) => text !== '');
      expect(await collect(readLines(chunksOf(bytes, cuts), 10_000))).toEqual(expected);
    }),
  );
});

test('a line at the limit is taken, one byte more is refused, in one chunk or in many', async () => {
  const chunks = async function* (text: string) {
    for (const character of text) yield Buffer.from(character);
  };
  const whole = async function* (text: string) {
    yield Buffer.from(text);
  };
  for (const cut of [chunks, whole]) {
    expect(await collect(readLines(cut('12345\n'), 5))).toEqual(['12345']);
    expect(await failure(collect(readLines(cut('123456\n'), 5)))).toMatchObject({ name: 'LineError' });
  }
});

test('a line without end is refused as soon as it is too long, so that memory is bounded', async () => {
  let sent = 0;
  const endless = async function* () {
    for (;;) {
      sent += 10;
      yield Buffer.alloc(10, 0x78);
    }
  };
  expect(await failure(collect(readLines(endless(), 100)))).toMatchObject({ name: 'LineError' });
  expect(sent).toBe(110);
});
