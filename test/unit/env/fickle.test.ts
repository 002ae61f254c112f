/** One URL, several processes: an answer of one of them proves nothing about the others. `rekey` runs as a process. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshKey, put } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

/** @param worker of two that its reload command renews; all if absent */
async function shopWith(worker?: number) {
  let folder = '';
  const admin = await openService(() => join(folder, 'admin/.env.production'), 2);
  const reload = admin.loadCommand(worker).replaceAll('"', '\\"');
  folder = twoServices({ main: 'reload: "true"', admin: `canary: "${admin.url}", reload: "${reload}"` });
  admin.load();
  return { folder, admin };
}

describe('a service of two processes', { timeout: 300_000 }, () => {
  it('of which one keeps its old keys, stops a rotation before the new key signs', async () => {
    const { folder } = await shopWith(0);
    const { code, out, err } = await rekey.env(folder, 'rotate', 'production');
    expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Staging']);
    expect(out).not.toContain('promote');
    expect(err).toContain('admin: it answers now with the newest version');
  });

  it('of which one keeps its old keys, does not end an emergency', async () => {
    const { folder } = await shopWith(0);
    const { code, out, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
    expect(out).not.toContain('extinguish');
    expect(err).toContain('admin: it answers now with the newest version');
  });

  it('of which one has other keys, is found by env verify', async () => {
    const { folder, admin } = await shopWith();
    for (const name of ['main', 'admin'])
      put(folder, { [`${name}/.env.production`]: `JWT_SECRET_KEY=${freshKey()}\n` });
    admin.load(0);
    const { code, out } = await rekey.env(folder, 'verify', 'production');
    expect([code, out]).toEqual([1, expect.stringMatching(/admin +\S+ +no +it refuses the key that signs/)]);
  });

  it('that have both followed, is no obstacle, and what is said is what was seen', async () => {
    const { folder, admin } = await shopWith();
    const { code, out } = await rekey.env(folder, ...EMERGENCY);
    expect([code, stateOf(folder).keyset.phase]).toEqual([0, 'Steady']);
    expect(out).toContain('inferred');
    expect(out).not.toMatch(/dead everywhere|every service/);
    expect(admin.connections()).toBeGreaterThanOrEqual(admin.asked());
  });
});
