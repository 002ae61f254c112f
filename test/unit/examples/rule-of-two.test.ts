/** What examples/services/README.md tells people to type is typed here, with the real example service. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blocksOf, ROOT } from '../../support/docs/blocks.ts';

const blocks = blocksOf('examples/services/README.md');
const proof = blocks.find(({ text }) => text.includes('ask "$B"'))?.text ?? '';
const running = blocks.find(({ text }) => text.includes('-X POST'))?.text ?? '';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Types it into a shell in the root of the repository, on a port of its own, and ends whatever is left. */
async function typed(script: string): Promise<string> {
  const port = await freePort();
  const PATH = [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const child = spawn('bash', ['-c', script.replaceAll('8000', String(port))], {
    ...{ cwd: ROOT, env: { PATH, HOME: process.env.HOME }, detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
  });
  onTestFinished(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // all of it has ended
    }
  });
  let said = '';
  child.stdout?.on('data', (chunk) => {
    said += chunk;
  });
  await new Promise((resolve) => child.once('exit', resolve));
  return said;
}

const codesIn = (said: string) => said.split('\n').filter((line) => /^\d{3}$/.test(line));

describe('the README of the services', () => {
  it('proves the rule of two on the example', async () => {
    expect(codesIn(await typed(proof))).toEqual(['200', '200', '401']);
  });

  it('shows a service that knows one key', async () => {
    const single = proof.replace('PORT=8000', 'KEY_MODE=single PORT=8000');
    expect(codesIn(await typed(single))).toEqual(['200', '401', '401']);
  });

  it('runs the example and asks it', async () => {
    expect(await typed(running)).toMatch(/"sub":/);
  });
});
