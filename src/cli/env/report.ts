/**
 * How rows and findings are written: a table that fits the screen, and findings as compilers write them.
 */
import type { Assessment, EnvRow } from '../../env/assess.ts';
import type { EnvFinding } from '../../env/finding.ts';
import { oneLine } from '../../rotation/people/text.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { hung } from '../fold.ts';
import { columns } from '../output.ts';

interface Column {
  readonly head: string;
  readonly cell: (row: EnvRow, now: number) => string;
}

/** Without these a row says nothing. */
const ESSENTIAL: readonly Column[] = [
  { head: 'ENVIRONMENT', cell: ({ environment }) => environment },
  { head: 'SERVICE', cell: ({ service }) => service },
  { head: 'KEY', cell: ({ fingerprint }) => fingerprint ?? '–' },
  { head: 'IN STEP', cell: stepText },
];
/** As far as there is room, in this order. */
const FURTHER: readonly Column[] = [
  { head: 'AGE', cell: ageText },
  { head: 'DUE', cell: dueText },
  { head: 'FILE', cell: ({ file, line }) => (line === undefined ? file : `${file}:${line}`) },
  { head: 'GIT', cell: gitText },
  { head: 'MODE', cell: ({ mode }) => mode ?? '–' },
];

/** @param width of the screen; all columns if absent */
export function tableText(rows: readonly EnvRow[], now: number, width = Number.POSITIVE_INFINITY): string {
  let text = textOf(ESSENTIAL, rows, now);
  const chosen = [...ESSENTIAL];
  for (const column of FURTHER) {
    const wider = textOf([...chosen, column], rows, now);
    if (widthOf(wider) > width) continue;
    chosen.push(column);
    text = wider;
  }
  return text;
}

function textOf(chosen: readonly Column[], rows: readonly EnvRow[], now: number): string {
  return columns([chosen.map(({ head }) => head), ...rows.map((row) => chosen.map(({ cell }) => cell(row, now)))]);
}

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}

function stepText({ inStep, why }: EnvRow): string {
  if (inStep === 'SourceOfTruth') return 'source';
  const word = inStep.toLowerCase();
  return why === undefined ? word : `${word}: ${why}`;
}

/** `≥`: the file has not changed since then, so the key is at least so old. */
function ageText({ writtenAt, writtenBy }: EnvRow, now: number): string {
  if (writtenAt === undefined) return '–';
  return `${writtenBy === 'State' ? '' : '≥'}${formatDuration(now - writtenAt, 1)}`;
}

function dueText({ dueAt, writtenBy }: EnvRow, now: number): string {
  if (dueAt === undefined) return '–';
  const isExact = writtenBy === 'State';
  if (now >= dueAt) return `${isExact ? '' : '≥'}${formatDuration(now - dueAt, 1)} ago`;
  return `in ${isExact ? '' : '≤'}${formatDuration(dueAt - now, 1)}`;
}

function gitText({ tracked, ignored, inRepository }: EnvRow): string {
  if (tracked === 'yes') return 'tracked';
  if (tracked === 'unknown' || ignored === 'unknown') return 'unknown';
  if (!inRepository) return '–';
  return ignored === 'yes' ? 'ignored' : 'not ignored';
}

/**
 * @returns each finding as `file:line: severity: message [Reason]`, with the commands that mend it below; files of which the same
 *   is to be said, together
 */
export function findingsText(findings: readonly EnvFinding[], width = Number.POSITIVE_INFINITY): string {
  const alike = ({ reason, severity, name, message, line, file }: EnvFinding) =>
    [reason, severity, name, message, line === undefined || `${file}:${line}`].join('\0');
  return [...Map.groupBy(findings, alike).values()].map((group) => groupText(group, width)).join('');
}

function groupText(group: readonly EnvFinding[], width: number): string {
  const [first, ...rest] = group;
  if (first === undefined) return '';
  const { file, line, severity, name, message, reason } = first;
  const place = line === undefined ? file : `${file}:${line}`;
  const about = name === undefined ? '' : `${name}: `;
  const more = [...new Set(rest.map((other) => other.file))].filter((other) => other !== file);
  const others = more.length === 0 ? '' : ` (and ${more.join(', ')})`;
  const text = oneLine(`${place}: ${severity}: ${about}${message}${others} [${reason}]`);
  const commands = [...new Set(group.flatMap(({ fix = [] }) => fix))];
  return `${hung(text, width, '    ')}\n${commands.map((command) => `    $ ${oneLine(command)}\n`).join('')}`;
}

/** @returns such as `2 errors, 1 warning` */
export function countText(findings: readonly EnvFinding[]): string {
  const count = (severity: EnvFinding['severity']) => {
    const found = findings.filter((finding) => finding.severity === severity).length;
    return found === 0 ? [] : [`${found} ${severity}${found === 1 ? '' : 's'}`];
  };
  return [...count('error'), ...count('warning')].join(', ') || 'nothing is off';
}

/** @returns whether there is an error among them */
export function hasErrors(findings: readonly EnvFinding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

/** @returns the same for programs: times as RFC 3339 */
export function assessmentRecord(assessment: Assessment): object {
  const iso = (ms: number) => new Date(ms).toISOString();
  const rows = assessment.rows.map(({ writtenAt, dueAt, ...row }) => ({
    ...row,
    ...(writtenAt !== undefined && { writtenAt: iso(writtenAt) }),
    ...(dueAt !== undefined && { dueAt: iso(dueAt) }),
  }));
  return { ...assessment, rows };
}
