/** What a person says counts for what the person has seen, and nothing else is taken for it. `rekey` runs as a process. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeEnvState } from '../../../src/env/state.ts';
import { bundled } from '../../support/env/bundled.ts';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { openService } from '../../support/env/service.ts';

const PROMPT = join(import.meta.dirname, '../../support/env/prompt.py');

let rekey: Awaited<ReturnType<typeof bundled>>;
beforeAll(async () => {
  rekey = await bundled('../../../src/rekey');
}, 120_000);
afterAll(() => rekey.remove());

const CONFIG = `maxTokenTTL: 1h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production }, readsFallbacks: true }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env.production }, readsFallbacks: true }
`;

/** Two services with one key. */
function shop(config = CONFIG): string {
  const text = `JWT_SECRET_KEY=${freshKey()}\n`;
  return repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': config,
    'main/.env.production': text,
    'admin/.env.production': text,
  });
}

function run(folder: string, program: string, ...args: readonly string[]) {
  return new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((done) => {
    const child = execFile(program, args, { cwd: folder }, (error, out, err) => {
      done({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err });
    });
    child.stdin?.end();
  });
}

const env = (folder: string, ...args: readonly string[]) => run(folder, process.execPath, rekey.path, 'env', ...args);

const typing = (typed: string, folder: string, ...args: readonly string[]) =>
  run(folder, 'python3', PROMPT, 'go on later) ', typed, process.execPath, rekey.path, 'env', ...args);

function stateOf(folder: string) {
  const path = join(folder, '.rekey/production.json');
  return decodeEnvState(readFileSync(path), path);
}

describe('the question whether services were restarted', { timeout: 60_000 }, () => {
  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
    ['q', 'q\n'],
  ])('is not answered with yes by %s', async (_, typed) => {
    const folder = shop();
    const { code, out } = await typing(typed, folder, 'rotate', 'production');
    expect([code, out]).toEqual([0, expect.stringContaining('env continue production --reloaded')]);
    const { keyset, reloads } = stateOf(folder);
    expect([keyset.phase, reloads]).toEqual(['Staging', {}]);
  });

  it('is answered with yes by Enter', async () => {
    const folder = shop();
    await typing('\n', folder, 'rotate', 'production');
    expect(stateOf(folder).keyset.phase).toBe('Draining');
  });
});

describe('--reloaded', { timeout: 60_000 }, () => {
  it('says nothing of a file that is written after it', async () => {
    let folder = '';
    const admin = await openService(() => join(folder, 'admin/.env.production'));
    folder = shop(`maxTokenTTL: 1h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production }, roles: [Signer] }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env.production }, roles: [Verifier], canary: "${admin.url}" }
`);
    admin.load();
    await env(folder, 'rotate', 'production');
    admin.load();
    // its answers end the step by themselves, and promote is written now: main has not been restarted since
    const { out } = await env(folder, 'continue', 'production', '--reloaded');
    expect(out).toContain('production: promote');
    expect(out).toContain('Restart main');
    const { keyset, reloads } = stateOf(folder);
    expect([keyset.phase, reloads]).toEqual(['Promoting', {}]);
  });
});
