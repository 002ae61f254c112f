/** The view on a real terminal: a process in a pseudo-terminal, and an emulator that shows what a person sees. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openPty } from '../../../support/terminal/pty.ts';

const PROGRAM = join(import.meta.dirname, '../../../support/terminal/followed.ts');
const SIZE = { columns: 80, rows: 24 };
const HIDE = '\u001b[?25l';
const SHOW = '\u001b[?25h';
const ROTATE = ['rotate', 'my-jwt', '-n', 'shop', '--wait'];

const run = (args: readonly string[], size = SIZE, variables = {}) =>
  openPty([process.execPath, PROGRAM, ...args], size, variables);
/** How often a line is on the screen. */
const count = (screen: readonly string[], start: string) => screen.filter((line) => line.startsWith(start)).length;
const isGivenBack = (raw: string) => raw.lastIndexOf(SHOW) > raw.lastIndexOf(HIDE);

describe('the view on a terminal', () => {
  it('is drawn in one place, stays at the end, and the result stands below it', async () => {
    const pty = run(ROTATE);
    await pty.shows('● requested');
    expect(pty.raw()).toContain(HIDE);
    for (const stage of ['● staging', '● staged', '● promoting', '● draining']) {
      pty.signal('SIGUSR2');
      await pty.shows(stage);
      expect(count(pty.screen(), 'shop/my-jwt')).toBe(1);
      expect(pty.screen().join('\n').includes('in the way')).toBe(stage === '● promoting');
    }
    pty.signal('SIGUSR2');
    expect(await pty.ended()).toBe(0);
    const screen = pty.screen();
    expect(screen.slice(0, 4)).toEqual([
      'my-jwt: rotation requested',
      expect.stringMatching(/^my-jwt: it takes the restarts plus 1h 16m \(1h tokens/),
      expect.any(String),
      'shop/my-jwt  key k-1 → k-2',
    ]);
    expect(screen[4]).toMatch(/→ ✓ done$/);
    expect(screen.at(-1)).toBe('my-jwt: Completed: k-1 → k-2');
    expect(isGivenBack(pty.raw())).toBe(true);
  });

  it('waits in staged for its window, with the time at which that opens, and what to do meanwhile', async () => {
    const pty = run(ROTATE, { columns: 100, rows: 30 });
    for (const stage of ['● requested', '● staging']) {
      await pty.shows(stage);
      pty.signal('SIGUSR2');
    }
    await pty.shows('✓ preflight → ✓ staging → ● staged → promoting → draining → retiring → done');
    await pty.shows(/next +promoting, when the maintenance window opens, in \d/);
    const screen = pty.screen().map((line) => line.trimEnd());
    const from = screen.findIndex((line) => line.startsWith('shop/my-jwt'));
    expect(screen.slice(from, from + 12)).toEqual([
      expect.stringMatching(/^shop\/my-jwt {2}key k-\S+ → k-\S+$/),
      expect.stringContaining('● staged'),
      '',
      '  Deployment/main   ████████████████████  2/2',
      '  Deployment/admin  ████████████████████  2/2',
      '',
      '  now      every verifier pod accepts the new key; the old key signs',
      expect.stringMatching(
        /^ {2}next {5}promoting, when the maintenance window opens, in \S+( \S+)?, at \S+ 03:00 UTC$/,
      ),
      expect.stringMatching(/^ {2}elapsed {2}\S+( \S+)*$/),
      '',
      'Ctrl-C leaves the rotation running. To see it again: kubectl rekey status my-jwt -n shop -w',
      'To go back, with no token refused: kubectl rekey abort my-jwt -n shop',
    ]);
    pty.send('\u0003');
    expect(await pty.ended()).toBe(130);
  });

  it('moves its clock each second, although nobody tells it anything', async () => {
    const pty = run(ROTATE);
    await pty.shows(/waiting {2}[1-9]\d*s/);
    pty.send('\u0003');
    expect(await pty.ended()).toBe(130);
  });

  it('ends at Ctrl-C with where the rotation is, how to see it again, and the cursor', async () => {
    const pty = run(ROTATE);
    await pty.shows('● requested');
    pty.signal('SIGUSR2');
    await pty.shows('● staging');
    pty.send('\u0003');
    expect(await pty.ended()).toBe(130);
    const text = pty.screen().join(' ');
    expect(text).toContain('the rotation of my-jwt goes on (Staging; next promoting');
    expect(text.replaceAll(/\s+/g, ' ')).toContain('To see it again: kubectl rekey status my-jwt -n shop -w');
    expect(count(pty.screen(), 'shop/my-jwt')).toBe(1);
    expect(isGivenBack(pty.raw())).toBe(true);
  });

  it('gives the cursor back where something else ends the process', async () => {
    const pty = run(ROTATE);
    await pty.shows('● requested');
    pty.signal('SIGTERM');
    expect(await pty.ended()).toBe(143);
    expect(isGivenBack(pty.raw())).toBe(true);
  });

  it('follows the size of the terminal, and leaves nothing of the frame before', async () => {
    const pty = run(ROTATE, { columns: 120, rows: 40 });
    await pty.shows('● requested → preflight → staging');
    pty.resize(50, 40);
    await pty.shows('● requested (1 of 8) → preflight');
    expect(count(pty.screen(), 'shop/my-jwt')).toBe(1);
    expect(count(pty.screen(), '  Deployment/main')).toBe(1);
    pty.resize(50, 8);
    await pty.shows('4 of 4 pods acknowledged');
    pty.resize(120, 40);
    await pty.shows('● requested → preflight → staging');
    pty.send('\u0003');
    expect(await pty.ended()).toBe(130);
  });

  it('shows several at once, and words of one stand above all', async () => {
    const pty = run(['rotate', 'a', 'b', '-n', 'shop', '--wait'], { columns: 100, rows: 50 });
    await pty.shows('shop/a  ');
    await pty.shows('shop/b  ');
    for (const stage of ['● staging', '● staged', '● promoting', '● draining']) {
      pty.signal('SIGUSR2');
      await pty.shows(stage);
    }
    pty.signal('SIGUSR2');
    expect(await pty.ended()).toBe(0);
    const screen = pty.screen();
    expect([count(screen, 'shop/a'), count(screen, 'shop/b')]).toEqual([1, 1]);
    expect(screen.filter((line) => line.includes('Completed'))).toEqual([
      'a: Completed: k-1 → k-2',
      'b: Completed: k-1 → k-2',
    ]);
  });

  it('is that of status --watch too, which ends at Ctrl-C alone', async () => {
    const pty = run(['status', 'my-jwt', '-n', 'shop', '--watch']);
    await pty.shows('shop/my-jwt  at rest');
    pty.signal('SIGUSR2');
    await pty.shows('● staging');
    pty.send('\u0003');
    expect(await pty.ended()).toBe(130);
    expect(pty.screen().join(' ')).toContain('you do not watch my-jwt any more (Staging');
  });

  it.each([
    ['in CI', { CI: 'true' }, SIZE],
    ['on a terminal that moves no cursor', { TERM: 'dumb' }, SIZE],
    ['on a terminal that has no size yet', {}, { columns: 0, rows: 0 }],
  ])('is a few lines instead %s', async (_, variables, size) => {
    const pty = run(ROTATE, size, variables);
    await pty.shows('rotation requested');
    for (const stage of ['Staging: ', 'Staged: ', 'Promoting: ', 'Draining: ']) {
      pty.signal('SIGUSR2');
      await pty.shows(stage);
    }
    pty.signal('SIGUSR2');
    expect(await pty.ended()).toBe(0);
    expect(pty.raw()).not.toContain('\u001b');
    expect(pty.screen().at(-1)).toBe('my-jwt: Completed: k-1 → k-2');
  });

  it.each([
    ['has colours', {}, true],
    ['has none where they are not wanted', { NO_COLOR: '1' }, false],
  ])('%s', async (_, variables, has) => {
    const pty = run(ROTATE, SIZE, variables);
    await pty.shows('● requested');
    pty.send('\u0003');
    await pty.ended();
    expect(pty.raw().includes('\u001b[1m')).toBe(has);
  });
});
