/**
 * Runs everything that must hold before a change goes in (`make test`), tells which test files took longest and what
 * failed, and ends with one line: `N passed, N failed`. Each check counts as one, and each test of vitest.
 *
 * Goes on after a failure. Exit status 1 if something failed, or if no test ran at all.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly cwd?: string;
}

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    readonly failureMessages?: readonly string[];
  }[];
  /** Milliseconds since the epoch. */
  readonly startTime: number;
  readonly endTime: number;
}

/** Projects of vitest; each run starts what its projects need, and no cluster stands idle while another goes on. */
const RUNS = [['unit', 'property'], ['apiserver']] as const;
const SLOWEST = 10;
/** Of a failed test so much is said again at the end: the reports above may be cut off. Characters. */
const REASON_LENGTH = 600;

const repoRoot = join(import.meta.dirname, '..', '..');

const checks: readonly Check[] = [
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'generated types', command: ['node', 'tools/gen-types.ts', '--check'] },
  { name: 'generated reference', command: ['node', 'tools/gen-reference.ts', '--check'] },
  { name: 'generated preload', command: ['node', 'tools/gen-preload.ts', '--check'] },
  { name: 'generated chart', command: ['node', 'tools/gen-chart.ts', '--check'] },
  { name: 'generated alerts', command: ['node', 'tools/gen-alerts.ts', '--check'] },
  { name: 'image', command: ['node', 'tools/image/image.ts', '--check'] },
  // a minute or two, on machines that have played all scenes before: elsewhere it says why not
  { name: 'e2e', command: ['node', 'test/e2e/e2e.ts', '--if-warm', '--only', 'env'] },
  { name: 'go vet', command: ['go', 'vet', './...'], cwd: join(repoRoot, 'examples', 'services', 'go') },
  { name: 'go vet of the keyring', command: ['go', 'vet', './...'], cwd: join(repoRoot, 'keyring', 'go') },
];

const dir = mkdtempSync(join(tmpdir(), 'rekey-checks-'));
try {
  process.exitCode = await main(dir);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function main(folder: string): Promise<number> {
  const failed: string[] = [];
  const reports: Report[] = [];
  for (const check of checks) {
    console.log(`--- ${check.name}`);
    if ((await run(check)) !== 0) failed.push(check.name);
  }
  console.log('--- tests');
  for (const projects of RUNS) {
    const report = await runTests(projects, join(folder, `${projects[0]}.json`));
    if (report === undefined) failed.push(`the tests of ${projects.join(' and ')}, outside of any file, see above`);
    else reports.push(report);
  }
  const files = reports.flatMap(({ testResults }) => testResults);
  const passedTests = sum(reports.map(({ numPassedTests }) => numPassedTests));
  const failedTests = sum(reports.map(({ numFailedTests }) => numFailedTests));
  const broken = files.filter(isBroken);
  for (const line of slowest(files)) console.log(line);
  for (const name of failed) console.log(`failed: ${name}`);
  for (const line of failures(files)) console.log(`failed: ${line}`);
  for (const { name, message } of broken) {
    console.log(
      `failed: ${relative(repoRoot, name)}: ${message === '' ? 'a set-up or a clean-up failed, see above' : message}`,
    );
  }
  const count = failed.length + failedTests + broken.length;
  console.log(`${checks.length - failed.length + passedTests} passed, ${count} failed`);
  return count === 0 ? 0 : 1;
}

/** @returns what was found; undefined if no test ran, and if something failed that is in no file */
async function runTests(projects: readonly string[], reportPath: string): Promise<Report | undefined> {
  const vitest = join(repoRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const which = projects.flatMap((project) => ['--project', project]);
  const code = await run({ name: 'tests', command: [process.execPath, vitest, 'run', ...which, ...reporters] });
  const report = readReport(reportPath);
  if (report === undefined) return undefined;
  if (report.numFailedTests > 0 || report.testResults.some(isBroken)) return report;
  return code === 0 && report.numPassedTests > 0 ? report : undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A file that cannot be loaded, and one whose set-up fails, fail no test of their own. */
function isBroken({ status, assertionResults }: FileReport): boolean {
  return status === 'failed' && assertionResults.every((result) => result.status !== 'failed');
}

/** By file, name and the beginning of the reason: the reports above them may be cut off. */
function failures(files: readonly FileReport[]): readonly string[] {
  return files.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${relative(repoRoot, name)}: ${fullName}${reasonOf(failureMessages)}`),
  );
}

function reasonOf(messages: readonly string[] = []): string {
  const reason = messages.join('\n').slice(0, REASON_LENGTH).trimEnd();
  return reason === '' ? '' : `\n    ${reason.replaceAll('\n', '\n    ')}`;
}

/** Where the time went; files run beside each other, so this is not a sum. */
function slowest(files: readonly FileReport[]): readonly string[] {
  const seconds = ({ startTime, endTime }: FileReport): number => Math.round((endTime - startTime) / 1000);
  const first = files.toSorted((a, b) => seconds(b) - seconds(a)).slice(0, SLOWEST);
  if (first.length === 0) return [];
  const lines = first.map((file) => `${String(seconds(file)).padStart(6)} s  ${relative(repoRoot, file.name)}`);
  return [`--- the slowest ${first.length} of ${files.length} test files`, ...lines];
}

/** @returns the exit code; 127 if there is no such program */
function run({ command: [program, ...args], cwd = repoRoot }: Check): Promise<number> {
  const path = [join(repoRoot, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  const child = spawn(program, args, { cwd, stdio: 'inherit', env: { ...process.env, PATH: path } });
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  process.on('SIGTERM', forward);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`${program}: ${error.message}`);
      resolve(127);
    });
    child.once('close', (code) => {
      process.off('SIGTERM', forward);
      resolve(code ?? 1);
    });
  });
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}
