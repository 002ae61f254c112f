/** Reload commands as people write them, in a real shell. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { keyHider, outputHider } from '../../../src/env/hide-keys.ts';
import { reload } from '../../../src/env/reload.ts';
import { KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { folderOf, freshKey } from '../../support/env/folder.ts';

async function run(command: string, folder = folderOf()): Promise<readonly string[]> {
  const lines: string[] = [];
  const call = { service: 'main', environment: 'production', command, folder, withheld: ['JWT_SECRET_KEY'] };
  await reload(call, (line) => lines.push(line));
  return lines;
}

describe('a reload command', { timeout: 30_000 }, () => {
  it('ends with its shell, whatever it has left in the background', async () => {
    const folder = folderOf();
    const lines = await run('sleep 60 & echo $! > pid; echo started', folder);
    expect(lines).toEqual(['started', expect.stringContaining('redirect its output')]);
    // it is the service: it lives on
    expect(process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL')).toBe(true);
  });

  it('fails with the exit status of its shell', async () => {
    await expect(run('echo off >&2; exit 7')).rejects.toThrow('main: its reload command ended with exit status 7');
    await expect(run('kill -9 $$')).rejects.toThrow('was ended by SIGKILL');
  });

  it('hands no key on that stands in the environment of the shell that calls rekey', async () => {
    vi.stubEnv('JWT_SECRET_KEY', 'the old one');
    vi.stubEnv('OTHER', 'stays');
    expect(await run('printenv JWT_SECRET_KEY; echo "$OTHER $REKEY_SERVICE $REKEY_ENVIRONMENT"')).toEqual([
      'stays main production',
    ]);
  });

  it.each([
    ['a word', 'changeme'],
    ['short', 'k3y'],
    ['found by people', 'correct horse=battery+staple/%'],
    ['made by rekey', 'aa8f3c61b05d9e27f4c1aa8f3c61b05d9e27f4c1aa8f3c61b05d9e27f4c1aa8f'],
  ])('has no key in what it prints, in whichever form: %s', (_, key) => {
    const bytes = Buffer.from(key);
    const forms = [key, encodeURIComponent(key), bytes.toString('base64'), bytes.toString('hex')];
    const hide = keyHider([new KeyMaterial(Buffer.from('another')), new KeyMaterial(bytes)]);
    const shown = hide(`it is ${forms.join(' then ')}, or in one word: x${key}y`);
    expect(shown).toMatch(/^it is \[redacted\].*x\[redacted\]y$/);
    expect(forms.filter((form) => shown.includes(form))).toEqual([]);
  });
});

describe('what a command prints', () => {
  const shown = (key: string, lines: readonly string[]) => outputHider([new KeyMaterial(Buffer.from(key))])(lines);
  const decoded = (lines: readonly string[]) =>
    lines
      .flatMap((line) => line.split('[redacted]'))
      .flatMap((part) => [0, 1, 2, 3].map((from) => Buffer.from(part.slice(from), 'base64').toString('latin1')))
      .join(' ');
  const WORD = 'correct-horse-9!xT';

  it.each([
    'base64 .env',
    'base64 -w 5 .env',
    'fold -w 20 .env',
    'fold -w 3 .env',
    'xxd .env',
    'xxd -c 4 .env',
    'xxd -p -c 7 .env',
    'xxd -u .env',
    'hexdump .env',
    'hexdump -C .env',
    'od -An -tx1 -w5 .env',
    'od -x .env',
    'cut -c 1-30 .env',
  ])('is not shown if it has a key in pieces: %s', async (command) => {
    for (const key of [freshKey(), WORD, 'changeme']) {
      for (const before of ['A=', 'AB=', 'ABC=']) {
        const folder = folderOf({ '.env': `${before}1\nJWT_SECRET_KEY=${key}\nX=1\n` });
        if (key === 'changeme' && command.startsWith('cut')) continue;
        const lines = shown(key, await run(command, folder));
        // lines of base64 that are long enough are hidden whole, since they look like a secret
        if (command === 'base64 .env' && lines !== undefined) expect(decoded(lines)).not.toContain(key.slice(2, 8));
        else expect(lines, `${before} ${key}`).toBeUndefined();
      }
    }
  });

  it('is shown if it has none, or a whole one that can be hidden', () => {
    const [key, id] = [freshKey(), freshKey()];
    const lines = [`Container ${id}`, 'Started', '00000000: 4a57 545f 5345 4352', `TOKEN is ${key}`];
    expect(shown(key, lines)).toEqual([...lines.slice(0, 3).map((line) => keyHider([])(line)), 'TOKEN is [redacted]']);
    expect(shown('k3y', ['a', 'k3', 'y'])).toEqual(['a', 'k3', 'y']);
  });
});
