/**
 * Lines that are longer than a terminal is wide, broken at words.
 */

/** Between columns of a table. */
const GAP = / {2,}(?=\S)/g;
/** A column that is narrower is not worth hanging under. */
const MIN_COLUMN = 24;

/** A command at the end of a sentence. */
const COMMAND = /^(.*?:) ((?:kubectl|rekey) .*)$/;

/**
 * Words are kept whole, so that a path can be copied, and so is a command at the end of a line, which gets a line of its own. What goes on hangs below the last column of its line, else a little below
 * the beginning of the line.
 *
 * @param columns of the terminal; undefined where there is none: nothing is broken
 */
export function fold(text: string, columns: number | undefined): string {
  if (columns === undefined || columns < 1) return text;
  return text
    .split('\n')
    .map((line) => (line.length <= columns ? line : broken(line, columns)))
    .join('\n');
}

function broken(line: string, columns: number): string {
  const starts = [...line.matchAll(GAP)].map(({ index, 0: gap }) => index + gap.length);
  const last = starts.findLast((start) => start <= columns - MIN_COLUMN);
  const indent = line.length - line.trimStart().length;
  const hang = ' '.repeat(last === undefined || last === indent ? Math.min(indent + 2, columns >> 1) : last);
  const [, before, command] = COMMAND.exec(line) ?? [];
  if (before !== undefined) return `${fold(before, columns)}\n${hang}${command}`;
  return hung(line, columns, hang);
}

/** @param hang what the second line and those after it begin with */
export function hung(line: string, columns: number, hang: string): string {
  const lines: string[] = [];
  let current = '';
  // a word, with the spaces before it
  for (const [piece] of line.matchAll(/ *[^ ]+/g)) {
    if (current.trim() === '' || current.length + piece.length <= columns) current += piece;
    else {
      lines.push(current);
      current = `${hang}${piece.trimStart()}`;
    }
  }
  return [...lines, current].join('\n');
}
