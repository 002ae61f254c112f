/** What is said of burnt keys: nothing that no service was asked. `rekey` runs as a process. */
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EMERGENCY, rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

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
    await rekey.env(folder, ...EMERGENCY);
    expect(stateOf(folder).keyset.phase).toBe('Burning');
    main?.load();
    admin?.load();
    const { out } = await rekey.env(folder, 'continue', 'production');
    expect(out).toContain('extinguish');
    expect(out).not.toContain('every burnt key was refused');
    expect(stateOf(folder).keyset.emergency?.inferred).toBe(
      'main, admin accept the fresh key, and could not be asked about the burnt ones: no file has them any more',
    );
  });

  it('of two services that share one real file burns its key', async () => {
    const folder = twoServices();
    const [main, admin] = ['main', 'admin'].map((name) => join(folder, name, '.env.production'));
    const before = readFileSync(main ?? '', 'utf8');
    rmSync(admin ?? '');
    symlinkSync(main ?? '', admin ?? '');
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, err]).toEqual([0, expect.not.stringContaining('twice')]);
    expect(readFileSync(main ?? '', 'utf8')).not.toContain(before.trim());
    expect(readFileSync(admin ?? '', 'utf8')).toBe(readFileSync(main ?? '', 'utf8'));
    expect((await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder))).code).toBe(0);
  });

  it('of two services that share one real file under different names says how to get out', async () => {
    const folder = twoServices();
    const [main = '', admin = ''] = ['main', 'admin'].map((name) => join(folder, name, '.env.production'));
    const key = readFileSync(main, 'utf8').trim().replace('JWT_SECRET_KEY=', '');
    const text = `JWT_SECRET_KEY=${key}\nJWT_SECRET=${key}\n`;
    writeFileSync(main, text);
    rmSync(admin);
    symlinkSync(main, admin);
    const yaml = readFileSync(join(folder, 'rekey.yaml'), 'utf8');
    const both = yaml.replace(/(admin: .*)\[JWT_SECRET_KEY\]/, '$1[JWT_SECRET]');
    writeFileSync(join(folder, 'rekey.yaml'), both);
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, readFileSync(main, 'utf8')]).toEqual([1, text]);
    expect(err).toContain('is the same file as');
    expect(err).toContain('give both services the same names in rekey.yaml');
  });

  it('claims nothing before it is agreed to', async () => {
    const folder = twoServices();
    const { code, err } = await rekey.env(folder, 'emergency', 'production', '--reason', 'leaked');
    expect([code, err]).toEqual([2, expect.stringContaining('will be burnt')]);
    expect(err).not.toMatch(/is burnt|are burnt/);
  });
});
