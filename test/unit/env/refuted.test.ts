/** A service that was seen to accept a burnt key: whoever cannot ask about it does not end the emergency. `rekey` runs as a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EMERGENCY, rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

/** `admin` accepts the leaked key from elsewhere too, whatever its file says. */
async function leakingShop() {
  let folder = '';
  const admin = await openService(() => join(folder, 'admin/.env.production'));
  const reload = admin.loadCommand().replaceAll('"', '\\"');
  folder = twoServices({ main: 'reload: "true"', admin: `canary: "${admin.url}", reload: "${reload}"` });
  admin.load();
  admin.also.push(...admin.keys());
  return { folder, admin };
}

describe('a service that accepts a burnt key after its restart', { timeout: 300_000 }, () => {
  it('ends no emergency by the advice of rekey, until a person has restarted it', async () => {
    const { folder } = await leakingShop();
    const begun = await rekey.env(folder, ...EMERGENCY);
    expect([begun.code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
    expect(begun.err).toContain('cannot ask about burnt keys');
    expect(stateOf(folder).reloads.admin?.refuted).toBe(true);
    const again = await rekey.env(folder, 'continue', 'production');
    expect([again.code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
    expect(again.err).toContain('admin: it accepted a burnt key after its last reported restart');
    const { version } = stateOf(folder).keyset;
    expect(again.err).toContain(
      `rekey then takes your word: rekey env continue production --reloaded ${version} admin`,
    );
    const over = await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder, 'admin'));
    expect([over.code, over.out]).toEqual([0, expect.stringContaining('inferred: ')]);
  });

  it('is not forgotten by the command that has seen it, whoever ends the emergency', async () => {
    const { folder } = await leakingShop();
    const child = spawn(process.execPath, [rekey.path, 'env', ...EMERGENCY, '--watch'], { cwd: folder });
    onTestFinished(() => void child.kill());
    const [ended, err] = [once(child, 'exit'), text(child.stderr)];
    child.stdout.resume();
    const refuted = () => stateOf(folder).reloads.admin?.refuted;
    await expect.poll(refuted, { timeout: 60_000, interval: 50 }).toBe(true);
    // the one that watches may see it accepted again before the word counts
    let watches = true;
    void ended.then(() => {
      watches = false;
    });
    while (watches) await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder, 'admin'));
    const [code] = await ended;
    expect([code, await err]).toEqual([3, expect.stringContaining('admin')]);
  });
});

it('a service that shows later that it refuses every burnt key ends the emergency', async () => {
  const { folder, admin } = await leakingShop();
  const child = spawn(process.execPath, [rekey.path, 'env', ...EMERGENCY], { cwd: folder });
  onTestFinished(() => void child.kill());
  const [ended, out] = [once(child, 'exit'), text(child.stdout)];
  const refuted = () => stateOf(folder).reloads.admin?.refuted;
  await expect.poll(refuted, { timeout: 60_000, interval: 50 }).toBe(true);
  admin.also.splice(0);
  expect(await ended).toEqual([0, null]);
  expect(await out).toContain('(inferred: the reload command of main succeeded)');
}, 300_000);
