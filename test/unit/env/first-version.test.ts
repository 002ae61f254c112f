/** A state that begins anew begins with a version that no word from before can name. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { firstVersion } from '../../../src/env/first-version.ts';
import { EMERGENCY, rekeyForFile, reloadedOf, stateOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();
const NOW = Date.parse('2026-12-01T12:00:00Z');
const after = (text: string, now = NOW) => firstVersion({ stateBytes: Buffer.from(text) }, now);

it('a word from before the state was removed ends no emergency', { timeout: 300_000 }, async () => {
  const folder = twoServices();
  await rekey.env(folder, 'rotate', 'production');
  const said = reloadedOf(folder);
  rmSync(join(folder, '.rekey'), { recursive: true });
  await rekey.env(folder, ...EMERGENCY);
  const { code, err } = await rekey.env(folder, 'continue', 'production', ...said);
  expect([code, stateOf(folder).keyset.phase]).toEqual([1, 'Burning']);
  expect(err).toContain(`rekey env continue production ${reloadedOf(folder).join(' ')}`);
});

it('the first version is the time, and more than each that is left of a state that is set aside', () => {
  const first = firstVersion({}, NOW);
  expect(first).toBe(289_008_000);
  expect(firstVersion({}, NOW + 100)).toBe(first + 1);
  // the clock is behind, and the state is cut off
  const state = `{"keyset":{"rekey.dev/keyset-version":"${first + 7}","history":"[{\\"version\\":${first + 6}`;
  expect(after(state)).toBe(first + 8);
  expect(after(`{"keyset":{"history":"[{\\"version\\":${first + 6},`)).toBe(first + 7);
  // what is no version counts for nothing
  expect([after('version 1234567890123456'), after('no-version'), after('', 0)]).toEqual([first, first, 1]);
});
