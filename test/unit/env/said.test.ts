/** What a person says counts for what the person has seen, and nothing else is taken for it. `rekey` runs as a process. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rekeyForFile, reloadedOf, run, stateOf, twoServices } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const PROMPT = join(import.meta.dirname, '../../support/env/prompt.py');

const rekey = rekeyForFile();

const typing = (typed: string, folder: string, ...args: readonly string[]) =>
  run(folder, 'python3', PROMPT, 'go on later) ', typed, process.execPath, rekey.path, 'env', ...args);

/** @returns what rekey prints for whoever has restarted all services */
const goOnOf = (folder: string) => ['rekey env continue production', ...reloadedOf(folder)].join(' ');

describe('the question whether services were restarted', { timeout: 300_000 }, () => {
  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
    ['q', 'q\n'],
  ])('is not answered with yes by %s', async (_, typed) => {
    const folder = twoServices();
    const { code, out } = await typing(typed, folder, 'rotate', 'production');
    expect([code, out]).toEqual([0, expect.stringContaining(goOnOf(folder))]);
    const { keyset, reloads } = stateOf(folder);
    expect([keyset.phase, reloads]).toEqual(['Staging', {}]);
  });

  it('is answered with yes by Enter', async () => {
    const folder = twoServices();
    await typing('\n', folder, 'rotate', 'production');
    expect(stateOf(folder).keyset.phase).toBe('Draining');
  });
});

describe('--reloaded', { timeout: 300_000 }, () => {
  it('of a service whose command fails counts if it is named, and says so if it is not', async () => {
    const folder = twoServices({ main: 'reload: "false"', admin: 'reload: "true"' });
    const { err } = await rekey.env(folder, 'rotate', 'production');
    const { version } = stateOf(folder).keyset;
    expect(err).toContain(`rekey takes your word: rekey env continue production --reloaded ${version} main\n`);
    const unnamed = await rekey.env(folder, 'continue', 'production', '--reloaded', String(version));
    expect(unnamed.err).toContain(`--reloaded ${version} counts for no service: main has a reload command. `);
    expect(stateOf(folder).keyset.phase).toBe('Staging');
    await rekey.env(folder, 'continue', 'production', '--reloaded', String(version), 'main');
    expect(stateOf(folder).keyset.phase).toBe('Promoting');
  });

  it('says nothing of a file that is written after it', async () => {
    let folder = '';
    const admin = await openService(() => join(folder, 'admin/.env.production'));
    folder = twoServices({ main: 'roles: [Signer]', admin: `roles: [Verifier], canary: "${admin.url}"` });
    admin.load();
    await rekey.env(folder, 'rotate', 'production');
    admin.load();
    // its answers end the step by themselves, and promote is written now: main has not been restarted since
    const { out } = await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    expect(out).toContain('production: promote');
    expect(out).toContain('Restart main');
    const { keyset, reloads } = stateOf(folder);
    expect([keyset.phase, reloads]).toEqual(['Promoting', {}]);
  });

  it('says nothing of a later version than the one that was restarted for', async () => {
    const folder = twoServices();
    const { out } = await rekey.env(folder, 'rotate', 'production');
    const hint = /rekey env (continue production --reloaded \d+)/.exec(out)?.[1]?.split(' ') ?? [];
    // two people have read it, and restarted once
    expect((await rekey.env(folder, ...hint)).code).toBe(0);
    const promoted = stateOf(folder);
    const second = await rekey.env(folder, ...hint);
    expect([second.code, stateOf(folder)]).toEqual([1, promoted]);
    expect(second.err).toContain(`the files have version ${promoted.keyset.version} since`);
    expect(second.err).toContain(goOnOf(folder));
    // what a person has said is not called known
    const drained = await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    expect(drained.out).toMatch(/drain: .* \(inferred: somebody said that main, admin had been restarted\)/);
  });

  it.each([[[]], [['main']]])('without a version is refused, and the right command is shown: %j', async (names) => {
    const folder = twoServices();
    await rekey.env(folder, 'rotate', 'production');
    const before = stateOf(folder);
    const { code, err } = await rekey.env(folder, 'continue', 'production', '--reloaded', ...names);
    expect([code, stateOf(folder)]).toEqual([2, before]);
    expect(err).toContain([goOnOf(folder), ...names].join(' '));
  });
});
