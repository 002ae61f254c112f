/** What is said of a rotation where nobody looks at a terminal. */
import { expect, it } from 'vitest';
import { Lines } from '../../../../src/cli/live/lines.ts';
import type { Terminal } from '../../../../src/cli/terminal.ts';
import type { JwtKeyRotationStatus } from '../../../../src/rotation/api/types.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';
import { resourceIn, T0, target } from './frames.ts';

type Phase = JwtKeyRotationStatus['phase'];

function opened(count = 1) {
  const clock = new FakeClock();
  clock.jump(T0 - clock.now());
  const said: string[] = [];
  const terminal = { printErr: (text: string) => void said.push(text), now: () => clock.now() } as unknown as Terminal;
  const operations = { later: (callback: () => void, ms: number) => clock.setTimeout(callback, ms) };
  return { clock, said, lines: new Lines(operations, terminal, { asked: { kind: 'Rotation' }, count }) };
}

it('is one line for each phase, however many pods follow one after another', async () => {
  const { said, lines, clock } = opened();
  const phases: readonly Phase[] = ['Steady', 'Preflight', 'Staging', 'Staged', 'Promoting', 'Draining', 'Retiring'];
  for (const phase of phases) {
    for (let acked = 0; acked <= 7; acked += 1) {
      lines.look('jwt', resourceIn(phase, { targets: [target('main', acked, 7, `main-${acked}`)] }));
      await clock.advance(100);
    }
  }
  lines.end('jwt');
  await clock.advance(600_000);
  expect(said.map((line) => line.replace(/^\d\d:\d\d:\d\d {2}(\w+): .*\n$/s, '$1'))).toEqual(phases.slice(1));
});

it('is one a minute while nothing changes, with what is waited for', async () => {
  const { said, lines, clock } = opened();
  lines.look('jwt', resourceIn('Staging', { targets: [target('main', 1, 3, 'main-2')] }));
  await clock.advance(180_000);
  expect(said.slice(1)).toEqual(
    ['20:01:00', '20:02:00', '20:03:00'].map((time, i) =>
      expect.stringContaining(
        `${time}  Staging, still after ${i + 1}m: 1 of 3 pods acknowledged, waits for main-2 +1; next promoting`,
      ),
    ),
  );
});

it('is one when something comes in the way, and one when it goes, and not again within a minute', async () => {
  const { said, lines, clock } = opened(2);
  const free = resourceIn('Staging');
  const held = resourceIn('Staging', {}, ['RolloutFailed', 'no\u001b quota\nforged']);
  for (const resource of [free, held, held, free, held, free]) {
    lines.look('jwt', resource);
    await clock.advance(1_000);
  }
  expect(said.map((line) => line.slice(10))).toEqual([
    expect.stringMatching(/^jwt {2}Staging: /),
    'jwt  in the way: RolloutFailed: no quota forged\n',
    'jwt  no longer in the way: RolloutFailed\n',
  ]);
  await clock.advance(60_000);
  lines.look('jwt', held);
  await clock.advance(60_000);
  expect(said.slice(-2).map((line) => line.slice(10))).toEqual([
    'jwt  in the way: RolloutFailed: no quota forged\n',
    'jwt  Staging, still after 2m 6s: RolloutFailed: no quota forged\n',
  ]);
});

it('of a phase that comes and goes is not told each time', async () => {
  const { said, lines } = opened();
  for (let i = 0; i < 10; i += 1) {
    lines.look('jwt', resourceIn('Staged'));
    lines.look('jwt', resourceIn('Staging'));
  }
  expect(said).toHaveLength(2);
});
