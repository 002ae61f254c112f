/** Values and whole .env files, made up and from life, for readers and the editor. */
import fc from 'fast-check';

/** A variable, for those who know them. */
const BRACED = '$'.concat('{X}');
const MARKS = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ \t\x01\x7f\v\f'];

/** Each mark first, last and in the middle; and what readers are known to expand, cut or trim. */
export const VALUES: readonly Buffer[] = [
  ...MARKS.flatMap((mark) => [`ab${mark}cd`, `${mark}abcd`, `abcd${mark}`]),
  ...[
    '',
    'true',
    'null',
    '0123',
    'export',
    'a,b,c',
    'a==',
    'a=b',
    '{a,b}',
    '~/x',
    'a:~b',
    '%s',
    '%%',
    '!!',
    'a$',
    '$X',
  ],
  ...[
    BRACED,
    `a${BRACED.replace('}', ':-y}')}b`,
    '$(echo x)',
    '\\n',
    'a\\tb',
    'a\\\\b',
    "a\\'b",
    'a\\"b',
    '\\$X',
    '\\u0041',
    '\\x41',
    '\\101',
  ],
  ...[
    'a b',
    ' #x',
    'a #x',
    'a#x',
    'a\nb',
    'a\rb',
    'a\r\nb',
    'é',
    'aéb',
    'ключ',
    '🔑',
    'a\u00a0b',
    '\u00a0a',
    'a\u00a0',
  ],
  ...['a\u2028b', '\ufeffa', '5a'.repeat(32), 'x'.repeat(100_000), `${'ab'.repeat(16)},${'cd'.repeat(16)}`],
  ...['aB3+/aB3+/aB3+/aB3+/aB3+/aB3+/aB3+/aB3+/w==', 'eyJrIjoi_-eyJrIjoi_-'],
]
  .map((text) => Buffer.from(text))
  .concat([Buffer.from([0x61, 0xe9, 0x62])]);

const TOKENS = [
  'a',
  'b1',
  'Zz9',
  "'",
  '"',
  '`',
  '\\',
  '#',
  ' ',
  ' #',
  '$X',
  BRACED,
  '=',
  ':',
  '\n',
  '\r',
  'é',
  '(',
  ')',
];
const MORE_TOKENS = ['<', '{', '\t', '\\n', ';', '&', '~', ',', '-', '/', '!', '%', '\u00a0', '\u2028', '\v'];
const odd = fc.array(fc.constantFrom(...TOKENS, ...MORE_TOKENS), { maxLength: 6 }).map((tokens) => tokens.join(''));
const usual = fc.constantFrom(
  ...['abc', '', 'key-1,key_2', "'a b'", '"a b"', "'a#b'", 'a/b+c==', '"x$"', "'$x'", "''", '""', 'http://h:1/p?q=1'],
  ...['postgres://u:p@db:5432/app', '"it is"', '\'say "hi"\'', '"don\'t"', 'true', '1', '5'.repeat(64), '\'{"a": 1}\''],
);
const value = fc.oneof(
  { weight: 12, arbitrary: usual },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: odd.map((text) => `'${text.replaceAll("'", '')}'`) },
  { weight: 1, arbitrary: odd.map((text) => `"${text.replaceAll('"', '')}"`) },
);
const often = <T>(first: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(first) }, { weight: 1, arbitrary: fc.constantFrom(first, ...others) });
const assignment = fc
  .tuple(
    often('', ' ', '\t', 'export ', 'export ', 'export  ', 'export\t'),
    fc.constantFrom('A', 'B', 'C', 'JWT_KEY', 'x.y', 'a-b', '9Z'),
    often('=', ' = ', '= ', ' =', ': ', ':', '\t='),
    value,
    often('', ' ', '\t', ' # c', '#c', " # don't", ' x'),
  )
  .map((parts) => parts.join(''));
const other = often(
  '# comment',
  '',
  '',
  "# don't",
  '  ',
  '#A=b',
  ' # x',
  '# x\\',
  '; x',
  'NAME',
  'export A',
  '=x',
  "'q'",
  'a b',
);

/** Files as people write them, most lines usual, some odd in every way that is known. */
export const envTexts: fc.Arbitrary<string> = fc
  .tuple(
    often('', '\ufeff'),
    fc.array(fc.tuple(fc.oneof({ weight: 4, arbitrary: assignment }, other), often('\n', '\r\n')), {
      minLength: 1,
      maxLength: 6,
    }),
    fc.boolean(),
  )
  .map(([bom, lines, final]) => {
    const text = bom + lines.map((line) => line.join('')).join('');
    return final ? text : text.replace(/\r?\n$/, '');
  });
