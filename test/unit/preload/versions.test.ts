/**
 * The preloads for Python and Ruby under further versions of the libraries: those of other releases of Debian. languages.test.ts
 * has those of the machine's own release. `REKEY_DEBIAN_RELEASES=sid` adds what a release has that is still changing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { debianLibraries, rubyProgram, type Unpacked, versionsIn } from '../../support/libraries/debian.ts';
import { type Env, PRELOAD, wrongAnswers } from '../../support/preload/ask.ts';

const support = join(import.meta.dirname, '..', '..', 'support', 'preload');
/** What is not in a release is not in its row. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  bullseye: ['python3-jwt', 'python3-authlib', 'ruby-jwt'],
};
const ALL = ['python3-jwt', 'python3-authlib', 'python3-joserfc', 'ruby-jwt'];
/** What docs/services/preload.md names. */
const VERSIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bullseye: { pyjwt: '1.7.1', authlib: '0.15.4' },
  trixie: { pyjwt: '2.10.1', authlib: '1.6.0', joserfc: '1.1.0', jwt: '2.7.1' },
};
const more = process.env.REKEY_DEBIAN_RELEASES?.split(',') ?? [];

// compiled, and so of the machine's own release
const compiled = await debianLibraries(['python3-cryptography', 'python3-cffi-backend', 'python3-typing-extensions']);
const ruby = await rubyProgram();
const rows: { release: string; unpacked: Unpacked; versions: Readonly<Record<string, string>> }[] = [];
for (const release of [...Object.keys(VERSIONS), ...more]) {
  const unpacked = await debianLibraries(PACKAGES[release] ?? ALL, release);
  if (unpacked !== undefined) rows.push({ release, unpacked, versions: versionsIn(unpacked) });
}

it.skipIf(rows.length === 0)('is tried with the versions that the page names', () => {
  for (const { release, versions } of rows) expect(versions).toMatchObject(VERSIONS[release] ?? {});
  expect(rows.map(({ release }) => release)).toEqual([...Object.keys(VERSIONS), ...more]);
});

/** @returns the wrong answers without the preload and with it */
async function asked(command: readonly [string, ...string[]], without: Env, preloaded: Env) {
  const before = await wrongAnswers(command, without, 'without');
  return { before, after: await wrongAnswers(command, preloaded, 'with') };
}

describe.each(rows)('$release', ({ unpacked, versions }) => {
  const libraries = ['pyjwt', 'authlib', 'joserfc'].filter((name) => name in versions);

  it.skipIf(compiled === undefined).each(libraries)(
    '%s accepts the fallbacks with the preload, and nothing else that it refuses without',
    async (library) => {
      const path = `${unpacked.python}:${compiled?.python}`;
      const command = ['/usr/bin/python3', '-B', join(support, 'python', 'answer.py'), library] as const;
      const preloaded = { PYTHONPATH: `${join(PRELOAD, 'python')}:${path}` };
      expect(await asked(command, { PYTHONPATH: path }, preloaded)).toEqual({ before: [], after: [] });
    },
  );

  it.skipIf(ruby === undefined)('ruby-jwt does so', async () => {
    const gem = join(
      unpacked.root,
      'usr',
      'share',
      'rubygems-integration',
      'all',
      'gems',
      `jwt-${versions.jwt}`,
      'lib',
    );
    // 2.2.2 is not packed as a gem
    const lib = existsSync(gem) ? gem : unpacked.ruby;
    const command = [ruby ?? 'ruby', '-I', lib, join(support, 'ruby', 'answer.rb')] as const;
    const preloaded = { RUBYOPT: `-r${join(PRELOAD, 'ruby', 'rekey.rb')}` };
    expect(await asked(command, {}, preloaded)).toEqual({ before: [], after: [] });
  });
});
