/**
 * The view of rotations that are followed: pure. What others have written is on one line and without control characters before it
 * gets here or is made so here, and all escape codes are of {@link painted}.
 */
import { oneLine } from '../../rotation/people/text.ts';
import { pendingIn } from '../../rotation/requests/requests.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { type Course, stagesOf } from './course.ts';
import { elapsedText, expectedOf } from './expected.ts';
import { hintsOf, sharedHint } from './hints.ts';
import { hintLines, type Row, rowLines, type Stages, stageLine, stagePiece } from './layout.ts';
import { type Line, type Piece, painted } from './paint.ts';
import type { Subject } from './subject.ts';
import { targetLines, targetSum } from './targets.ts';
import { meaningNow, nameOf, nextText } from './words.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** How many lines each part may have. */
interface Detail {
  readonly spaced: boolean;
  readonly meaning: boolean;
  readonly targets: 'each' | 'sum';
  /** Most lines of what is in the way. */
  readonly obstacle: number;
  readonly hints: number;
}

/** From all to little: a terminal that is short gets the first that fits. */
const DETAILS: readonly Detail[] = [
  { spaced: true, meaning: true, targets: 'each', obstacle: 12, hints: 9 },
  { spaced: false, meaning: true, targets: 'each', obstacle: 12, hints: 9 },
  { spaced: false, meaning: false, targets: 'each', obstacle: 4, hints: 1 },
  { spaced: false, meaning: false, targets: 'sum', obstacle: 2, hints: 1 },
  { spaced: false, meaning: false, targets: 'sum', obstacle: 1, hints: 0 },
];

/**
 * @param now milliseconds since the epoch, by the clock of the API server
 * @returns lines of at most `columns`, and fewer than `rows`: the cursor stands below them
 */
export function view(subjects: readonly Subject[], now: number, size: Size): readonly string[] {
  const most = Math.max(1, size.rows - 1);
  const whole = DETAILS.map((detail) => framed(subjects, now, size.columns, detail)).find(
    (lines) => lines.length <= most,
  );
  const lines = whole ?? collapsed(subjects, now, most);
  return lines.map((line) => painted(line, size.columns, size.colour));
}

function framed(subjects: readonly Subject[], now: number, columns: number, detail: Detail): readonly Line[] {
  const own = subjects.length === 1 ? detail : { ...detail, hints: 0 };
  const blocks = subjects.map((subject) => block(subject, now, columns, own));
  const shared = subjects.length > 1 && detail.hints > 0 ? hintLines(sharedHint(subjects), columns) : [];
  const gap: readonly Line[] = detail.spaced ? [[]] : [];
  return [
    ...blocks.flatMap((lines, i) => (i === 0 ? lines : [...gap, ...lines])),
    ...(shared.length > 0 ? gap : []),
    ...shared,
  ];
}

function collapsed(subjects: readonly Subject[], now: number, most: number): readonly Line[] {
  const lines = subjects.map((subject) => summary(subject, now));
  if (lines.length <= most) return lines;
  const more = lines.length - most + 1;
  return [...lines.slice(0, most - 1), [{ text: `and ${more} more`, style: 'faint' }]];
}

/** One of them on one line. */
function summary(subject: Subject, now: number): Line {
  const { resource, hindrance, note } = subject;
  const trouble = note ?? hindrance;
  return [
    { text: nameOf(subject), style: 'strong' },
    { text: '  ' },
    standing(subject),
    ...(trouble === undefined ? [] : [{ text: `  ${trouble}`, style: 'warning' as const }]),
    { text: `  ${nextText(subject, now)}` },
    ...targetSum(resource, subject.course, Number.POSITIVE_INFINITY),
  ];
}

function block(subject: Subject, now: number, columns: number, detail: Detail): readonly Line[] {
  const gap: readonly Line[] = detail.spaced ? [[]] : [];
  const { resource, course } = subject;
  const hasTargets = (resource.status?.targets ?? []).length > 0;
  const targets = !hasTargets
    ? []
    : detail.targets === 'each'
      ? targetLines(resource, course, columns)
      : [targetSum(resource, course, columns)];
  const hints = hintsOf(subject).slice(0, detail.hints);
  return [
    headLine(subject),
    ...(course === undefined ? [] : [stageLine(stagesIn(course, subject.over), columns)]),
    ...(targets.length > 0 ? gap : []),
    ...targets,
    ...gap,
    ...rows(subject, now, columns, detail),
    ...(hints.length > 0 ? gap : []),
    ...hints.flatMap((hint) => hintLines(hint, columns)),
  ];
}

function headLine(subject: Subject): Line {
  const { status } = subject.resource;
  const { rotation, currentKeyId } = status ?? {};
  const { course } = subject;
  const last = subject.over === undefined ? undefined : status?.history?.[0];
  const { from, to } = rotation ?? last ?? {};
  const keys =
    from !== undefined && to !== undefined ? `key ${from} → ${to}` : `key ${currentKeyId ?? 'not known yet'}`;
  return [
    { text: nameOf(subject), style: 'strong' },
    ...(course === undefined ? [{ text: '  at rest', style: 'good' as const }] : []),
    ...(course?.way === 'Emergency' ? [{ text: '  EMERGENCY', style: 'bad' as const }] : []),
    { text: `  ${oneLine(keys)}`, style: 'faint' },
  ];
}

function isCutOff(over: Subject['over']): boolean {
  return over?.good === false;
}

function stagesIn({ way, stage }: Course, over: Subject['over']): Stages {
  return { stages: stagesOf(way), stage, isBack: way === 'RollBack', isCutOff: isCutOff(over) };
}

function standing({ course, over }: Subject): Piece {
  if (course === undefined) return { text: 'at rest', style: 'good' };
  return stagePiece(course.stage, 0, isCutOff(over));
}

function rows(subject: Subject, now: number, columns: number, detail: Detail): readonly Line[] {
  const { hindrance, note, over } = subject;
  const meaning = meaningNow(subject);
  const told: readonly Row[] = [
    ...(detail.meaning && meaning !== undefined && over === undefined ? [['now', meaning.does] as const] : []),
    ...(over === undefined ? [['next', nextText(subject, now)] as const] : []),
    ...timeRows(subject, now),
    ...pendingRows(subject),
    ...(note === undefined ? [] : [['problem', note, 'bad'] as const]),
    ...(hindrance === undefined ? [] : [['in the way', hindrance, 'warning'] as const]),
  ];
  return rowLines(told, columns, detail.obstacle);
}

function timeRows({ resource, course, since, over, opensAt }: Subject, now: number): readonly Row[] {
  const last = resource.status?.history?.[0];
  if (course === undefined) {
    if (last === undefined) return [];
    const took = Date.parse(last.finishedAt ?? '') - Date.parse(last.startedAt ?? '');
    const time = Number.isNaN(took) ? '' : ` in ${formatDuration(took)}`;
    return [['last', oneLine(`${last.outcome}${time}: ${last.from ?? '–'} → ${last.to ?? '–'}`)]];
  }
  const { startedAt } = course;
  const elapsedMs = Math.max(0, (over?.at ?? now) - (startedAt ?? since));
  if (over !== undefined) return [['lasted', formatDuration(elapsedMs)]];
  if (startedAt === undefined) return [['waiting', elapsedText(elapsedMs, undefined)]];
  // the rotations before it say nothing of how long a window stays closed
  return [['elapsed', elapsedText(elapsedMs, opensAt === undefined ? expectedOf(resource, course) : undefined)]];
}

function pendingRows({ resource, course, over }: Subject): readonly Row[] {
  if (course === undefined || course.startedAt === undefined || over !== undefined) return [];
  const count = pendingIn(resource).length;
  if (count === 0) return [];
  return [['queued', `${count === 1 ? 'one request waits' : `${count} requests wait`} for the end of this rotation`]];
}
