/** `doctor`: the questions that people ask when something is wrong, each with a verdict, its evidence, and what to do. */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { isForbidden } from '../../rotation/people/errors.ts';
import type { Leadership } from '../../rotation/people/leadership.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { fileTrouble } from '../../rotation/people/text.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { specFindings } from '../../rotation/settings/spec-checks.ts';
import { askCanaries } from '../check-canary.ts';
import type { Format } from '../formats.ts';
import { columns, machineText, printResult } from '../output.ts';
import { planFrom, statusObstacles } from '../plan.ts';
import { readInput } from '../read-input.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';
import { podStartsOf } from './app-check.ts';
import type { Check, DoctorFacts, Verdict } from './check.ts';
import { findingChecks } from './from-findings.ts';
import { lookChecks, operatorCheck } from './from-looks.ts';
import { leakChecks } from './leak.ts';
import { reportOf, type TokenReport } from './tokens.ts';

export interface DoctorFlags {
  readonly output?: Format;
  readonly canary?: true;
  readonly tokens?: string;
}

const MAX_TOKEN_BYTES = 16 * 1024 * 1024;
const SHOWN: Readonly<Record<Verdict, string>> = {
  Ok: 'ok',
  Problem: 'PROBLEM',
  Unknown: 'unknown',
  NotChecked: 'not checked',
};

/** @returns failed if there is a problem, not ready if something is not known that could be */
export async function doctor(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { output, canary, tokens: path }: DoctorFlags,
): Promise<Exit> {
  const before = await operations.get(name);
  const tokens = path === undefined ? undefined : await tokensIn(path, settingsOf(before.spec).maxTokenTtlMs);
  const asked = canary ? await askCanaries(operations, terminal, name) : undefined;
  const canaries = asked !== undefined && 'answer' in asked ? asked.answer : undefined;
  const resource = canary ? await operations.get(name) : before;
  const facts = await factsOf(operations, terminal, resource);
  const checks = checksOf({
    ...facts,
    ...defined({ tokens, canaries }),
  });
  const record = { resource: `${resource.metadata.namespace}/${name}`, checks };
  printResult(terminal, machineText(record, output), checksText(record.resource, checks));
  return exitOf(checks);
}

/** @returns all answers, in the order in which people ask */
export function checksOf(facts: DoctorFacts): readonly Check[] {
  return [...leakChecks(facts), operatorCheck(facts), ...findingChecks(facts), ...lookChecks(facts)];
}

/** @returns failed before not ready before done; checks that were not made do not count */
export function exitOf(checks: readonly Check[]): Exit {
  if (checks.some(({ verdict }) => verdict === 'Problem')) return EXIT.failed;
  return checks.some(({ verdict }) => verdict === 'Unknown') ? EXIT.notReady : EXIT.done;
}

async function factsOf(operations: Operations, terminal: Terminal, resource: JwtKeyRotation): Promise<DoctorFacts> {
  const [leadership, examination] = await Promise.all([operations.leadership(resource), operations.examine(resource)]);
  const plan = await planSeen(operations, terminal, resource, leadership);
  const clockOffsetMs = operations.clockOffsetMs();
  return { resource, now: terminal.now(), clockOffsetMs, leadership, examination, ...plan };
}

/** For people who may not read the workloads, uses what the operator has found. */
async function planSeen(
  operations: Operations,
  terminal: Terminal,
  resource: JwtKeyRotation,
  leadership: Leadership,
): Promise<Pick<DoctorFacts, 'obstacles' | 'warnings' | 'blind' | 'podStarts'>> {
  const invalid = specFindings(resource.spec);
  if (invalid.length > 0) {
    return { obstacles: invalid, warnings: [], blind: 'nobody looks at them before the spec is right' };
  }
  try {
    const surroundings = await operations.surroundings(resource);
    const { obstacles, warnings } = planFrom(resource, surroundings, leadership, 'now', terminal.now());
    return { obstacles, warnings, podStarts: podStartsOf(surroundings.targets) };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return {
      obstacles: statusObstacles(resource, leadership, terminal.now()),
      warnings: [],
      blind: `you may not look: ${error.message}`,
    };
  }
}

async function tokensIn(path: string, maxTokenTtlMs: number): Promise<TokenReport> {
  const bytes = await readInput(path, MAX_TOKEN_BYTES).catch((error: unknown) => {
    throw new CommandError(`--tokens ${path}: ${fileTrouble(error)}`, EXIT.usage);
  });
  if (bytes.length > MAX_TOKEN_BYTES) {
    throw new CommandError(
      `--tokens ${path}: it is longer than ${MAX_TOKEN_BYTES} bytes; give fewer tokens`,
      EXIT.usage,
    );
  }
  const report = reportOf(bytes.toString('latin1'), maxTokenTtlMs);
  bytes.fill(0);
  if (report.tokens + report.encrypted > 0) return report;
  throw new CommandError(`--tokens ${path}: there is no token in it; write one on each line`, EXIT.usage);
}

/** @returns the table, and what to do about problems */
export function checksText(resource: string, checks: readonly Check[]): string {
  const rows = checks.map(({ verdict, question, evidence }) => [SHOWN[verdict], question, evidence]);
  const todo = checks.filter(({ verdict, remedy }) => verdict !== 'Ok' && remedy !== undefined);
  const counts = (['Problem', 'Unknown', 'NotChecked', 'Ok'] as const).map((verdict) => {
    return `${checks.filter((check) => check.verdict === verdict).length} ${SHOWN[verdict]}`;
  });
  return [
    `${resource}\n`,
    columns([['VERDICT', 'QUESTION', 'EVIDENCE'], ...rows], '  '),
    ...(todo.length === 0 ? [] : ['\nWhat to do\n']),
    columns(
      todo.map(({ verdict, question, remedy = '' }) => [SHOWN[verdict], question, remedy]),
      '  ',
    ),
    `\n${counts.join(', ')}\n`,
  ].join('');
}
