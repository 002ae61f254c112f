/** What is said of burnt keys: nothing that no service was asked. `rekey` runs as a process. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newRekey, type Rekey, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

let rekey: Rekey;
beforeAll(async () => {
  rekey = await newRekey();
}, 120_000);
afterAll(() => rekey.remove());

describe('an emergency', { timeout: 300_000 }, () => {
  it('that another run ends is called inferred: the burnt keys are not at hand there', async () => {
    let folder = '';
    const [main, admin] = await Promise.all(
      ['main', 'admin'].map((name) => openService(() => join(folder, name, '.env.production'))),
    );
    folder = twoServices({ main: `canary: "${main?.url}"`, admin: `canary: "${admin?.url}"` });
    main?.load();
    admin?.load();
    // admin accepts the leaked key from elsewhere too, whatever its file says
    admin?.also.push(...(admin.keys() ?? []));
    await rekey.env(folder, 'emergency', 'production', '--reason', 'leaked', '--yes');
    expect(stateOf(folder).keyset.phase).toBe('Burning');
    main?.load();
    admin?.load();
    const { out } = await rekey.env(folder, 'continue', 'production');
    expect(out).toContain('extinguish');
    expect(out).not.toContain('every service has refused the burnt keys');
    expect(stateOf(folder).keyset.emergency?.inferred).toBe(
      'main, admin accept the fresh key, and could not be asked about the burnt ones: no file has them any more',
    );
  });
});
