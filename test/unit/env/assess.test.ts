import { execSync } from 'node:child_process';
import { chmodSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Assessment, assess, only } from '../../../src/env/assess.ts';
import { loadSetup } from '../../../src/env/config.ts';
import { observe } from '../../../src/env/observe.ts';
import { fingerprintOf, KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { changed, folderOf, freshKey, git, put, repositoryWith } from '../../support/env/folder.ts';

afterEach(() => void vi.unstubAllEnvs());

const NOW = Date.parse('2026-11-29T12:00:00Z');
const DAY = 86_400_000;
const key = freshKey();
const line = (value = key, name = 'JWT_SECRET_KEY') => `${name}=${value}\n`;
const print = (value: string) => fingerprintOf(new KeyMaterial(Buffer.from(value)));

const assessed = async (root: string): Promise<Assessment> => assess(await observe(await loadSetup(root)), NOW);
const findingsIn = async (root: string) =>
  (await assessed(root)).findings.map(
    ({ reason, severity, file, line: at }) => `${severity} ${reason} ${file}${at ? `:${at}` : ''}`,
  );
/** Of two services in one environment. */
const pair = (main: string, admin: string) => folderOf({ 'main/.env': main, 'admin/.env': admin });
const stepOf = async (root: string, service = 'admin') => {
  const row = (await assessed(root)).rows.find((each) => each.service === service);
  return row?.why === undefined ? row?.inStep : `${row.inStep}: ${row.why}`;
};

describe('a row', () => {
  it('names the place of the key and its fingerprint, never the key', async () => {
    const root = folderOf({ 'main/.env': `PORT=1\n${line()}` });
    const { rows, findings } = await assessed(root);
    expect(rows).toEqual([
      expect.objectContaining({
        file: 'main/.env',
        line: 2,
        name: 'JWT_SECRET_KEY',
        fingerprint: print(key),
        mode: '600',
      }),
    ]);
    expect(findings).toEqual([]);
    expect(JSON.stringify([rows, findings])).not.toContain(key.slice(0, 8));
  });

  it.each([
    ['Yes', line()],
    ['Yes', line(key, 'JWT_SECRET')],
    ['No: other key', line(freshKey())],
    ['No: empty', line('')],
    ['Unknown: ambiguous value', line('$(pass jwt)')],
  ])('is in step with the source of truth or not: %s', async (step, admin) => {
    const root = pair(line(), admin);
    expect(await stepOf(root)).toBe(step);
    expect(await stepOf(root, 'main')).toBe('SourceOfTruth');
  });

  it('is not in step without the name or the file, and unknown where nobody can know', async () => {
    const yaml = (truth: string) =>
      `maxTokenTTL: 1h\nsourceOfTruth: ${truth}\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env } }\n  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env } }\n`;
    const root = folderOf({ 'rekey.yaml': yaml('main'), 'main/.env': line(), 'admin/.env': 'PORT=1\n' });
    expect(await stepOf(root)).toBe('No: name missing');
    unlinkSync(join(root, 'admin/.env'));
    expect(await stepOf(root)).toBe('No: file missing');
    put(root, { 'rekey.yaml': yaml('admin') });
    expect(await stepOf(root, 'main')).toBe('Unknown: key of admin unknown');
    put(root, { 'admin/.env': Buffer.from(line(), 'utf16le') });
    expect(await stepOf(root)).toBe('Unknown: not readable');
  });

  it('has the age of the state, else at least that of the file', async () => {
    const root = folderOf({ 'main/.env': line() });
    changed(root, 'main/.env', NOW - 10 * DAY);
    const times = async () => {
      const [row] = (await assessed(root)).rows;
      return [row?.writtenBy, ((row?.writtenAt ?? 0) - NOW) / DAY, ((row?.dueAt ?? 0) - NOW) / DAY];
    };
    expect(await times()).toEqual(['FileChanged', -10, 80]);
    const remembered = (fields: object) =>
      put(root, { '.rekey/development.json': JSON.stringify({ keyset: JSON.stringify([fields]) }) });
    const createdAt = new Date(NOW - 30 * DAY).toISOString();
    remembered({ kid: 'k-1', fp: print(key), state: 'signing', createdAt });
    expect(await times()).toEqual(['State', -30, 60]);
    remembered({ kid: 'k-1', fp: print(key), state: 'found', createdAt });
    expect(await times()).toEqual(['FileChanged', -30, 60]);
    remembered({ kid: 'k-1', fp: print(freshKey()), state: 'signing', createdAt });
    expect(await times()).toEqual(['FileChanged', -10, 80]);
  });
});

describe('a finding', () => {
  it('is one key in two environments, at the one that has most to lose', async () => {
    const root = folderOf({
      'main/.env': line(),
      'main/.env.production': line(),
      'main/.env.staging': line(freshKey()),
    });
    const { findings } = await assessed(root);
    expect(findings).toEqual([
      expect.objectContaining({
        reason: 'SameKeyInEnvironments',
        file: 'main/.env.production',
        line: 1,
        message: expect.stringContaining('development (main/.env:1)'),
        fix: ['rekey env rotate production'],
      }),
    ]);
    const of = async (environment: string) =>
      only(await assessed(root), environment).findings.map(({ reason }) => reason);
    expect(await of('development')).toEqual(['SameKeyInEnvironments']);
    expect(await of('staging')).toEqual([]);
  });

  it('is not two weak keys with one fingerprint, but one weak key twice', async () => {
    // 16 bits are shown of a weak one: among 2000 some are alike
    const words = new Map<string, string>();
    let twins: readonly [string, string] | undefined;
    for (let i = 0; twins === undefined; i += 1) {
      const other = words.get(print(`word${i}`));
      if (other !== undefined) twins = [other, `word${i}`];
      words.set(print(`word${i}`), `word${i}`);
    }
    const [one, other] = twins;
    const reasons = async (a: string, b: string) =>
      findingsIn(folderOf({ 'main/.env': line(a), 'main/.env.production': line(b) }));
    expect((await reasons(one, other)).join()).not.toContain('SameKeyInEnvironments');
    expect((await reasons(one, one)).join()).toContain('SameKeyInEnvironments');
  });

  it('is a key that is known, guessable, or cannot stand in a list', async () => {
    expect(await findingsIn(pair(line('changeme'), line('changeme')))).toEqual(['error PubliclyKnownKey main/.env:1']);
    expect(await findingsIn(pair(line('correct'), line('correct')))).toEqual(['error GuessableKey main/.env:1']);
    const listed = `"${key},${freshKey()}"`;
    expect(await findingsIn(pair(line(listed), line(listed)))).toEqual(['error KeyUnfit main/.env:1']);
  });

  it('is a key whose period is over', async () => {
    const root = pair(line(), line());
    changed(root, 'main/.env', NOW - 90 * DAY + 1000);
    expect(await findingsIn(root)).toEqual([]);
    changed(root, 'main/.env', NOW - 90 * DAY);
    expect(await findingsIn(root)).toEqual(['error RotationDue main/.env:1']);
  });

  it('is another key, an empty one, one that is read differently, with the command that mends it', async () => {
    const { findings } = await assessed(pair(line(), line(freshKey())));
    expect(findings).toEqual([
      expect.objectContaining({
        reason: 'KeyDiffers',
        file: 'admin/.env',
        line: 1,
        fix: ['rekey env sync development'],
      }),
    ]);
    expect(await findingsIn(pair(line(), line('')))).toEqual(['error KeyEmpty admin/.env:1']);
    expect(await findingsIn(pair(line(), line(`${key} # mine`)))).toEqual(['error AmbiguousValue admin/.env:1']);
  });

  it('is two names of the source of truth with two keys', async () => {
    expect(await findingsIn(folderOf({ 'main/.env': line() + line(freshKey(), 'JWT_SECRET') }))).toEqual([
      'error KeyDiffers main/.env:2',
    ]);
  });

  it('is a name twice with different values, of which the last one counts', async () => {
    const twice = line(freshKey()) + line();
    expect(await findingsIn(pair(line(), twice))).toEqual(['error DuplicateName admin/.env:2']);
    expect(await findingsIn(pair(line(), line() + line()))).toEqual([]);
  });

  it('is a name that a file lacks: an error without any, a warning without one of several', async () => {
    const root = folderOf({
      ...{ 'main/.env': line(), 'main/.env.production': 'PORT=1\n' },
      ...{ 'admin/.env': line() + line(key, 'SECRET_KEY'), 'admin/.env.production': line(freshKey()) },
    });
    expect(await findingsIn(root)).toEqual([
      'error NameMissing main/.env.production',
      'warning NameMissing admin/.env.production',
    ]);
  });

  it('is a file that is missing, but not all of an environment: those were never here', async () => {
    const file = (name: string) =>
      `  ${name}: { names: [JWT_SECRET_KEY], files: { production: ${name}/.env.production } }\n`;
    const yaml = `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n${file('main')}${file('admin')}`;
    const root = folderOf({ 'rekey.yaml': yaml });
    expect(await findingsIn(root)).toEqual(['warning EnvironmentAbsent main/.env.production']);
    put(root, { 'main/.env.production': line() });
    expect(await findingsIn(root)).toEqual(['error FileMissing admin/.env.production']);
  });

  it('is a service without an environment that others have', async () => {
    const root = folderOf({ 'main/.env': line(), 'admin/.env': line(), 'admin/.env.production': line(freshKey()) });
    expect(await findingsIn(root)).toEqual(['warning EnvironmentIncomplete admin/.env.production']);
  });

  it('is a file that others may read', async () => {
    const root = pair(line(), line());
    chmodSync(join(root, 'main/.env'), 0o640);
    chmodSync(join(root, 'admin/.env'), 0o604);
    const { findings } = await assessed(root);
    expect(findings.map(({ message, fix }) => [message, fix])).toEqual([
      ['open to its group (mode 640)', ['chmod 600 main/.env']],
      ['open to every user of this machine (mode 604)', ['chmod 600 admin/.env']],
    ]);
  });

  it('is a configured file that is a link, worse where it leads outside', async () => {
    const yaml = 'maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env } }\n';
    const [root, outside] = [folderOf({ 'rekey.yaml': yaml, 'main/real': line() }), folderOf({ 'other/.env': line() })];
    symlinkSync('real', join(root, 'main/.env'));
    expect(await findingsIn(root)).toEqual(['warning SymbolicLink main/.env']);
    unlinkSync(join(root, 'main/.env'));
    unlinkSync(join(root, 'main/real'));
    symlinkSync(join(outside, 'other/.env'), join(root, 'main/.env'));
    expect(await findingsIn(root)).toEqual(['error SymbolicLink main/.env']);
  });

  it('is a file with a key that rekey.yaml does not name', async () => {
    const yaml = 'maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { development: main/.env } }\n';
    const root = folderOf({ 'rekey.yaml': yaml, 'main/.env': line(), 'jobs/.env': line(), 'main/.env.local': line() });
    expect(await findingsIn(root)).toEqual([
      'warning FileNotConfigured jobs/.env',
      'warning FileNotConfigured main/.env.local',
    ]);
  });

  it.each([
    ['is no JSON', '{'],
    ['rekey has not written', '{"format":1,"keyset":{}}'],
  ])('is a state file that %s', async (_, text) => {
    const root = folderOf({ 'main/.env': line(), '.rekey/development.json': text });
    expect(await findingsIn(root)).toEqual(['error StateUnreadable .rekey/development.json']);
  });

  it('is a folder without a key', async () => {
    expect(await findingsIn(folderOf({ 'main/.env': 'PORT=1\n' }))).toEqual(['warning NotSearched .']);
  });
});

describe('what Git holds', () => {
  const files = { 'main/.env': line(), 'main/.env.production': line(freshKey()) };

  it('is a finding with the commands that mend it, and they do', async () => {
    const root = repositoryWith({ ...files, '.gitignore': '.env\n' });
    git(root, 'add', '-f', '.');
    git(root, 'commit', '-qm', 'all');
    const { findings } = await assessed(root);
    expect(findings.map(({ reason, file, fix }) => [reason, file, fix])).toEqual([
      ['TrackedByGit', 'main/.env', ['git rm --cached main/.env']],
      [
        'TrackedByGit',
        'main/.env.production',
        ['git rm --cached main/.env.production', 'echo main/.env.production >> .gitignore'],
      ],
    ]);
    expect(findings[1]?.message).toContain('rekey env emergency production');
    runAll(
      root,
      findings.flatMap(({ fix = [] }) => fix),
    );
    expect(await findingsIn(root)).toEqual([]);
  });

  it('is a finding too where nothing ignores the file, in the repository that the file is in', async () => {
    const root = repositoryWith({ "it's/a [1].env": line(), 'main/.env': line(), 'rekey.yaml': '' });
    git(join(root, 'main'), 'init', '-q');
    put(root, {
      'rekey.yaml': `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env } }\n  odd: { names: [JWT_SECRET_KEY], files: { production: "it's/a [1].env" } }\n`,
    });
    const { findings } = await assessed(root);
    expect(findings.map(({ reason, fix }) => [reason, fix])).toEqual([
      ['NotIgnoredByGit', ['echo .env >> main/.gitignore']],
      ['NotIgnoredByGit', [String.raw`echo 'it'\''s/a\ \[1\].env' >> .gitignore`]],
    ]);
    runAll(
      root,
      findings.flatMap(({ fix = [] }) => fix),
    );
    expect(await findingsIn(root)).toEqual([]);
  });

  it('is said once to be unknown, and is a warning, without git', async () => {
    const root = repositoryWith(files);
    vi.stubEnv('PATH', folderOf());
    const { findings, rows } = await assessed(root);
    expect(findings).toEqual([
      expect.objectContaining({
        reason: 'GitUnknown',
        severity: 'warning',
        message: expect.stringContaining('1 more is not known: git is not installed'),
      }),
    ]);
    expect(rows.map(({ tracked, ignored }) => [tracked, ignored])).toEqual([
      ['unknown', 'unknown'],
      ['unknown', 'unknown'],
    ]);
  });

  it('is said of a leftover as well', async () => {
    const root = repositoryWith({ 'main/.env.bak': line(), '.gitignore': '.env\n' });
    git(root, 'add', '-f', '.');
    expect(await findingsIn(root)).toEqual([
      'error TrackedByGit main/.env.bak',
      'error LeftoverKey main/.env.bak:1',
      'warning NotSearched .',
    ]);
  });
});

/** As whoever reads the findings would. */
function runAll(root: string, commands: readonly string[]): void {
  expect(commands.length).toBeGreaterThan(0);
  for (const command of commands) execSync(command, { cwd: root, stdio: 'pipe' });
}
