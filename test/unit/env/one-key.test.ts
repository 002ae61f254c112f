/** A reload command may be done before the service has started anew. `rekey` runs as a process. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

describe('a service that restarts after its reload command has ended', { timeout: 300_000 }, () => {
  it('is not taken for one that knows one key', async () => {
    let folder = '';
    const admin = await openService(() => join(folder, 'admin/.env.production'));
    folder = twoServices({
      main: 'roles: [Signer]',
      admin: `roles: [Verifier], canary: "${admin.url}", reload: "true"`,
    });
    admin.load();
    const before = admin.asked();
    const rotating = rekey.env(folder, 'rotate', 'production');
    // it was asked before the command and after it, and still has the old file
    while (admin.asked() < before + 15) await new Promise((done) => setTimeout(done, 20));
    admin.load();
    const { code, out, err } = await rotating;
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('production: promote');
    expect(stateOf(folder).keyset.phase).toBe('Promoting');
  });

  it('is taken for one if that does not change', async () => {
    let folder = '';
    const admin = await openService(() => join(folder, 'admin/.env.production'));
    folder = twoServices({
      main: 'roles: [Signer]',
      admin: `roles: [Verifier], canary: "${admin.url}", reload: "true"`,
    });
    admin.load();
    const { code, out } = await rekey.env(folder, 'rotate', 'production');
    expect([code, out]).toEqual([1, expect.stringContaining('production: Aborted')]);
  });
});
