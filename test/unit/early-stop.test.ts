/** SIGTERM while the operator is still being loaded, and after it listens itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
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

it('ends when it cannot start: a process that does nothing would look alive', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const dir = mkdtempSync(join(tmpdir(), 'rekey-start-'));
  const kubeconfig = join(dir, 'config');
  const cluster = { name: 'c', cluster: { server: 'https://127.0.0.1:9' } };
  const context = { name: 'c', context: { cluster: 'c', user: 'c', namespace: 'rekey' } };
  const users = [{ name: 'c', user: { token: 'none' } }];
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'c' }),
  );
  const args = [join(root, 'src', 'main.ts'), '--kubeconfig', kubeconfig, '--listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(said).toContain('EADDRINUSE');
  expect(code).toBe(1);
  taken.close();
  rmSync(dir, { recursive: true });
});
