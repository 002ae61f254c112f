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
  process.exitCode = await main(join(dir, 'vitest.json'));
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function main(reportPath: string): Promise<number> {
  const failed: string[] = [];
  for (const check of checks) {
    console.log(`--- ${check.name}`);
    if ((await run(check)) !== 0) failed.push(check.name);
  }
  console.log('--- tests');
  const vitest = join(repoRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const code = await run({ name: 'tests', command: [process.execPath, vitest, 'run', ...reporters] });
  const report = readReport(reportPath);
  const passedTests = report?.numPassedTests ?? 0;
  const failedTests = report?.numFailedTests ?? 0;
  const broken = report?.testResults.filter(isBroken) ?? [];
  // an error outside of any file fails none of them
  const unnamed = failedTests + broken.length === 0 && (code !== 0 || passedTests === 0) ? 1 : 0;
  for (const line of slowest(report?.testResults ?? [])) console.log(line);
  for (const name of failed) console.log(`failed: ${name}`);
  for (const line of failures(report?.testResults ?? [])) console.log(`failed: ${line}`);
  for (const { name, message } of broken) {
    console.log(
      `failed: ${relative(repoRoot, name)}: ${message === '' ? 'a set-up or a clean-up failed, see above' : message}`,
    );
  }
  if (report === undefined || passedTests + failedTests === 0) console.log('failed: no test ran');
  const count = failed.length + failedTests + broken.length + unnamed;
  console.log(`${checks.length - failed.length + passedTests} passed, ${count} failed`);
  return count === 0 ? 0 : 1;
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
