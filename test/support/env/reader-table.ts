/** The table of docs/reference/env-readers.md: what each reader takes from a line. */
import type { Read } from './readers.ts';

interface Row {
  /** The line as the page shows it. */
  readonly label: string;
  readonly bytes: Buffer;
  /** What the line is taken for where it is known: the value of KEY. */
  readonly value: string;
}

const BEFORE = 'A=1\n';
const row = (line: string, value: string, label = `\`${line.replaceAll('|', '\\|')}\``, before = BEFORE): Row => ({
  label,
  bytes: Buffer.from(`${before}${line}\nZ=2\n`),
  value,
});

/** One for each way in which readers may differ. */
export const ROWS: readonly Row[] = [
  row('KEY=abc-_./+=:,@%^', 'abc-_./+=:,@%^'),
  row("KEY='a b#c$d\"e\\f'", 'a b#c$d"e\\f'),
  row('KEY="a b#c\'d"', "a b#c'd"),
  row('KEY=', ''),
  row('export KEY=abc', 'abc'),
  row('KEY = abc', 'abc'),
  row('KEY=abc\r', 'abc', '`KEY=abc` with CRLF', 'A=1\r\n'),
  row('KEY=first\nKEY=abc', 'abc', '`KEY=first`, then `KEY=abc`'),
  row('KEY=first\nexport KEY=abc', 'abc', '`KEY=first`, then `export KEY=abc`'),
  row('KEY=abc', 'abc', '`KEY=abc` directly behind a byte order mark', '\ufeff'),
  row('KEY: abc', 'abc'),
  row('export\tKEY=abc', 'abc', '`export`, tab, `KEY=abc`'),
  row('KEY= ', '', '`KEY=` with a blank behind it'),
  row('KEY=abc # note', 'abc'),
  row("KEY='abc' # note", 'abc'),
  row('KEY=a#b', 'a#b'),
  row('KEY=a b', 'a b'),
  row('KEY=a$b', 'a$b'),
  row('KEY=a\\b', 'a\\b'),
  row("KEY=it's", "it's"),
  row('KEY="a$b"', 'a$b'),
  row('KEY="a\\nb"', 'a\nb'),
  row('KEY="a\\"b"', 'a"b'),
  row("KEY='a\\'b'", "a'b"),
  row("KEY='a\\\\b'", 'a\\\\b'),
  row(`KEY='a${'$'}{B}c'`, `a${'$'}{B}c`),
  row('KEY=`abc`', 'abc', '`` KEY=`abc` ``'),
  row("KEY='a\nb'", 'a\nb', "`KEY='a`, line break, `b'`"),
  row('# note \\\nKEY=abc', 'abc', '`# note \\`, then `KEY=abc`'),
];

/** @param reads what a reader read from each row @returns what it makes of them, as in the page */
export function rowCells(reads: readonly Read[]): readonly string[] {
  return ROWS.map(({ label, value }, i) => {
    const read = reads[i];
    if (read === undefined) return `${label}: refuses`;
    const found = read.get('KEY');
    return `${label}: ${found === undefined ? 'nothing' : found.equals(Buffer.from(value)) ? 'yes' : 'other'}`;
  });
}
