/** The keyring libraries follow the files of a mounted Secret, and keep the keys that they have if they cannot. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startCrew } from '../../support/keyring/crew.ts';
import { type Files, Mount } from '../../support/keyring/mount.ts';
import { readToken, signToken } from '../../support/traffic/tokens.ts';

const crew = await startCrew();
afterAll(() => crew[Symbol.asyncDispose]());

const [A, B, ACK] = [1, 2, 3].map(() => randomBytes(32).toString('hex')) as [string, string, string];
const STEADY = { JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: ACK, JWT_KEY_ID: 'k-a', JWT_ALGORITHM: 'HS256' };
const DRAINING = { ...STEADY, JWT_SECRET_KEY: B, JWT_SECRET_KEY_FALLBACKS: `${A},${ACK}`, JWT_KEY_ID: 'k-b' };

/** Versions that cannot be used, and what is said of them. */
const UNUSABLE: Readonly<Record<string, readonly [files: Files, says: RegExp]>> = {
  'has a short key': [{ ...DRAINING, JWT_SECRET_KEY: 'short' }, /^JWT_SECRET_KEY has 5 bytes/],
  'has no signing key': [{ JWT_SECRET_KEY_FALLBACKS: A }, /^JWT_SECRET_KEY is missing/],
  'has a key that cannot be read': [
    { ...DRAINING, JWT_SECRET_KEY: undefined },
    /^JWT_SECRET_KEY of the mounted folder cannot be read/,
  ],
  'has fallbacks that cannot be read': [
    { ...DRAINING, JWT_SECRET_KEY_FALLBACKS: undefined },
    /^JWT_SECRET_KEY_FALLBACKS of the mounted folder cannot be read/,
  ],
  'has bytes that are not UTF-8': [
    { ...DRAINING, JWT_SECRET_KEY: Buffer.from(`${B}\xff`, 'latin1') },
    /^JWT_SECRET_KEY .*not UTF-8/,
  ],
  'has an algorithm of other keys': [{ ...DRAINING, JWT_ALGORITHM: 'RS256' }, /^JWT_ALGORITHM is not HS256/],
};

describe.each(crew.members)('$title', (member) => {
  const mounted = (mount: Mount) => member.ask({ op: 'mount', name: mount.dir, dir: mount.dir });
  const accepts = async ({ dir }: Mount, key: string): Promise<boolean> => {
    const token = await signToken({ key });
    return (await member.ask({ op: 'verify', name: dir, token })).claims !== undefined;
  };
  const signsAs = async ({ dir }: Mount): Promise<string | undefined> => {
    const { token = '' } = await member.ask({ op: 'sign', name: dir, claims: { jti: '1' }, ttl: 60 });
    return readToken(token).kid;
  };
  const reports = async ({ dir }: Mount) => (await member.ask({ op: 'info', name: dir })).reports;

  it('follows each version at once, and says so', async () => {
    using mount = new Mount();
    mount.publish('1', STEADY);
    expect(await mounted(mount)).toEqual({ ok: true });
    expect([await accepts(mount, A), await accepts(mount, B), await signsAs(mount)]).toEqual([true, false, 'k-a']);
    mount.publish('2', DRAINING);
    expect([await accepts(mount, A), await accepts(mount, B), await signsAs(mount)]).toEqual([true, true, 'k-b']);
    mount.publish('3', { ...DRAINING, JWT_SECRET_KEY_FALLBACKS: '' });
    expect([await accepts(mount, A), await accepts(mount, B)]).toEqual([false, true]);
    expect(await reports(mount)).toEqual(['reloaded', 'reloaded']);
  });

  it.each(Object.entries(UNUSABLE))(
    'keeps its keys while a version %s, says why once, and goes on',
    async (_, [files, says]) => {
      using mount = new Mount();
      mount.publish('1', STEADY);
      await mounted(mount);
      for (const version of ['2', '3', '4']) {
        mount.publish(version, files);
        expect([await accepts(mount, A), await accepts(mount, B), await signsAs(mount)]).toEqual([true, false, 'k-a']);
      }
      expect(await reports(mount)).toEqual([expect.stringMatching(says)]);
      mount.publish('5', DRAINING);
      expect([await accepts(mount, B), await signsAs(mount)]).toEqual([true, 'k-b']);
      expect(await reports(mount)).toEqual([expect.stringMatching(says), 'reloaded']);
      const shown = JSON.stringify(await member.ask({ op: 'info', name: mount.dir }));
      expect([A, B, ACK].filter((key) => shown.includes(key.slice(0, 12)))).toEqual([]);
    },
  );

  it.each(Object.entries(UNUSABLE))('does not start with a version that %s', async (_, [files, says]) => {
    using mount = new Mount();
    mount.publish('1', files);
    const { error, variable } = await mounted(mount);
    expect(error).toMatch(says);
    expect(error).toMatch(new RegExp(`^${variable} `));
  });

  it('keeps its keys while the link leads nowhere', async () => {
    using mount = new Mount();
    mount.publish('1', STEADY);
    await mounted(mount);
    mount.swapTo('gone');
    expect([await accepts(mount, A), await signsAs(mount)]).toEqual([true, 'k-a']);
    expect(await reports(mount)).toEqual([expect.stringMatching(/^JWT_SECRET_KEY is missing/)]);
  });

  it('reads a version again that could not be read, though the link stays', async () => {
    using mount = new Mount();
    mount.publish('1', STEADY);
    await mounted(mount);
    mount.publish('2', { ...DRAINING, JWT_SECRET_KEY: undefined });
    expect(await accepts(mount, B)).toBe(false);
    const file = join(mount.dir, '..2', 'JWT_SECRET_KEY');
    rmSync(file, { recursive: true });
    writeFileSync(file, B);
    await expect.poll(() => accepts(mount, B)).toBe(true);
  });

  it('does not take fallbacks for gone that the kubelet removes while they are read', async () => {
    using mount = new Mount();
    mount.publish('1', STEADY);
    await mounted(mount);
    const before = mount.prepare('2', { JWT_SECRET_KEY_FALLBACKS: B });
    // whoever reads it waits until it is written to
    execFileSync('mkfifo', [join(before, 'JWT_SECRET_KEY')]);
    mount.swapTo('2');
    const accepted = accepts(mount, B);
    const slow = await open(join(before, 'JWT_SECRET_KEY'), 'w');
    mount.publish('3', { JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: B });
    rmSync(before, { recursive: true });
    await slow.write(A);
    await slow.close();
    expect(await accepted).toBe(true);
  });

  it('follows the files of a folder without the link', async () => {
    using mount = new Mount();
    const write = (files: Readonly<Record<string, string>>): void => {
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(mount.dir, `${name}.new`), text);
        renameSync(join(mount.dir, `${name}.new`), join(mount.dir, name));
      }
    };
    write(STEADY);
    await mounted(mount);
    expect([await accepts(mount, B), await signsAs(mount)]).toEqual([false, 'k-a']);
    write(DRAINING);
    expect([await accepts(mount, A), await accepts(mount, B), await signsAs(mount)]).toEqual([true, true, 'k-b']);
  });

  it('follows a file that another of its size and time replaces', async () => {
    using mount = new Mount();
    const at = new Date('2026-01-01');
    const write = (text: string): void => {
      const file = join(mount.dir, 'JWT_SECRET_KEY');
      writeFileSync(`${file}.new`, text);
      utimesSync(`${file}.new`, at, at);
      renameSync(`${file}.new`, file);
    };
    write(A);
    await mounted(mount);
    write(B);
    expect([await accepts(mount, A), await accepts(mount, B)]).toEqual([false, true]);
  });
});
