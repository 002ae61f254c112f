/**
 * The parts that views are made of: the line of stages, rows with a label, hints.
 */
import { type Line, type Piece, type Style, widthOf, wrapped } from './paint.ts';

/** A sentence, and the command that it ends with. */
export interface Hint {
  readonly text: string;
  readonly command?: string;
}

/** One with a style is of trouble. */
export type Row = readonly [label: string, text: string, style?: Style];

/** Where something is: one of the stages, the last of which is `done`. */
export interface Stages {
  readonly stages: readonly string[];
  /** Comes before them if it is none of them. */
  readonly stage: string;
  readonly isBack: boolean;
  /** It has ended before it was done. */
  readonly isCutOff: boolean;
}

/** All stages on one line; on a narrower terminal without a sign for each that is over, or the one where it is alone. */
export function stageLine({ stages: known, stage, isBack, isCutOff }: Stages, columns: number): Line {
  const stages = known.includes(stage) ? known : [stage, ...known];
  const at = stages.indexOf(stage);
  const pieces = stages.map((each, i) => stagePiece(each, i - at, isCutOff));
  const plain = pieces.map((each, i): Piece => (i < at ? { text: stages[i] ?? '', style: 'good' } : each));
  const back: Line = isBack ? [{ text: 'going back: ', style: 'warning' }] : [];
  const whole = [pieces, plain].map((each) => [...back, ...joined(each)]);
  const fitting = whole.find((line) => line.reduce((sum, { text }) => sum + widthOf(text), 0) <= columns);
  if (fitting !== undefined) return fitting;
  const next = pieces[at + 1];
  const step: Line = [...pieces.slice(at, at + 1), { text: ` (${at + 1} of ${stages.length})`, style: 'faint' }];
  return [...back, ...step, ...(next === undefined ? [] : [ARROW, next])];
}

const ARROW: Piece = { text: ' → ', style: 'faint' };

function joined(pieces: Line): Line {
  return pieces.flatMap((each, i) => (i === 0 ? [each] : [ARROW, each]));
}

/** @param distance from where it is: less than 0 is over, more than 0 is to come */
export function stagePiece(stage: string, distance: number, isCutOff: boolean): Piece {
  if (distance < 0 || (distance === 0 && stage === 'done')) return { text: `✓ ${stage}`, style: 'good' };
  if (distance > 0) return { text: stage, style: 'faint' };
  return isCutOff ? { text: `✗ ${stage}`, style: 'bad' } : { text: `● ${stage}`, style: 'now' };
}

/** A command begins a line of its own where it would be broken: people copy it. */
export function hintLines({ text, command }: Hint, columns: number): readonly Line[] {
  const whole = command === undefined ? text : `${text}: ${command}`;
  const lines =
    command === undefined || widthOf(whole) <= columns
      ? wrapped(whole, columns)
      : [...wrapped(`${text}:`, columns), ...wrapped(command, columns - 2).map((line) => `  ${line}`)];
  return lines.map((line): Line => [{ text: line, style: 'faint' }]);
}

/**
 * @param most lines of a text in trouble
 * @returns the labels below each other, each with its text beside it
 */
export function rowLines(rows: readonly Row[], columns: number, most: number): readonly Line[] {
  const width = Math.max(0, ...rows.map(([label]) => label.length)) + 4;
  return rows.flatMap(([label, text, style]) =>
    hanging(label, text, { width, columns, most: style === undefined ? 3 : most, ...(style && { style }) }),
  );
}

interface Hanging {
  readonly width: number;
  readonly columns: number;
  readonly most: number;
  readonly style?: Style;
}

/** A label, and its text beside it; on a narrow terminal the text goes below. */
function hanging(label: string, text: string, { width, columns, most, style }: Hanging): readonly Line[] {
  const indent = columns < 60 ? 4 : width;
  const first = columns < 60 ? `  ${label}: ` : `  ${label}`.padEnd(width);
  // the label takes part in the first line: a word as wide as it stands for it
  const [head = '', ...others] = wrapped(`${'x'.repeat(first.length - indent)}${text}`, columns - indent);
  const kept = [head.slice(first.length - indent), ...others];
  const lines = kept.length > most ? [...kept.slice(0, most - 1), kept.slice(most - 1).join(' ')] : kept;
  return lines.map((line, i) => [
    { text: i === 0 ? first : ' '.repeat(indent), style: 'faint' },
    { text: line, ...(style && { style }) },
  ]);
}
