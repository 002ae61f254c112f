/** `rekey env … --watch` on a real terminal: a rotation of real files, followed by a person who restarts the services. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { withLock } from '../../../src/env/files/lock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { reloadedOf } from '../../support/env/pair.ts';
import { openPty } from '../../support/terminal/pty.ts';

const PATIENCE = { ms: 10_000, clock: systemClock };
const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'rekey-watch-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('is one view of files, services and time, which Ctrl-C leaves where it is', async () => {
  const services = ['main', 'admin'].map((name) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, '.env.production'), `JWT_SECRET_KEY=${'4f'.repeat(31)}a7\n`);
    return `  ${name}: { names: [JWT_SECRET_KEY], files: { production: ${name}/.env.production } }\n`;
  });
  const config = `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n${services.join('')}`;
  writeFileSync(join(folder, 'rekey.yaml'), config);
  const program = join(root, 'src/rekey.ts');
  const command = `cd ${folder} && exec ${process.execPath} ${program} env rotate production --reads-fallbacks --watch`;
  const pty = openPty(['sh', '-c', command], { columns: 80, rows: 40 });
  await pty.shows('● staging → promoting → draining → retiring → done');
  await pty.shows('Restart main, admin now, then press Enter');
  const isGivenBack = () => pty.raw().lastIndexOf('\u001b[?25h') > pty.raw().lastIndexOf('\u001b[?25l');
  // whoever is asked sees where the answer goes
  expect(isGivenBack()).toBe(true);
  pty.send('\n');
  await pty.shows('✓ staging → ● promoting');
  await pty.shows(/now(?:.|\n)*press Enter(?:.|\n)*press Enter/);
  pty.send('\n');
  await pty.shows('✓ promoting → ● draining');
  await pty.shows(/next {5}the old key leaves in 1h 1[56]m/);
  pty.send('\u0003');
  expect(await pty.ended()).toBe(130);
  const screen = pty.screen();
  expect(screen.at(-1)).toBe('production rests where it is (Draining). To go on: rekey env continue production');
  // the frames before each question stay, and each says it once
  for (const stage of ['● staging', '● promoting', '● draining'])
    expect(screen.filter((line) => line.includes(stage))).toHaveLength(1);
  expect(screen.join('\n')).not.toContain('4f4f');
  expect(isGivenBack()).toBe(true);
});

/** A rotation of one service that is watched without a terminal: it asks for a restart. */
async function watchedElsewhere() {
  const own = mkdtempSync(join(tmpdir(), 'rekey-watch-'));
  onTestFinished(() => rmSync(own, { recursive: true }));
  writeFileSync(join(own, '.env.production'), `JWT_SECRET_KEY=${'4f'.repeat(31)}a7\n`);
  const config =
    'maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: .env.production } }\n';
  writeFileSync(join(own, 'rekey.yaml'), config);
  const program = join(root, 'src/rekey.ts');
  const options = { cwd: own, env: { PATH: process.env.PATH, HOME: own } };
  const args = [program, 'env', 'rotate', 'production', '--reads-fallbacks', '--watch'];
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill());
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const todo = /Restart main\. When they run again: rekey env continue production --reloaded \d+\n/;
  await expect.poll(() => said).toMatch(todo);
  return {
    /** How often it has said what to do. */
    asked: () => said.split(todo).length - 1,
    said: () => said,
    state: join(own, '.rekey'),
    continued: async () => {
      const [code] = await once(
        spawn(process.execPath, [program, 'env', 'continue', 'production', ...reloadedOf(own)], options),
        'exit',
      );
      return code as number | null;
    },
  };
}

it('says what a person must do where there is no terminal to answer on, and takes the answer of another process', async () => {
  const { asked, continued } = await watchedElsewhere();
  const before = asked();
  expect(await continued()).toBe(0);
  // of the next step, and of each step once a minute
  await expect.poll(asked).toBeGreaterThan(before);
});

it('waits for another run that is at work, and a command waits for a look of it', async () => {
  const { asked, said, state, continued } = await watchedElsewhere();
  // longer than its pause, and than a command is patient
  await withLock(state, () => sleep(10_000), PATIENCE);
  const before = asked();
  const looking = withLock(state, () => sleep(1_500), PATIENCE);
  expect(await continued(), said()).toBe(0);
  await looking;
  await expect.poll(asked).toBeGreaterThan(before);
  expect(said()).not.toContain('another run');
});
