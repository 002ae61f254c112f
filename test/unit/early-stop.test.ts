/** SIGTERM while the operator is still being loaded, and after it listens itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const early = join(root, 'src', 'early-stop.ts');

/** @returns how a process ends that gets SIGTERM once it has run this code */
async function endAfter(code: string): Promise<readonly [code: number | null, signal: string | null]> {
  const program = `import { leaveSignals } from ${JSON.stringify(early)};
    ${code}
    setInterval(() => undefined, 1000);
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  return ended;
}

it('ends at once while nothing has begun', async () => {
  expect(await endAfter('')).toEqual([0, null]);
});

it('is left to those who listen by then', async () => {
  expect(await endAfter("process.on('SIGTERM', () => process.exit(7)); leaveSignals();")).toEqual([7, null]);
});

it('is listened to before anything else is loaded', () => {
  const [first] = /^import .*$/m.exec(readFileSync(join(root, 'src', 'main.ts'), 'utf8')) ?? [];
  expect(first).toBe("import { leaveSignals } from './early-stop.ts';");
});
