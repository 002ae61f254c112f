/** Which files an emergency goes without, where some cannot be read or replaced. `rekey` runs as a process. */
import { chmodSync, linkSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

/** The path of one file is the end of the path of another. */
function nested() {
  const service = (file: string) => `{ readsFallbacks: true, names: [JWT_SECRET_KEY], files: { production: ${file} } }`;
  const old = freshKey();
  const text = `JWT_SECRET_KEY=${old}\n`;
  const folder = repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n  main: ${service('.env')}\n  admin: ${service('admin/.env')}\n`,
    '.env': text,
    'admin/.env': text,
  });
  return { folder, old };
}

describe('the hint of an emergency', { timeout: 120_000 }, () => {
  it('names the file that cannot be read, and no other whose path is a part of it', async () => {
    const { folder, old } = nested();
    rmSync(join(folder, 'admin/.env'));
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect(code).toBe(1);
    expect(err).toContain('Nothing was written. To burn the key in the other files now: ');
    expect(err).toMatch(/ env emergency production --without admin --reason TEXT$/m);
    await rekey.env(folder, ...EMERGENCY, '--without', 'admin');
    expect(readFileSync(join(folder, '.env'), 'utf8')).not.toContain(old);
  });

  it.each([
    ['is read-only', (file: string) => chmodSync(file, 0o400)],
    ['has another name', (file: string) => linkSync(file, `${file}.other`)],
  ])('names the file that %s and so cannot be replaced', async (_, spoil) => {
    const folder = twoServices();
    spoil(join(folder, 'admin/.env.production'));
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect(code).toBe(1);
    expect(err).toMatch(/ env emergency production --without admin --reason TEXT$/m);
    const burnt = await rekey.env(folder, ...EMERGENCY, '--without', 'admin');
    expect(burnt.out).toContain('production: burn: ');
  });
});
