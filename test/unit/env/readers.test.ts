/** What the real readers of .env files read: the ground on which the parser says that a value is known. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { differenceOf, literalOf, type Quote } from '../../../src/env/dotenv/literal.ts';
import { parseEnv } from '../../../src/env/dotenv/parse.ts';
import { EnvError } from '../../../src/env/error.ts';
import { ROWS, rowCells } from '../../support/env/reader-table.ts';
import { findReaders, type Read, type Reader } from '../../support/env/readers.ts';
import { envTexts, VALUES } from '../../support/env/texts.ts';

const QUOTED = { none: '', single: "'", double: '"' } as const;
const STYLES = ['none', 'single', 'double'] as const;
/** All values that are the same for all in these quotes, in one file. */
const sameIn = (quote: Quote) => VALUES.filter((value) => differenceOf(quote, value) === undefined);
const line = (name: string, mark: string, value: Buffer) => [
  Buffer.from(`${name}=${mark}`),
  value,
  Buffer.from(`${mark}\n`),
];
const styled = STYLES.map((quote) =>
  Buffer.concat(sameIn(quote).flatMap((value, i) => line(`V${i}`, QUOTED[quote], value))),
);
const texts = fc.sample(envTexts, { numRuns: 150, seed: 5 });
const rows = ROWS.map(({ bytes }) => bytes);
const files = [...styled, ...rows, ...texts.map((text) => Buffer.from(text))];

/** What a reader read from each file. */
interface Results extends Reader {
  readonly styles: readonly Read[];
  readonly rows: readonly Read[];
  readonly texts: readonly Read[];
}
let readers: readonly Results[] = [];

beforeAll(async () => {
  const { found, missing } = await findReaders();
  for (const { name, why } of missing) console.warn(`SKIPPED reader of .env files: ${name}: ${why}`);
  console.log(`readers: ${found.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  readers = await Promise.all(found.map(async (reader) => ({ ...reader, ...split(await reader.read(files)) })));
}, 300_000);

/** All in one go, since most readers are programs that take a while to start. */
function split(reads: readonly Read[]) {
  const [one, two] = [styled.length, styled.length + rows.length];
  return { styles: reads.slice(0, one), rows: reads.slice(one, two), texts: reads.slice(two) };
}

describe('a value', () => {
  it.each(STYLES)('that needs no other quotes than %s is the same for all', (quote) => {
    const same = sameIn(quote);
    const at = STYLES.indexOf(quote);
    expect(same.length).toBeGreaterThan(40);
    const known = parseEnv(styled[at] as Buffer).assignments;
    expect(known.map(({ value }) => value?.toString())).toEqual(same.map(String));
    for (const { name, styles } of readers) {
      const wrong = same.filter((value, i) => !styles[at]?.get(`V${i}`)?.equals(value)).map(String);
      expect(wrong, name).toEqual([]);
    }
  });

  it('is kept in its quotes where it can be, and put into others where it must', () => {
    const written = (value: string, quote: Quote) => literalOf(Buffer.from(value), quote)?.toString();
    expect(written('abc', 'none')).toBe('abc');
    expect(written('abc', 'single')).toBe("'abc'");
    expect(written('abc', 'double')).toBe('"abc"');
    expect(written('abc', 'backtick')).toBe('abc');
    expect(written('a b', 'none')).toBe("'a b'");
    expect(written('a$b', 'double')).toBe("'a$b'");
    expect(written("it's", 'single')).toBe('"it\'s"');
    expect(written('it\'s "x"', 'none')).toBeUndefined();
    expect(written('a\nb', 'double')).toBeUndefined();
  });
});

describe('a file', () => {
  it('has no value that we know and a reader reads otherwise', () => {
    let known = 0;
    const wrong: string[] = [];
    for (const [i, text] of texts.entries()) {
      for (const [name, value] of knownOf(Buffer.from(text))) {
        known += 1;
        const others = readers.filter((each) => differs(each.texts[i], name, value) && !isShellOn(each.name, text));
        wrong.push(...others.map((each) => `${each.name}, ${name}: ${JSON.stringify(text)}`));
      }
    }
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(100);
  });

  // a reader that refuses the file, or takes no value at all, reads no other one
  const differs = (read: Read, name: string, value: Buffer) => read?.get(name)?.equals(value) === false;
  // the one difference that is put up with: a file with Windows' line breaks is not for a shell
  const isShellOn = (reader: string, text: string) => reader === 'sh' && text.includes('\r\n');
});

function knownOf(file: Buffer): ReadonlyMap<string, Buffer> {
  try {
    const last = new Map(parseEnv(file).assignments.map((each) => [each.name, each.value]));
    return new Map([...last].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
  } catch (error) {
    if (error instanceof EnvError) return new Map();
    throw error;
  }
}

it('stands in the reference as it is', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/env-readers.md'), 'utf8');
  const [head = '', , ...lines] = page.split('\n').filter((each) => each.startsWith('|'));
  const cells = (text: string) =>
    text
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
  const columns = cells(head);
  expect(lines.length).toBe(ROWS.length);
  for (const reader of readers) {
    const column = columns.indexOf(`${reader.name} ${reader.version}`);
    if (column === -1) console.warn(`NOT COMPARED with the reference: ${reader.name} ${reader.version}`);
    else expect(lines.map((each) => `${cells(each)[0]}: ${cells(each)[column]}`)).toEqual(rowCells(reader.rows));
  }
  const known = lines.map((each) => `${cells(each)[0]}: ${cells(each)[1]}`);
  expect(known).toEqual(ROWS.map(({ label, bytes }) => `${label}: ${knownOf(bytes).has('KEY') ? 'known' : 'refused'}`));
});
