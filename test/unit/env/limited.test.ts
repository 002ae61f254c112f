/** A service that limits requests is asked in parts, and what it has answered counts. `rekey` runs as a process. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EMERGENCY, rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';
import { type Limit, openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

async function shopWith(limit: Limit) {
  let folder = '';
  const admin = await openService(() => join(folder, 'admin/.env.production'), 1, limit);
  const reload = admin.loadCommand().replaceAll('"', '\\"');
  folder = twoServices({ main: 'reload: "true"', admin: `canary: "${admin.url}", reload: "${reload}"` });
  admin.load();
  return { folder, admin };
}

describe('a service that limits requests', { timeout: 300_000 }, () => {
  it('is waited for as long as it asks, and ends an emergency', async () => {
    const { folder, admin } = await shopWith({ requests: 45, ms: 9_000 });
    const { code, out } = await rekey.env(folder, ...EMERGENCY, '--watch');
    expect([code, stateOf(folder).keyset.phase]).toEqual([0, 'Steady']);
    expect(out).toContain('the emergency is over');
    // up to four requests are on their way when it says so
    expect(admin.limited()).toBeLessThanOrEqual(4 * Math.ceil(admin.asked() / 45));
  });

  it('for too long, is named with what it has answered, and with what to do', async () => {
    const { folder, admin } = await shopWith({ requests: 45, ms: 120_000 });
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
    expect(err).toMatch(/admin: it has answered alike [1-9]\d* of 20 times so far, .*it answered 429.*--watch/);
    expect(admin.limited()).toBeLessThanOrEqual(4);
  });

  it('is waited for by env verify', async () => {
    const { folder } = await shopWith({ requests: 45, ms: 9_000 });
    const { out } = await rekey.env(folder, 'verify', 'production');
    expect(out).toMatch(/admin +\S+ +yes/);
  });
});
