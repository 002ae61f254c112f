/**
 * Lines for a terminal: pieces of plain text with a style each, so that a line can be cut and wrapped by what a terminal shows, and
 * no escape code is ever in two parts.
 */
import { styleText } from 'node:util';
import stringWidth from 'string-width';

/** What a piece means; which colour that is, {@link painted} says. */
export type Style = 'strong' | 'faint' | 'now' | 'good' | 'bad' | 'warning';

export interface Piece {
  readonly text: string;
  readonly style?: Style;
}

export type Line = readonly Piece[];

const COLOURS = {
  ...{ strong: 'bold', faint: 'dim', now: ['bold', 'cyan'], good: 'green', bad: ['bold', 'red'], warning: 'yellow' },
} as const satisfies Record<Style, Parameters<typeof styleText>[0]>;

const ELLIPSIS = '…';
const signs = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** @returns how many columns of a terminal the text takes */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** @returns the text, or its beginning and an ellipsis, in at most so many columns */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return columns < 1 ? '' : `${head(text, columns - 1)}${ELLIPSIS}`;
}

/** @returns the text with spaces up to so many columns, or cut */
export function fitted(text: string, columns: number): string {
  const short = cut(text, columns);
  return short + ' '.repeat(Math.max(0, columns - widthOf(short)));
}

/** @returns lines of at most so many columns, broken at words; a word that is longer is broken itself */
export function wrapped(text: string, columns: number): readonly string[] {
  const width = Math.max(2, columns);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((each) => chopped(each, width))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** @returns the line as it is written, in at most so many columns */
export function painted(line: Line, columns: number, colour: boolean): string {
  let left = columns;
  const whole = line.reduce((sum, { text }) => sum + widthOf(text), 0);
  const parts: string[] = [];
  for (const [i, { text, style }] of line.entries()) {
    const isLast = i === line.length - 1;
    // the piece that does not fit says so, and so does one that is followed by what does not
    const shown = whole <= columns ? text : isLast || widthOf(text) >= left ? cut(`${text} `, left).trimEnd() : text;
    left -= widthOf(shown);
    if (shown !== '') parts.push(colour && style !== undefined ? coloured(shown, style) : shown);
    if (left <= 0) break;
  }
  return parts.join('');
}

function coloured(text: string, style: Style): string {
  // whether there are colours was asked of the terminal before
  return styleText([COLOURS[style]].flat(), text, { validateStream: false });
}

function head(text: string, columns: number): string {
  let part = '';
  let width = 0;
  for (const { segment } of signs.segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    part += segment;
  }
  return part;
}

function chopped(word: string, width: number): readonly string[] {
  const parts: string[] = [];
  let rest = word;
  while (widthOf(rest) > width) {
    const part = head(rest, width);
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return [...parts, rest];
}
