/** `rekey env` on three running services, as processes, with real tokens. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundled } from '../../support/env/bundled.ts';
import { openShop, type Programs, Tokens } from '../../support/env/shop.ts';

const FILES = ['main/.env.production', 'autoscraper/.env.production', 'admin/.env.production'];
const keyIn = (text: string) => /^JWT_SECRET_KEY=(.*)$/m.exec(text)?.[1];

const programs: Programs = { rekey: await bundled('../../../src/rekey'), restart: await bundled('restart') };

// real processes, as fast as the machine lets them start
describe('a rotation of .env files', { timeout: 300_000 }, () => {
  it('goes through by itself, and no live token is refused', async () => {
    const shop = await openShop(programs);
    const before = FILES.map(shop.read);
    const tokens = new Tokens(shop.urls.values());
    onTestFinished(() => tokens.stop());
    const { code, out, err } = await shop.env('rotate', 'production', '--watch');
    await tokens.stop();
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('production: Completed');
    expect(out).not.toContain('inferred');
    expect(tokens.rejected).toEqual([]);
    expect(tokens.issued).toBeGreaterThan(20);
    const after = FILES.map(shop.read);
    expect(new Set(after.map(keyIn)).size).toBe(1);
    expect(keyIn(after[0] ?? '')).toMatch(/^[0-9a-f]{64}$/);
    // nothing else has changed
    const without = (text: string) => text.replace(/^JWT_SECRET_KEY=.*$/m, '');
    expect(after.map(without)).toEqual(before.map(without));
    expect(shop.read('.rekey/production.json')).not.toContain(keyIn(after[0] ?? ''));
  });

  it('takes the new key out again where a service knows one key, before it has signed', async () => {
    const shop = await openShop(programs, { settings: { autoscraper: 'KEY_MODE=single' } });
    const before = FILES.map(shop.read);
    const tokens = new Tokens(shop.urls.values());
    onTestFinished(() => tokens.stop());
    const { code, out, err } = await shop.env('rotate', 'production', '--watch');
    await tokens.stop();
    expect(code).toBe(1);
    expect(out).toContain('production: Aborted');
    expect(err).toContain(
      'autoscraper: it was restarted and accepts the key that signs, but not the others in its file',
    );
    expect(tokens.rejected).toEqual([]);
    expect(FILES.map(shop.read)).toEqual(before);
  });

  it('says when the last service has refused the leaked key', async () => {
    const shop = await openShop(programs);
    const old = FILES.map(shop.read).map(keyIn);
    const { code, out } = await shop.env('emergency', 'production', '--reason', 'it was in a log', '--yes');
    expect(code).toBe(0);
    expect(out).toMatch(
      /the emergency is over since \S+Z, .* \(observed: every burnt key was refused 20 times in a row by each service/,
    );
    const now = FILES.map(shop.read).map(keyIn);
    expect(new Set(now).size).toBe(1);
    expect(old).not.toContain(now[0]);
    // nobody puts a burnt key back
    writeFileSync(`${shop.folder}/admin/.env.production`, `JWT_SECRET_KEY=${old[0]}\n`);
    const again = await shop.env('rotate', 'production');
    expect(again.code).toBe(1);
    expect(again.err).toContain('admin/.env.production: JWT_SECRET_KEY holds a burnt key again');
    expect((await shop.env('sync', 'production')).code).toBe(0);
    expect(FILES.map(shop.read).map(keyIn)).toEqual(now);
    expect((await shop.env('verify', 'production')).code).toBe(0);
  });
});
