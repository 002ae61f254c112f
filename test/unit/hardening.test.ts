/** Nobody looks into the process: no debugger, no snapshot of its memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coreLimit, openDoors } from '../../src/hardening.ts';

const root = resolve(import.meta.dirname, '../..');
const HARDEN = `
  import { harden } from '${join(root, 'src/hardening.ts')}';
  const log = { warn: (message) => console.log(message) };
  harden({ allowDebugging: false }, log);
  console.log('hardened');
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1_000);
`;

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '', ...env } });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  return { child, said: () => said.join('') };
}

async function waitFor(child: ChildProcess, said: () => string, text: string): Promise<void> {
  while (!said().includes(text) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(said()).toContain(text);
}

describe('the operator', () => {
  const main = join(root, 'src/main.ts');

  it.each([
    ['--inspect=0', {}],
    ['--heapsnapshot-signal=SIGUSR2', {}],
    ['--no-deprecation', { NODE_OPTIONS: '--inspect=0' }],
  ])('does not run with a door open: %s %o', async (option, env) => {
    const { child, said } = start([option, main, '--kubeconfig', '/nowhere'], env);
    const [code] = await once(child, 'exit');
    expect(code).toBe(2);
    expect(said()).toContain('--allow-debugging');
  });

  it('goes on without a debugger at SIGUSR1', async () => {
    const { child, said } = start(['--input-type=module-typescript', '--eval', HARDEN]);
    await waitFor(child, said, 'hardened');
    child.kill('SIGUSR1');
    await waitFor(child, said, 'SIGUSR1 was ignored');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(said()).not.toContain('Debugger listening');
  });
});

describe('an open door', () => {
  it('is known however it is written', () => {
    expect(openDoors(['--inspect_brk=0', '--max-old-space-size=64'], ' "--report-on-signal" ', undefined)).toEqual([
      '--inspect-brk',
      '--report-on-signal',
    ]);
    expect(openDoors(['--disable-sigusr1'], '', undefined)).toEqual([]);
    expect(openDoors([], '', 'ws://127.0.0.1:9229/x')).toEqual(['inspector']);
  });

  it('is a core dump too', () => {
    const limits = (soft: string) =>
      `Max file size  unlimited  unlimited  bytes\nMax core file size  ${soft}  unlimited  bytes\n`;
    expect([coreLimit(limits('0')), coreLimit(limits('unlimited')), coreLimit('')]).toEqual([
      '0',
      'unlimited',
      undefined,
    ]);
  });
});
