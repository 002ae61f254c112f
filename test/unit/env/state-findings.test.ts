/** What `check` says of a state that is not as rekey left it. `rekey` runs as a process. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EMERGENCY, rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();
const FILES = ['main/.env.production', 'admin/.env.production'];

function saved(folder: string) {
  for (const file of FILES) copyFileSync(join(folder, file), join(folder, `${file}.saved`));
  return () => {
    for (const file of FILES) copyFileSync(join(folder, `${file}.saved`), join(folder, file));
  };
}

describe('env check', { timeout: 120_000 }, () => {
  it('finds that all files were put back, and sync and abort say what is so', async () => {
    const folder = twoServices();
    const putBack = saved(folder);
    const old = readFileSync(join(folder, FILES[0] ?? ''), 'utf8');
    await rekey.env(folder, 'rotate', 'production');
    expect((await rekey.env(folder, 'check', 'production')).out).not.toContain('NotWritten');
    putBack();
    const { code, out } = await rekey.env(folder, 'check', 'production');
    expect([code, out]).toEqual([1, expect.stringContaining('they have keys of before')]);
    expect(out).toContain('$ rekey env abort production');
    // the new key is lost, and nobody needs it to go back
    expect((await rekey.env(folder, 'abort', 'production')).out).toContain('production: abort: ');
    expect(readFileSync(join(folder, FILES[0] ?? ''), 'utf8')).toContain(old.trim());
  });

  it('does not go back with files that were put back once the new key signs', async () => {
    const folder = twoServices();
    const putBack = saved(folder);
    await rekey.env(folder, 'rotate', 'production');
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    expect(stateOf(folder).keyset.phase).toBe('Promoting');
    putBack();
    const { code, err } = await rekey.env(folder, 'abort', 'production');
    expect([code, err]).toEqual([1, expect.stringContaining('First run: rekey env sync production')]);
  });

  it('fails while an emergency is not over', async () => {
    const folder = twoServices();
    await rekey.env(folder, ...EMERGENCY);
    expect(stateOf(folder).keyset.phase).toBe('Burning');
    const { code, out } = await rekey.env(folder, 'check', 'production');
    expect([code, out]).toEqual([1, expect.stringContaining('[EmergencyOpen]')]);
    expect((await rekey.env(folder, 'sync', 'production')).out).toContain('an emergency is not over (Burning)');
  });

  it('finds a step that was cut off', async () => {
    const folder = twoServices();
    await rekey.env(folder, ...EMERGENCY);
    mkdirSync(join(folder, '.rekey/step'));
    expect((await rekey.env(folder, 'check')).out).toContain('[StepCutOff]');
  });

  it('names the command that ends a step, by its journal', async () => {
    const folder = twoServices();
    await rekey.env(folder, ...EMERGENCY);
    const entry = {
      target: '.rekey/production.json',
      fresh: '.rekey/step/x-0.new',
      old: null,
      before: null,
      after: '',
    };
    mkdirSync(join(folder, '.rekey/step'));
    writeFileSync(join(folder, '.rekey/step/done.json'), JSON.stringify({ root: folder, entries: [entry] }));
    const { out } = await rekey.env(folder, 'check');
    expect(out).toContain('ends it or undoes it [StepCutOff]\n    $ rekey env continue production\n');
    expect((await rekey.env(folder, 'continue', 'production')).err).toContain('cut off when it tidied up');
    expect((await rekey.env(folder, 'check')).out).not.toContain('[StepCutOff]');
  });
});
