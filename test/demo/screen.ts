import { stripVTControlCharacters, styleText } from 'node:util';

/** What the demo writes to: lines for everybody, and on a terminal one last line that is redrawn in place. */
export interface Screen {
  /** Writes a whole line. */
  line(text?: string): void;
  /**
   * Shows where things stand. On a terminal it replaces what the last call showed; elsewhere it is a line of its own,
   * and only when `change` differs from that of the last call: a log wants events, not frames.
   */
  progress(change: string, text: string): void;
  /** Shows what is being done until the next call, on a terminal only. */
  draft(text: string): void;
  /** Keeps what `progress` showed last. */
  settle(): void;
  /** Takes away what `progress` showed last, where that can be done. */
  clear(): void;
  /** Writes a last line; whatever is still under way is not heard any more. */
  end(text: string): void;
  readonly style: Styles;
}

/** Each gives the text back unchanged where colours are not wanted. */
export interface Styles {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

/** Colours follow NO_COLOR and FORCE_COLOR; `styleText` looks at the stream for both. @see https://no-color.org */
export function openScreen(stream: NodeJS.WriteStream = process.stdout): Screen {
  const live = stream.isTTY === true && process.env.TERM !== 'dumb';
  let drawn = false;
  let lastChange: string | undefined;
  let write = (text: string): void => void stream.write(text);
  const paint =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      styleText(format, text, { stream });
  const clear = (): void => {
    if (drawn) write('\r\u001b[2K');
    drawn = false;
    lastChange = undefined;
  };
  const settle = (): void => {
    if (drawn) write('\n');
    drawn = false;
    lastChange = undefined;
  };
  const draft = (text: string): void => {
    if (!live) return;
    clear();
    write(clip(text, (stream.columns ?? 80) - 1));
    drawn = true;
  };
  const line = (text = ''): void => {
    settle();
    write(`${text}\n`);
  };
  return {
    line,
    draft,
    progress: (change, text) => {
      draft(text);
      if (!live && change !== lastChange) write(`${text}\n`);
      lastChange = change;
    },
    settle,
    clear,
    end: (text) => {
      line();
      line(text);
      write = () => {};
    },
    style: { bold: paint('bold'), dim: paint('dim'), good: paint('green'), bad: paint(['red', 'bold']) },
  };
}

/** A line that wraps cannot be redrawn. A clipped one loses its colours. */
function clip(text: string, width: number): string {
  const plain = stripVTControlCharacters(text);
  return plain.length <= width ? text : plain.slice(0, width);
}

/** One column of {@link table}. */
export type Align = 'left' | 'right';

/**
 * Rows of equal columns, two blanks apart, indented by two.
 *
 * @param aligns of the columns; left where it is shorter
 */
export function table(rows: readonly (readonly string[])[], aligns: readonly Align[] = []): string[] {
  const length = (text: string): number => stripVTControlCharacters(text).length;
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, length(cell));
  const padded = (cell: string, i: number): string => {
    const blanks = ' '.repeat((widths[i] ?? 0) - length(cell));
    return aligns[i] === 'right' ? blanks + cell : cell + blanks;
  };
  return rows.map((row) => `  ${row.map(padded).join('  ')}`.trimEnd());
}

/** @returns 1,234 */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** @returns 12.3 s */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
