/** While an old key drains: what shows that a service may sign with it again counts. `rekey` runs as a process. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

describe('a key that drains', { timeout: 300_000 }, () => {
  it('is kept if a service proves to hold an older version', async () => {
    let file = '';
    const admin = await openService(() => file);
    const folder = twoServices({ admin: `canary: "${admin.url}"` });
    const current = join(folder, 'admin/.env.production');
    const older = join(folder, 'admin/older');
    file = current;
    admin.load();
    await rekey.env(folder, 'rotate', 'production');
    admin.load();
    copyFileSync(current, older);
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    admin.load();
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder, 'main'));
    expect(stateOf(folder).keyset.phase).toBe('Draining');
    // a container that is made anew from an older copy
    file = older;
    admin.load();
    const { out } = await rekey.env(folder, 'continue', 'production');
    expect(out).toContain('production: reopen');
    const { keyset } = stateOf(folder);
    expect(keyset.phase).toBe('Promoting');
    expect(keyset.keys.map(({ lastSignerExit }) => lastSignerExit)).toEqual([undefined, undefined, undefined]);
  });

  it('drains anew if a file held it as the key that signs', async () => {
    const folder = twoServices();
    const file = join(folder, 'admin/.env.production');
    const before = readFileSync(file, 'utf8');
    await rekey.env(folder, 'rotate', 'production');
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    expect(stateOf(folder).keyset.phase).toBe('Draining');
    writeFileSync(file, before);
    expect((await rekey.env(folder, 'continue', 'production')).code).toBe(1);
    const { code, out } = await rekey.env(folder, 'sync', 'production');
    expect([code, out]).toEqual([0, expect.stringContaining('production: reopen')]);
    expect(out).toContain('Restart admin');
    expect(stateOf(folder).keyset.phase).toBe('Promoting');
    expect((await rekey.env(folder, 'continue', 'production')).out).toContain('Restart admin.');
  });
});
