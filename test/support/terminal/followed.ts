/**
 * `kubectl rekey` as a process on a terminal, with a rotation that a test moves: each SIGUSR2 is its next phase. Only the API server
 * is left out. Arguments: those of the command.
 */
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import { runProcess, terminal } from '../../../src/command-process.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { historyOf, resourceIn, stagedBeforeWindow, target } from '../../unit/cli/live/frames.ts';

const REQUESTED = 'rekey.dev/rotate-requested-at';
const history = historyOf(53);
const pods = (...acked: readonly number[]) => ({
  ...{ history, targets: [target('main', acked[0] ?? 0, 2, 'main-1'), target('admin', acked[1] ?? 0, 2, 'admin-1')] },
});
const ROUND = [
  resourceIn('Steady', pods(2, 2)),
  resourceIn('Staging', pods(1, 0)),
  stagedBeforeWindow('0 3 29 2 *', pods(2, 2)),
  resourceIn('Promoting', pods(1, 2), ['RolloutFailed', 'main: no quota']),
  resourceIn('Draining', { ...pods(2, 2), retireNotBefore: new Date(Date.now() + 3_600_000).toISOString() }),
];

let asked = '';
const named = (resource: JwtKeyRotation, name: string) => ({
  ...resource,
  metadata: { ...resource.metadata, name, annotations: { [REQUESTED]: asked } },
  // the rotation under way is the one that was asked for
  status: { ...resource.status, ...(resource.status?.rotation && { lastHandledRotateAt: asked }) },
});
const over = () => {
  const entry = { ...history[0], id: 'mine', reason: `${REQUESTED} is ${asked}`, from: 'k-1', to: 'k-2' };
  return resourceIn('Steady', { ...pods(2, 2), history: [entry as never] });
};

let at = 0;
const shown = new Set<() => void>();
// a signal may come before anybody follows: it would end a process that does not expect it
process.on('SIGUSR2', () => {
  at += 1;
  for (const show of shown) show();
});

const operations = {
  namespace: 'shop',
  time: Date.now,
  get: async (name: string) => named(ROUND[0] as JwtKeyRotation, name),
  later: (callback: () => void, ms: number) => systemClock.setTimeout(callback, ms),
  leadership: async () => ({ kind: 'Led', holder: 'rekey-1' }),
  ask: async (name: string, patch: { metadata: { annotations: Record<string, string> } }) => {
    asked = patch.metadata.annotations[REQUESTED] ?? '';
    return named(ROUND[0] as JwtKeyRotation, name);
  },
  follow: (name: string, look: (resource: JwtKeyRotation) => unknown, _: number, signal?: AbortSignal) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      const show = () => {
        const answer = look(named(ROUND[at] ?? over(), name));
        if (answer !== undefined) resolve(answer);
      };
      shown.add(show);
      show();
    }),
} as unknown as Operations;

// nothing else keeps this process alive
const alive = setInterval(() => undefined, 60_000);
void runProcess(
  () => runCommand(process.argv.slice(2), { terminal, connect: () => operations }),
  async () => clearInterval(alive),
);
