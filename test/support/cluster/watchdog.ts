import { type ChildProcess, spawn } from 'node:child_process';

/**
 * The watchdog's program. It outlives this process by a moment: when its
 * standard input ends, which the kernel sees to even after a SIGKILL, it kills
 * every process group it was told about. Its own session keeps a Ctrl-C or a
 * `kill` of our group from reaching it first.
 */
const program = `
trap '' INT TERM HUP
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    drop) before=\${groups%% $group *}; groups="$before \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
`;

let dog: ChildProcess | undefined;

/**
 * Promises that the process group dies when this Node.js process does, however
 * that happens. Call it right after a `spawn` with `detached: true`, whose pid
 * is the group's id.
 */
export function guardGroup(pgid: number): void {
  if (dog === undefined || dog.exitCode !== null || dog.signalCode !== null) {
    dog = spawn('/bin/sh', ['-c', program], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Neither the child nor the pipe may keep this process alive.
    dog.unref();
    const pipe = dog.stdin as (NodeJS.WritableStream & { unref?: () => void }) | null;
    pipe?.unref?.();
    pipe?.on('error', () => {});
  }
  dog.stdin?.write(`add ${pgid}\n`);
}

/** Ends the promise of `guardGroup`, once the group is gone: its number may soon belong to somebody else. */
export function releaseGroup(pgid: number): void {
  dog?.stdin?.write(`drop ${pgid}\n`);
}

/**
 * Sends a signal to every process of the group.
 * @returns false when no such group is left
 */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pgid, signal);
    return true;
  } catch (error) {
    // EPERM: the group is there, but what is left of it has changed its user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
