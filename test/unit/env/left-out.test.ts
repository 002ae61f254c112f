/** An emergency where the file of one service cannot be read: the key dies in the others, and nobody says that it is over. */
import { mkdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOf, freshKey, put } from '../../support/env/folder.ts';
import { stateOf } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

const CONFIG = `maxTokenTTL: 24h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { development: main/.env }, readsFallbacks: true }
  admin: { names: [JWT_SECRET_KEY], files: { development: admin/.env }, readsFallbacks: true }
`;
const old = freshKey();
const line = `JWT_SECRET_KEY=${old}\n`;
const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');
const shop = () => folderOf({ 'rekey.yaml': CONFIG, 'main/.env': line, 'admin/.env': line });
/** After all that must be restarted was. */
const goOn = (root: string) => `continue development --reloaded ${stateOf(root, 'development').keyset.version}`;
const EMERGENCY = 'emergency development --yes --reason leaked';

/** @param service whose file becomes a folder, which nobody can read as a file */
function lost(root: string, service: string): void {
  unlinkSync(join(root, service, '.env'));
  mkdirSync(join(root, service, '.env'));
}

describe('an emergency with a file that cannot be read', () => {
  it('names the way to burn the key in the others', async () => {
    const root = shop();
    lost(root, 'admin');
    const { exit, said } = await run(root, EMERGENCY);
    expect(exit).toBe(1);
    expect(said).toContain('rekey env emergency development --without admin --reason TEXT');
    expect(read(root, 'main/.env')).toBe(line);
  });

  it.each(['admin', 'main'])(
    'burns the key in all but %s, and is over only when that has followed',
    async (service) => {
      const other = service === 'main' ? 'admin' : 'main';
      const root = shop();
      lost(root, service);
      const begun = await run(root, `${EMERGENCY} --without ${service}`);
      expect(begun.said).toContain(`${service} is left out: it may accept a burnt key until you mend its file`);
      expect([begun.exit, begun.out]).toEqual([3, expect.stringContaining(`Restart ${other}.`)]);
      const { version } = stateOf(root, 'development').keyset;
      const order = `First make the file of ${service} one that rekey can read and replace (if the service is gone for good: copy the file of another one there). Then: rekey env sync development. Then restart ${service}, and when all run again: rekey env continue development --reloaded ${version}`;
      expect(begun.said).toContain(order);
      expect(read(root, `${other}/.env`)).not.toContain(old);
      // it cannot go on without the file
      expect((await run(root, goOn(root))).exit).toBe(1);
      rmSync(join(root, service, '.env'), { recursive: true });
      put(root, { [`${service}/.env`]: line });
      const again = await run(root, goOn(root));
      expect([again.exit, again.said]).toEqual([1, expect.stringContaining(`${service}/.env: JWT_SECRET_KEY`)]);
      expect((await run(root, 'sync development')).exit).toBe(0);
      expect(read(root, `${service}/.env`)).not.toContain(old);
      const over = await run(root, goOn(root));
      expect([over.exit, over.out]).toEqual([0, expect.stringContaining('extinguish: the emergency is over')]);
    },
  );

  it('rests, and names the service, when all others have followed in the same run', async () => {
    const yaml = CONFIG.replace('admin/.env }', 'admin/.env }, reload: "true"');
    const root = folderOf({ 'rekey.yaml': yaml, 'main/.env': line, 'admin/.env': line });
    lost(root, 'main');
    const { exit, out, said } = await run(root, `${EMERGENCY} --without main`);
    expect(exit).toBe(3);
    expect(said).toContain('main: left out, so it may still accept a burnt key');
    expect(out).not.toContain('over');
  });

  it('is not over by taking the service out of rekey.yaml', async () => {
    const root = shop();
    lost(root, 'admin');
    await run(root, `${EMERGENCY} --without admin`);
    put(root, { 'rekey.yaml': CONFIG.replace(/^ {2}admin:.*\n/m, '') });
    const { exit, said } = await run(root, goOn(root));
    expect([exit, said]).toEqual([3, expect.stringContaining('admin: part of this rotation')]);
  });

  it.each([
    ['nobody', '--without "nobody": there is no such service in development; known: main, admin'],
    ['main admin', '--without: no service is left'],
  ])('refuses to leave out %s', async (names, message) => {
    const root = shop();
    const { exit, said } = await run(root, `${EMERGENCY} --without ${names}`);
    expect([exit, said]).toEqual([2, expect.stringContaining(message)]);
    expect(read(root, 'main/.env')).toBe(line);
  });
});
