/** Runs the program git, and reads what it prints. */
import { execFile } from 'node:child_process';

const MAX_OUTPUT = 64 * 1024 * 1024;
/** Git that takes longer has not answered. */
export const GIT_PATIENCE_MS = 30_000;
/** A repository can configure programs to run. None of them is needed for reading, so they are disabled. */
const QUIET = ['--no-optional-locks', '-c', 'core.fsmonitor=false'];
/** In a hook these name the repository of the hook, but a file may be in another one. */
const OF_A_HOOK = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_PREFIX',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
];

/** How a run of Git ended. */
export interface Ran {
  readonly code: number | 'absent' | 'failed';
  readonly out: Buffer;
  readonly said: string;
}

export interface RunOptions {
  /** Whether it is about the repository of the hook in which this runs. */
  readonly inHook?: boolean;
  /** Its standard input. */
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** With it Git takes a file for one outside of its repository. */
const CEILING = 'GIT_CEILING_DIRECTORIES';

function environment(inHook: boolean): NodeJS.ProcessEnv {
  // a folder of a service may be a mount within the repository
  const own = { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_DISCOVERY_ACROSS_FILESYSTEM: '1' };
  const left = inHook ? [CEILING] : [...OF_A_HOOK, CEILING];
  return Object.fromEntries(Object.entries({ ...process.env, ...own }).filter(([name]) => !left.includes(name)));
}

/**
 * Runs Git, with no program that the repository has configured.
 *
 * @param folder where it runs; it exists
 * @param options `signal`: aborted when it is waited for no longer
 * @returns how it ended; never throws
 */
export function run(folder: string, args: readonly string[], { inHook, input, signal }: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      cwd: folder,
      env: environment(inHook === true),
      encoding: 'buffer',
      maxBuffer: MAX_OUTPUT,
      signal: signal ?? AbortSignal.timeout(GIT_PATIENCE_MS),
      killSignal: 'SIGKILL',
    } as const;
    const child = execFile('git', [...QUIET, ...args], options, (error, out, said) => {
      const { code } = (error ?? { code: 0 }) as { readonly code?: unknown };
      const exit = typeof code === 'number' ? code : code === 'ENOENT' ? 'absent' : 'failed';
      // what hangs in a file system may not end even then
      if (exit === 'failed') child.unref();
      resolve({ code: exit, out, said: said.toString('utf8').trim() });
    });
    // the program may have ended before it reads its input
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** @returns what Git has printed with -z, part by part */
export function partsOf(out: Buffer): readonly string[] {
  return out
    .toString('utf8')
    .split('\0')
    .filter((part) => part !== '');
}

/** @returns what Git has printed, without its last line break */
export function lineOf(out: Buffer): string {
  return out.toString('utf8').replace(/\r?\n$/, '');
}

/** @returns the first line of what Git says, for people */
export function whyOf(said: string): string {
  const [first = ''] = said.split('\n');
  return `git says "${first.replace(/^fatal: /, '') || 'nothing'}"`;
}
