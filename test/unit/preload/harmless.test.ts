/** The preload for Node leaves a service as it is where no token is at stake. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NODE_SERVICES, PRELOAD, runToEnd } from '../../support/preload/ask.ts';
import { SERVICE_ENV } from '../../support/preload/questions.ts';

const file = join(PRELOAD, 'node', 'rekey.cjs');

it('keeps lengths and errors of functions, and keeps nothing of what is too long for a token', async () => {
  const asked = async (...options: readonly string[]) => {
    const command = [process.execPath, '--expose-gc', ...options, join(NODE_SERVICES, 'shape.mjs')] as const;
    const { stdout, stderr } = await runToEnd([...command], SERVICE_ENV);
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  };
  const [before, after] = await Promise.all([asked(), asked('--require', file)]);
  expect(after.shape).toEqual(before.shape);
  expect(after.megabytes).toBeLessThan(8);
});

it('does not end a process whose standard error nobody reads', async () => {
  const env = { ...SERVICE_ENV, JWT_SECRET_KEY_FALLBACKS: 'a,' };
  // waits for a line, so that the other end of standard error is closed before it starts
  const command = `read line; exec "${process.execPath}" --require "${file}" -e 'setTimeout(() => console.log("serves"), 50)'`;
  const child = spawn('sh', ['-c', command], { env });
  child.stderr.destroy();
  await once(child.stderr, 'close');
  const out: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stdin.end('go\n');
  const [code] = await once(child, 'close');
  expect({ code, out: out.join('') }).toEqual({ code: 0, out: 'serves\n' });
});
