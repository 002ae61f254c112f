import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The oldest Go that go.mod allows, as [major, minor]. */
const oldestGo = [1, 25] as const;

/** A lock that was not touched for this long belongs to a build that was killed. */
const staleLockMs = 30_000;

/** A program that tests need, and how it is built. */
export interface GoProgram {
  /** For messages, such as "the local control plane". */
  readonly what: string;
  /** A folder with go.mod and go.sum. */
  readonly source: string;
  /** The package of the program, such as `.`. */
  readonly entry: string;
  readonly linkerFlags: string;
  /** Compiled in three quarters of the time, and slower when it runs. */
  readonly unoptimized?: true;
  /** What helps where Go is missing, besides Go. */
  readonly instead?: string;
  /** Puts what the program needs into its folder, before it appears there. */
  readonly accompany?: (folder: string) => Promise<void>;
}

/**
 * Builds a Go program and puts it at `target`, which appears only when complete.
 * When another process is building the same, waits for that one.
 *
 * @param log receives whole lines; a build from scratch takes minutes and reports every few seconds
 * @throws Error when Go is missing or too old, or the build fails (with the compiler's last lines)
 */
export async function buildGoProgram(program: GoProgram, target: string, log: (line: string) => void): Promise<void> {
  await checkGo(program);
  mkdirSync(dirname(target), { recursive: true });
  const waiting = (): void => log(`another process is building ${program.what}: waiting for it`);
  await withLock(`${target}.lock`, waiting, async () => {
    if (exists(target)) return;
    const unfinished = `${target}.${process.pid}.tmp`;
    try {
      await goBuild(program, unfinished, log);
      await program.accompany?.(dirname(target));
      chmodSync(unfinished, 0o755);
      renameSync(unfinished, target);
    } finally {
      rmSync(unfinished, { force: true });
    }
  });
}

async function checkGo({ what, instead = '' }: GoProgram): Promise<void> {
  const wanted = `Go ${oldestGo.join('.')} or newer (https://go.dev/dl)${instead}`;
  let version: string;
  try {
    version = (await run('go', ['env', 'GOVERSION'])).stdout.trim();
  } catch {
    throw new Error(`${what} is real, and built once from Go modules: install ${wanted}.`);
  }
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) < oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) < oldestGo[1]);
  if (isOld) throw new Error(`${what} does not build with ${version}: install ${wanted}.`);
}

/** Template of `go list`: names the packages that are not in the build cache yet. */
const notCompiled =
  '{{if and .Stale (ne .StaleReason "not installed but available in build cache")}}{{.ImportPath}}{{end}}';

async function goBuild(program: GoProgram, output: string, log: (line: string) => void): Promise<void> {
  const { what, source, entry, linkerFlags, unoptimized } = program;
  const started = Date.now();
  const env = { ...process.env, CGO_ENABLED: '0' };
  const options = { cwd: source, env, maxBuffer: 2 ** 26 };
  // the linker would leave out what the compiler writes for debuggers, which takes it a tenth of its time
  const compiler = ['-trimpath', `-gcflags=all=${unoptimized ? '-N -l ' : ''}-dwarf=false`];
  const { stdout } = await run('go', ['list', '-deps', ...compiler, '-f', notCompiled, entry], options);
  const total = Math.max(1, stdout.split('\n').filter((line) => line !== '').length);
  const args = ['build', '-v', ...compiler, '-ldflags', linkerFlags, '-o', output, entry];
  const build = spawn('go', args, { cwd: source, env, stdio: ['ignore', 'ignore', 'pipe'] });

  // `go build -v` prints each package that it compiles
  let packages = 0;
  const complaints: string[] = [];
  createInterface({ input: build.stderr }).on('line', (line) => {
    if (/^[\w.-]+(\/[\w.~-]+)*$/.test(line)) packages += 1;
    else if (!line.startsWith('go: downloading')) complaints.push(line);
  });
  const report = (): void => {
    const elapsed = Date.now() - started;
    log(
      `building ${what}, this once: ${packages}/${total} packages, ${clock(elapsed)}${left(packages / total, elapsed)}`,
    );
  };
  report();
  const ticker = setInterval(report, 5_000);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      build.once('error', reject);
      build.once('close', resolve);
    });
    if (code !== 0) throw new Error(`go build failed:\n${complaints.slice(-20).join('\n')}`);
  } finally {
    clearInterval(ticker);
  }
  log(`built ${what} in ${clock(Date.now() - started)}`);
}

/** Runs `work` while holding a lock file, which is touched all the time so that a dead owner can be told from a slow one. */
async function withLock(path: string, waiting: () => void, work: () => Promise<void>): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > staleLockMs) {
      rmSync(path, { force: true });
      continue;
    }
    if (waits % 20 === 0) waiting();
    await sleep(500);
  }
  const keepAlive = setInterval(() => utimesSync(path, new Date(), new Date()), 5_000);
  try {
    await work();
  } finally {
    clearInterval(keepAlive);
    rmSync(path, { force: true });
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** @returns an estimate of the time left, for people; empty while there is too little to go by */
function left(done: number, elapsed: number): string {
  if (elapsed < 20_000 || done < 0.02) return '';
  const minutes = Math.ceil((elapsed * (1 - done)) / done / 60_000);
  return minutes <= 1 ? ', about a minute left' : `, about ${minutes} minutes left`;
}

/** @returns minutes and seconds, as 03:12 */
function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
