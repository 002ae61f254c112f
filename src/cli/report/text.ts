/**
 * A report for the terminal.
 */
import { oneLine } from '../../rotation/people/text.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { columns } from '../output.ts';
import { emergencyWords } from './emergency.ts';
import type { Report } from './model.ts';
import { proofsOf } from './proofs.ts';
import { afterText, ageText, atText, chainText, clockText, startedBy, stateText } from './words.ts';

const INDENT = '  ';

/** @returns a page of text; foreign texts stay in their line */
export function reportText(report: Report): string {
  const { rotation, inferred, notRecorded } = report;
  const words = emergencyWords(report);
  const what = words === undefined ? `rotation ${rotation.seq}` : `EMERGENCY, record ${rotation.seq}`;
  const outcome = `${oneLine(rotation.outcome)}${words === undefined ? '' : `: ${words.verdict}`}`;
  const parts = [
    `${oneLine(rotation.resource)}: ${what}, ${outcome}\n${columns(headRows(report), INDENT)}`,
    ...(words === undefined
      ? []
      : [
          listed('What was leaked', words.leaked, ''),
          listed('When it died', words.died, ''),
          listed('What was lost', words.lost, ''),
        ]),
    report.notes.length === 0 ? '' : listed('Note', report.notes, ''),
    section('Phases', phaseRows(report)),
    section('Services', serviceRows(report)),
    section('Which pod had loaded which keys', proofRows(report)),
    section('Keys', keyRows(report)),
    listed('Concluded, not observed', inferred, 'the record names no conclusion'),
    listed('Not recorded', notRecorded, 'nothing but what is called "not recorded" above'),
    listed('The audit log', [chainText(report.chain), `Source: ${report.source}`], ''),
  ];
  return `${parts.filter((part) => part !== '').join('\n')}`;
}

function headRows({ rotation, seconds, ...report }: Report): string[][] {
  const { startedAt, finishedAt, from, to, reason, failure, environment, emergency } = rotation;
  return [
    ['environment', environment],
    ['started', atText(startedAt)],
    ['ended', `${atText(finishedAt)}, after ${formatDuration(seconds * 1000)}`],
    ['started by', startedBy({ rotation, seconds, ...report })],
    ...(reason === '' ? [] : [['reason', reason]]),
    ...(failure === undefined ? [] : [['failure', failure]]),
    ...(emergency === undefined ? [] : [['burnt keys gone', `${emergency.seconds} s after the new key was written`]]),
    ['key', `${from.kid} → ${to.kid}`],
  ];
}

function phaseRows({ phases }: Report): string[][] {
  if (phases.length === 0) return [];
  const rows = phases.map(({ number, phase, at, endedAt, meaning }) => {
    return [String(number), phase, atText(at), afterText(at, endedAt), meaning];
  });
  return [['', 'PHASE', 'BEGAN', 'LASTED', 'WHAT HELD'], ...rows];
}

function serviceRows({ rotation: { targets } }: Report): string[][] {
  if (targets.length === 0) return [];
  const rows = targets.map(({ kind, name, pods, level, ackedAt }) => {
    return [`${kind}/${name}`, String(pods), level, ackedAt === undefined ? 'not recorded' : atText(ackedAt)];
  });
  return [['TARGET', 'PODS', 'KNOWN BY', 'LAST POD ANSWERED'], ...rows];
}

function proofRows(report: Report): string[][] {
  const rows = proofsOf(report).map(({ target, pod, phase, at }) => {
    const time = at === undefined ? 'concluded from its start' : clockText(at);
    return [target, pod, phase.phase, time, at === undefined ? '–' : afterText(phase.at, at)];
  });
  return rows.length === 0 ? [] : [['TARGET', 'POD', 'PHASE', 'PROVED', 'AFTER THE WRITE'], ...rows];
}

function keyRows({ keys }: Report): string[][] {
  const rows = keys.map((key) => {
    return [key.kid, key.part, ageText(key), key.fingerprint ?? 'not recorded', stateText(key)];
  });
  return [['KEY ID', 'PART', 'KNOWN TO REKEY FOR', 'FINGERPRINT', 'NOW'], ...rows];
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `${title}\n${columns(rows, INDENT)}`;
}

function listed(title: string, sentences: readonly string[], none: string): string {
  const lines = sentences.length === 0 ? [none] : sentences;
  return `${title}\n${lines.map((line) => `${INDENT}${oneLine(line)}\n`).join('')}`;
}
