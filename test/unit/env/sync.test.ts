/** `env sync` gives up no key without a word. `rekey` runs as a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshKey } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, reloadedOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

const fileOf = (folder: string, service: string) => join(folder, service, '.env.production');
const keyIn = (path: string) => /^JWT_SECRET_KEY=(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';

describe('env sync', { timeout: 300_000 }, () => {
  it('before the first rotation, takes no key from a service that may know one only', async () => {
    const folder = twoServices({ admin: 'readsFallbacks: false' });
    const admin = fileOf(folder, 'admin');
    const text = `JWT_SECRET_KEY=${freshKey()}\n`;
    writeFileSync(admin, text);
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    expect([code, err]).toEqual([1, expect.stringContaining('admin')]);
    expect(err).toContain('--discard');
    expect(readFileSync(admin, 'utf8')).toBe(text);
    expect((await rekey.env(folder, 'sync', 'production', '--discard')).code).toBe(0);
    expect(keyIn(admin)).toBe(keyIn(fileOf(folder, 'main')));
  });

  it('keeps a key that stands beside a burnt one', async () => {
    const folder = twoServices();
    const [main, admin] = [fileOf(folder, 'main'), fileOf(folder, 'admin')];
    const burnt = keyIn(main);
    await rekey.env(folder, ...EMERGENCY);
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    const text = `JWT_SECRET_KEY=${freshKey()}\nJWT_SECRET_KEY_FALLBACKS=${burnt}\n`;
    writeFileSync(admin, text);
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    expect([code, err]).toEqual([1, expect.stringContaining('has a key that rekey has not written')]);
    expect(readFileSync(admin, 'utf8')).toBe(text);
    // one that is burnt and nothing else is taken out without a question
    writeFileSync(admin, `JWT_SECRET_KEY=${burnt}\n`);
    expect((await rekey.env(folder, 'sync', 'production')).code).toBe(0);
    expect(keyIn(admin)).toBe(keyIn(main));
  });

  it('names a way out that signs nobody out, where a throw-away key is lost', async () => {
    const folder = twoServices();
    await rekey.env(folder, 'rotate', 'production');
    for (const path of ['main', 'admin'].map((name) => fileOf(folder, name))) {
      writeFileSync(path, `JWT_SECRET_KEY=${keyIn(path)}\n`);
    }
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    expect(code).toBe(1);
    expect(err).toContain('or go back: rekey env abort production');
    expect(err).not.toContain('emergency');
    expect((await rekey.env(folder, 'abort', 'production')).code).toBe(0);
  });

  it('does not offer to give up the key of all files where nothing is left to put back', async () => {
    const folder = twoServices();
    const files = ['main', 'admin'].map((name) => fileOf(folder, name));
    await rekey.env(folder, ...EMERGENCY);
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    const text = `JWT_SECRET_KEY=${freshKey()}\n`;
    for (const path of files) writeFileSync(path, text);
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    expect([code, err]).toEqual([1, expect.stringContaining('stands in none of the files any more')]);
    expect(err).toContain('rekey env emergency production');
    expect(err).not.toContain('--discard');
    // that would forget the key that was burnt
    expect(err).not.toContain('remove .rekey');
    expect(files.map((path) => readFileSync(path, 'utf8'))).toEqual([text, text]);
  });
});
