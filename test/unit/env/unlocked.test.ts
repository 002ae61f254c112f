/** Nobody waits for a person who has not answered, or for a command that takes its time. `rekey` runs as a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EMERGENCY, rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';
import { openPty } from '../../support/terminal/pty.ts';

const rekey = rekeyForFile();

/** `rekey env …` on a terminal of its own. */
function opened(folder: string, ...args: readonly string[]) {
  const pty = openPty(['sh', '-c', `cd ${folder} && exec ${process.execPath} ${rekey.path} env ${args.join(' ')}`], {
    columns: 160,
    rows: 40,
  });
  onTestFinished(() => pty.send('\u0003'));
  return pty;
}

describe('an emergency of a colleague', { timeout: 300_000 }, () => {
  it('does not wait for a reload command before it writes and restarts the others', async () => {
    const folder = twoServices({
      main: 'reload: "test -e began || { touch began; sleep 20; touch awake; }"',
      admin: 'reload: "test -e awake || touch early"',
    });
    const slow = spawn(process.execPath, [rekey.path, 'env', 'rotate', 'production'], { cwd: folder });
    const ended = once(slow, 'exit');
    await expect.poll(() => existsSync(join(folder, 'began')), { timeout: 60_000 }).toBe(true);
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, err]).toEqual([0, expect.not.stringContaining('another run of rekey is at work')]);
    expect([existsSync(join(folder, 'early')), stateOf(folder).keyset.phase]).toEqual([true, 'Steady']);
    // what the slow command has restarted had other keys
    expect(await ended).toEqual([0, null]);
    const { keyset } = stateOf(folder);
    expect([keyset.phase, keyset.rotation?.trigger]).toEqual(['Steady', 'Emergency']);
  });

  it.each([
    ['rotate production', 'press Enter'],
    ['rotate production --at-once', 'Type production to go on'],
    ['emergency production --reason x', 'Type production to go on'],
  ])('does not wait for an answer to %s', async (command, prompt) => {
    const folder = twoServices();
    const idle = opened(folder, ...command.split(' '));
    await idle.shows(prompt);
    const { code, out } = await rekey.env(folder, ...EMERGENCY);
    expect([code, out]).toEqual([0, expect.stringContaining('burn: ')]);
  });

  it('is not burnt again by whoever agreed before it', async () => {
    const folder = twoServices();
    const idle = opened(folder, 'emergency', 'production', '--reason', 'x');
    await idle.shows('Type production to go on');
    await rekey.env(folder, ...EMERGENCY);
    const { keyset } = stateOf(folder);
    idle.send('production\n');
    expect(await idle.ended()).toBe(1);
    expect(idle.screen().join('\n')).toContain('was written meanwhile');
    expect(stateOf(folder).keyset.version).toBe(keyset.version);
  });
});

describe('an answer to rotate', { timeout: 300_000 }, () => {
  it.each([
    [['--at-once'], 'Type production to go on', 'production'],
    [[], 'accept tokens of each key', 'y'],
  ])('that was given before a whole rotation of a colleague, writes nothing: %j', async (flags, prompt, answer) => {
    const folder = twoServices();
    const config = join(folder, 'rekey.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll('readsFallbacks: true, ', ''));
    const idle = opened(folder, 'rotate', 'production', ...flags);
    await idle.shows(prompt);
    await rekey.env(folder, 'rotate', 'production', '--at-once', '--yes');
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    const { keyset } = stateOf(folder);
    expect(keyset.phase).toBe('Steady');
    idle.send(`${answer}\n`);
    expect(await idle.ended()).toBe(1);
    expect(idle.screen().join('\n')).toContain('was written meanwhile');
    expect(stateOf(folder).keyset).toEqual(keyset);
  });
});

it('Enter says nothing of files that were written while the question stood', async () => {
  const folder = twoServices();
  const idle = opened(folder, 'rotate', 'production');
  await idle.shows('press Enter');
  await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
  expect(stateOf(folder).keyset.phase).toBe('Promoting');
  idle.send('\n');
  await idle.shows('was written meanwhile');
  await idle.shows(/press Enter(?:.|\n)*press Enter/);
  const { keyset, reloads } = stateOf(folder);
  expect(keyset.phase).toBe('Promoting');
  expect(Object.values(reloads).filter(({ version }) => version === keyset.version)).toEqual([]);
}, 300_000);
