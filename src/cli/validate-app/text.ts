/** Shows the verdicts on a service: a table, and what to change. */
import { defined } from '../../base/objects.ts';
import { type CaseName, caseOf } from '../../rotation/conformance/cases.ts';
import {
  type Answered,
  acceptsEverything,
  type Fitness,
  fitness,
  type Judged,
} from '../../rotation/conformance/judge.ts';
import { columns } from '../output.ts';

const SHOWN = { Pass: 'pass', Fail: 'FAIL', Advice: 'advice', Unknown: 'unknown' } as const;

/** One service and its answers. */
export interface Validated {
  /** Such as `Deployment/api, pod api-1`; absent if the request shows it. */
  readonly who?: string;
  /** The request for people, without its token. */
  readonly request: string;
  readonly rows: readonly Judged[];
}

/** @returns the request, what rekey needs, what is advice, and what to change */
export function validatedText({ who, request, rows }: Validated, strict: boolean): string {
  const silence = silenceIn(rows);
  if (silence !== undefined) {
    const [, url = request] = /^\S+ (\S+)/.exec(request) ?? [];
    return `${who === undefined ? '' : `${who}: `}nothing answers at ${url} (${silence}): is the service running?\n`;
  }
  const required = rows.filter((row) => row.required);
  const advice = rows.filter((row) => !row.required);
  const indented = request.replaceAll(/^/gm, '  ');
  return [
    ...(who === undefined ? [] : [`${who}\n`]),
    `${indented}\n`,
    tableText('Needed for a rotation', required),
    tableText('Advice', advice),
    notesText(rows),
    changesText(rows),
    `\n${resultText(rows, strict)}\n`,
  ].join('');
}

/** By the code of the error. */
const SILENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'no such host',
};

/** @returns why no request was answered at all; undefined if one was, or the certificate was refused */
function silenceIn(rows: readonly Judged[]): string | undefined {
  const unheard = /^(?:it did not answer|it was not asked|it was not sent|nothing was sent|\d+ more were not tried)/;
  if (!rows.every(({ answer, said }) => answer === 'unknown' && unheard.test(said))) return undefined;
  const [, why] = /^it did not answer \((.+)\)$/.exec(rows[0]?.said ?? '') ?? [];
  return why === undefined ? undefined : (SILENCES[why] ?? why);
}

function tableText(title: string, rows: readonly Judged[]): string {
  const head = ['VERDICT', 'SENT', 'EXPECTED', 'ANSWERED'];
  const table = rows.map(({ verdict, sent, expected, answer, said }) => [
    ...[SHOWN[verdict], sent, expected, answer === 'unknown' ? `unknown: ${said}` : `${answer}: ${said}`],
  ]);
  return `\n${title}\n${columns([head, ...table], '  ')}`;
}

/** Why answers that meet the expectation prove nothing. */
function notesText(rows: readonly Judged[]): string {
  const notes = [...new Set(rows.flatMap(({ note }) => note ?? []))];
  return notes.length === 0 ? '' : `\n${notes.map((note) => `unknown: ${note}\n`).join('')}`;
}

function changesText(rows: readonly Judged[]): string {
  const wrong = rows.filter(({ verdict }) => verdict === 'Fail' || verdict === 'Advice');
  const names = [...new Set(wrong.map(({ name }) => name))];
  const texts = groupsOf(names).map((group) => changeText(group, wrong));
  return texts.length === 0 ? '' : `\nWhat to change\n${texts.join('')}`;
}

/** Groups cases with the same remedy. */
function groupsOf(names: readonly CaseName[]): readonly (readonly CaseName[])[] {
  const key = (name: CaseName) => `${caseOf(name).why} ${caseOf(name).change}`;
  return [...Map.groupBy(names, key).values()];
}

function changeText(names: readonly CaseName[], wrong: readonly Judged[]): string {
  const [name] = names;
  if (name === undefined) return '';
  const { why, change, lines = [], page, required } = caseOf(name);
  const sent = wrong.filter((row) => names.includes(row.name)).map((row) => row.sent);
  const rows = lines.map(([library, line]) => [library, line]);
  return [
    `\n  ${required ? 'FAIL' : 'advice'}: ${sent.join('; ')}\n`,
    `    ${why}\n`,
    `    Change: ${change}\n`,
    columns(rows, '      '),
    `    See ${page}\n`,
  ].join('');
}

function resultText(rows: readonly Judged[], strict: boolean): string {
  const count = (verdict: Judged['verdict'], required: boolean) =>
    rows.filter((row) => row.verdict === verdict && row.required === required).length;
  const advice = count('Advice', false);
  const needed = rows.filter(({ required }) => required).length;
  const tail = advice === 0 ? '' : `; advice on ${advice} more`;
  if (acceptsEverything(rows)) {
    return 'NOT FIT: it accepts everything, also a text that is no token: the path verifies nothing';
  }
  const are = (number: number) => (number === 1 ? 'is' : 'are');
  const [wrong, unknown] = [count('Fail', true), count('Unknown', true)];
  const open = unknown === 0 ? '' : `, ${unknown} ${are(unknown)} not known`;
  switch (fitness(rows, strict)) {
    case 'Unfit':
      return `NOT FIT: ${wrong} of the ${needed} answers that a rotation needs ${are(wrong)} wrong${open}${tail}`;
    case 'Unknown':
      return `UNKNOWN: ${unknown} of the ${needed} answers that a rotation needs ${are(unknown)} not known${tail}`;
    case 'Fit':
      return `FIT: all ${needed} answers that a rotation needs are right${tail}`;
  }
}

/** For programs. */
export function validatedRecord({ who, request, rows }: Validated, strict: boolean): object {
  const result: Fitness = fitness(rows, strict);
  return {
    ...defined({ who }),
    ...{ request, result, acceptsEverything: acceptsEverything(rows as readonly Answered[]) },
    rows: rows.map(({ name, which, sent, expected, answer, said, required, verdict, note }) => {
      const { why, change, lines, page } = caseOf(name);
      const isWrong = verdict === 'Fail' || verdict === 'Advice';
      return {
        ...{ case: name, ...defined({ which }), sent, expected, answer, said, required, verdict },
        ...defined({ note }),
        ...(isWrong && { why, change, page, ...(lines && { lines: Object.fromEntries(lines) }) }),
      };
    }),
  };
}
