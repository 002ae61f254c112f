/**
 * The targets of a rotation: a bar of the pods that have acknowledged, and one pod of those that are waited for.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../rotation/api/types.ts';
import { oneLine } from '../../rotation/people/text.ts';
import type { Course } from './course.ts';
import { cut, fitted, type Line, type Piece, widthOf } from './paint.ts';

type Target = NonNullable<JwtKeyRotationStatus['targets']>[number];

/** Stages in which only verifiers are asked. */
const OF_VERIFIERS = ['preflight', 'staging', 'staged', 'aborting'];

interface Row {
  readonly name: string;
  readonly counts: string;
  readonly target: Target;
  /** Whether this stage asks anything of its pods. */
  readonly isAsked: boolean;
}

/** @returns a line for each target */
export function targetLines(resource: JwtKeyRotation, course: Course | undefined, columns: number): readonly Line[] {
  const rows = rowsOf(resource, course);
  const nameWidth = Math.min(Math.max(0, ...rows.map(({ name }) => widthOf(name))), Math.floor(columns * 0.4));
  const countWidth = Math.max(0, ...rows.map(({ counts }) => widthOf(counts)));
  const barWidth = columns >= 100 ? 20 : columns >= 60 ? 10 : 0;
  return rows.flatMap((row) => {
    const bar: Line = barWidth === 0 ? [] : [...barOf(row, barWidth), { text: '  ' }];
    const start: Line = [
      { text: `  ${fitted(row.name, nameWidth)}  ` },
      ...bar,
      { text: fitted(row.counts, countWidth), ...(isComplete(row) && { style: 'good' as const }) },
    ];
    // on a narrow terminal the name of a pod has a line of its own
    if (barWidth === 0) return [start, [{ text: '    ' }, waitText(row, columns - 4)]].filter(hasText);
    const left = columns - start.reduce((sum, { text }) => sum + widthOf(text), 0) - 2;
    const wait = waitText(row, left);
    return [wait.text === '' ? start : [...start, { text: '  ' }, wait]];
  });
}

function hasText(line: Line): boolean {
  return line.some(({ text }) => text.trim() !== '');
}

/** @returns all targets on one line */
export function targetSum(resource: JwtKeyRotation, course: Course | undefined, columns: number): Line {
  const rows = rowsOf(resource, course).filter(({ isAsked }) => isAsked);
  const sum = (of: (target: Target) => number) => rows.reduce((count, { target }) => count + of(target), 0);
  const [acked, pods] = [sum((target) => target.acked), sum((target) => target.pods)];
  const text = `  ${acked} of ${pods} pods acknowledged`;
  const waiting = rows.find(({ target }) => target.waitingFor !== undefined);
  if (waiting === undefined) return [{ text }];
  const more = pods - acked - 1;
  const left = columns - widthOf(text) - 2;
  return [{ text: `${text}  ` }, { text: waitingText(waiting.target, more, left), style: 'faint' }];
}

function rowsOf({ spec, status }: JwtKeyRotation, course: Course | undefined): readonly Row[] {
  return (status?.targets ?? []).map((target) => {
    const { kind, name, acked, pods } = target;
    const settings = spec.targets.find((each) => each.kind === kind && each.name === name);
    const isVerifier = settings?.roles?.includes('Verifier') ?? true;
    const isAsked = isVerifier || course === undefined || !OF_VERIFIERS.includes(course.stage);
    return { name: oneLine(`${kind}/${name}`), counts: isAsked ? `${acked}/${pods}` : '–', target, isAsked };
  });
}

function isComplete({ target: { acked, pods }, isAsked }: Row): boolean {
  return isAsked && acked >= pods;
}

function barOf({ target: { acked, pods }, isAsked }: Row, width: number): Line {
  // a bar is full only when no pod is missing, and empty only when none is there
  const share = pods === 0 ? 1 : acked / pods;
  const full = acked >= pods ? width : Math.min(width - 1, Math.ceil(share * width));
  if (!isAsked || pods === 0) return [{ text: '·'.repeat(width), style: 'faint' }];
  return [
    { text: '█'.repeat(full), style: acked >= pods ? 'good' : 'now' },
    { text: '░'.repeat(width - full), style: 'faint' },
  ];
}

function waitText({ target, isAsked }: Row, columns: number): Piece {
  const { pods, acked, waitingFor, level } = target;
  if (!isAsked) return { text: cut('only signs: not asked in this phase', columns), style: 'faint' };
  if (pods === 0) return { text: cut('no pod runs', columns), style: 'faint' };
  if (acked >= pods)
    return { text: level === 'Inferred' ? cut('inferred from start times', columns) : '', style: 'faint' };
  if (waitingFor === undefined) return { text: '' };
  return { text: waitingText(target, pods - acked - 1, columns) };
}

/** @param more pods that are waited for besides; they are counted also where the name must be cut */
function waitingText({ waitingFor }: Target, more: number, columns: number): string {
  const { pod = '', why } = waitingFor ?? {};
  const others = more > 0 ? ` +${more}` : '';
  const name = oneLine(pod);
  const begin = 'waits for ';
  const short = `${begin}${cut(name, Math.max(1, columns - widthOf(begin) - widthOf(others)))}${others}`;
  const whole = why === undefined ? short : `${begin}${name} (${oneLine(why)})${others}`;
  return widthOf(whole) <= columns ? whole : cut(short, columns);
}
