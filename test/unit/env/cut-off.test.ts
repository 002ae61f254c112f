/** `rekey env` is killed at its calls of the file system: the next command goes on, and no key of one file is apart from the others. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundled } from '../../support/env/bundled.ts';
import { put } from '../../support/env/folder.ts';
import { reloadedOf } from '../../support/env/pair.ts';
import { fastFolder } from '../../support/env/step-scene.ts';

/** Each process takes a while to start: `REKEY_KILLS=all` kills one at every call that changes something, else at a few. */
const EACH = process.env.REKEY_KILLS === 'all' ? 1 : 40;
const SERVICES = ['main', 'autoscraper', 'admin'];
const folders: string[] = [];
const program = await bundled('command-process');
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function freshFolder(): string {
  const folder = mkdtempSync(join(fastFolder, 'rekey-cut-'));
  folders.push(folder);
  return folder;
}

function newShop(): string {
  const folder = freshFolder();
  const key = 'k3y'.repeat(15);
  const services = SERVICES.map(
    (name) => `  ${name}: { names: [JWT_SECRET_KEY], files: { production: ${name}/.env }, readsFallbacks: true }`,
  );
  put(folder, {
    ...Object.fromEntries(SERVICES.map((name) => [`${name}/.env`, `# ${name}\nJWT_SECRET_KEY=${key}\nX=1\n`])),
    'rekey.yaml': `maxTokenTTL: 1s\nclockSkew: 0s\nslack: 0s\nsourceOfTruth: main\nservices:\n${services.join('\n')}\n`,
  });
  return folder;
}

/** @param at the number of the call at which the process dies; -1: it does not */
function env(folder: string, at: number, ...args: readonly string[]) {
  return new Promise<{ readonly exit: number; readonly out: string; readonly err: string; readonly killed: boolean }>(
    (done) => {
      const child = execFile(process.execPath, [program, String(at), ...args], { cwd: folder }, (error, out, err) => {
        done({ exit: Number(error?.code ?? 0), out, err, killed: error?.signal === 'SIGKILL' });
      });
      child.stdin?.end();
    },
  );
}

/** Of each file: what signs and what is accepted besides. */
function keysOf(folder: string): readonly string[] {
  return SERVICES.map((name) => {
    const text = readFileSync(join(folder, name, '.env'), 'utf8');
    expect(text.replaceAll(/^JWT.*\n/gm, '')).toBe(`# ${name}\nX=1\n`);
    return [...text.matchAll(/^JWT_\w+=.*$/gm)].join('\n');
  });
}

/** Goes on until nothing is under way any more. */
async function goOn(folder: string): Promise<string> {
  // the first look ends what was cut off, so that the version is known
  for (let steps = 0; steps < 20; steps += 1) {
    const restarted = steps === 0 ? [] : reloadedOf(folder);
    const { exit, out, err } = await env(folder, -1, 'continue', 'production', ...restarted);
    expect([exit, err.replace(/^the last step was cut off.*\n/, '')]).toEqual([0, '']);
    expect(new Set(keysOf(folder)).size).toBe(1);
    if (/Completed|RolledBack|Aborted|nothing is under way|the emergency is over since/.test(out)) return out;
    if (out.includes('stays accepted until')) await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error('it does not end');
}

const strays = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !/^(rekey\.yaml|\w+|\w+\/\.env|\.rekey|\.rekey\/(\.gitignore|lock|production\.json))$/.test(path),
  );

/** Each with the commands before it. */
const COMMANDS: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['rotate', [['rotate', 'production']]],
  [
    'promote',
    [
      ['rotate', 'production'],
      ['continue', 'production', '--reloaded', 'VERSION'],
    ],
  ],
  [
    'abort',
    [
      ['rotate', 'production'],
      ['abort', 'production'],
    ],
  ],
  ['emergency', [['emergency', 'production', '--yes', '--reason', 'x']]],
];

describe('a command that is cut off', { timeout: 600_000 }, () => {
  it.each(COMMANDS)('in the middle of %s', async (_, commands) => {
    const start = newShop();
    for (const before of commands.slice(0, -1)) expect((await env(start, -1, ...before)).exit).toBe(0);
    const [, version = ''] = commands.length > 1 ? reloadedOf(start) : [];
    const last = commands.at(-1)?.map((word) => (word === 'VERSION' ? version : word)) ?? [];
    const copied = () => {
      const folder = freshFolder();
      cpSync(start, folder, { recursive: true });
      return folder;
    };
    const { out: whole } = await env(copied(), -1, ...last);
    const calls = (/^calls: (.*)$/m.exec(whole)?.[1] ?? '').split(' ').map(Number);
    expect(calls.length).toBeGreaterThan(30);
    const points = calls.filter((_call, i) => i % EACH === 0);
    for (const at of points) {
      const folder = copied();
      expect((await env(folder, at, ...last)).killed).toBe(true);
      await goOn(folder);
      expect(strays(folder)).toEqual([]);
      rmSync(folder, { recursive: true });
    }
    console.log(`killed at ${points.length} of ${calls.length} calls that change something`);
  });
});

describe('env status', () => {
  it('says what is under way, and until when the old key is accepted', async () => {
    const shop = newShop();
    const status = async () => (await env(shop, -1, 'status')).out;
    expect(await status()).not.toContain('under way');
    await env(shop, -1, 'rotate', 'production');
    expect(await status()).toContain(
      'production: a rotation is under way (Staging)\n    $ rekey env continue production\n',
    );
    await env(shop, -1, 'continue', 'production', ...reloadedOf(shop));
    await env(shop, -1, 'continue', 'production', ...reloadedOf(shop));
    const { underWay } = JSON.parse((await env(shop, -1, 'status', '-o', 'json')).out.split('\ncalls:')[0] ?? '') as {
      readonly underWay: readonly object[];
    };
    // the drain of this shop lasts a second: it may be over
    const until = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(underWay).toEqual([{ environment: 'production', phase: 'Draining', back: false, until }]);
  });
});
