import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { changed, folderOf, freshKey, git, put, repositoryWith } from '../../support/env/folder.ts';
import { NOW, run } from '../../support/env/run.ts';

const DAY = 86_400_000;
const line = (value: string, name = 'JWT_SECRET_KEY') => `${name}=${value}\n`;

/** Three services, three environments, nothing off. */
function tidy(): string {
  const root = repositoryWith({ '.gitignore': '.env*\n' });
  for (const environment of ['', '.staging', '.production']) {
    const key = freshKey();
    for (const service of ['main', 'autoscraper', 'admin']) {
      const path = `${service}/.env${environment}`;
      put(root, { [path]: line(key) });
      changed(root, path, NOW - 3 * DAY);
    }
  }
  return root;
}

/** The same, with much that is off. */
function messy(): { readonly root: string; readonly keys: readonly string[] } {
  const root = tidy();
  const [other, weak] = [freshKey(), 'not so secret'];
  put(root, {
    'admin/.env.production': readFileSync(join(root, 'main/.env'), 'utf8'),
    'autoscraper/.env.production': `${line(other)}JWT_SECRET_KEY='${weak}'\n`,
    'admin/.env.staging': `PORT=1\nJWT_SECRET_KEY=${other} # of admin\n`,
    'main/.env.bak': line(other),
  });
  changed(root, 'main/.env.staging', NOW - 100 * DAY);
  git(root, 'add', '-f', 'main/.env.production');
  const texts = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.env/.test(path))
    .map((path) => readFileSync(join(root, path), 'utf8'));
  return { root, keys: [weak, ...new Set(texts.join('').match(/[0-9a-f]{64}/g))] };
}

describe('env status', () => {
  it('is a row for each service and environment, and exit status 0', async () => {
    const root = tidy();
    const { exit, out } = await run(root, 'status', 80);
    const [head, , ...rows] = out.split('\n');
    expect(head).toBe(`${root} (found without rekey.yaml; write it with: rekey env init)`);
    const cells = rows.slice(0, 10).map((row) => row.split(/ {2,}/));
    expect(cells[0]?.slice(0, 6)).toEqual(['ENVIRONMENT', 'SERVICE', 'KEY', 'IN STEP', 'AGE', 'DUE']);
    expect(
      cells.slice(1).map(([environment, service, , step, age, due]) => [environment, service, step, age, due]),
    ).toEqual(
      ['development', 'staging', 'production'].flatMap((environment) => [
        [environment, 'main', 'source', '≥3d', 'in ≤87d'],
        [environment, 'admin', 'yes', '≥3d', 'in ≤87d'],
        [environment, 'autoscraper', 'yes', '≥3d', 'in ≤87d'],
      ]),
    );
    expect(out).toContain('nothing is off');
    expect(exit).toBe(0);
  });

  it.each([80, 120])('fits in %d columns, but for what cannot be cut', async (width) => {
    const { root } = messy();
    const { out } = await run(root, 'status', width);
    const long = out
      .split('\n')
      .filter((each) => each.length > width && !each.includes(root) && !each.startsWith('    $'));
    expect(long).toEqual([]);
    const [, , head = ''] = out.split('\n');
    expect(head.includes('FILE')).toBe(width === 120);
  });

  it('has all columns where nobody looks at a screen', async () => {
    const { out } = await run(tidy(), 'status');
    expect(out.split('\n')[2]?.split(/ {2,}/)).toEqual([
      'ENVIRONMENT',
      'SERVICE',
      'KEY',
      'IN STEP',
      'AGE',
      'DUE',
      'FILE',
      'GIT',
      'MODE',
    ]);
  });

  it('says what is off and which commands mend it, of one environment too', async () => {
    const { root } = messy();
    const all = await run(root, 'status', 120);
    expect(all.exit).toBe(3);
    for (const reason of [
      'SameKeyInEnvironments',
      'DuplicateName',
      'KeyDiffers',
      'GuessableKey',
      'AmbiguousValue',
      'RotationDue',
      'TrackedByGit',
      'LeftoverKey',
    ]) {
      expect(all.out).toContain(`[${reason}]`);
    }
    expect(all.out).toContain('    $ git rm --cached main/.env.production\n');
    const staging = await run(root, 'status staging', 120);
    expect(staging.out).toContain('[AmbiguousValue]');
    expect(staging.out).not.toMatch(/DuplicateName|production/);
  });

  it('is for programs, as JSON and as YAML', async () => {
    const { root } = messy();
    const { out, exit } = await run(root, 'status -o json');
    const record = JSON.parse(out) as { readonly rows: readonly object[]; readonly findings: readonly object[] };
    expect(exit).toBe(3);
    expect(record).toMatchObject({ root, configured: false, sourceOfTruth: 'main' });
    expect(record.rows).toHaveLength(9);
    expect(record.rows[0]).toMatchObject({ writtenAt: new Date(NOW - 3 * DAY).toISOString(), inStep: 'SourceOfTruth' });
    expect(load((await run(root, 'status -o yaml')).out)).toEqual(record);
  });

  it.each([
    ['status', 'prodction'],
    ['check', 'prod'],
    ['rotate', 'prod'],
    ['emergency --yes --reason x', 'prod'],
    ['verify', 'prodution'],
  ])('%s knows the environments, and what was meant by %s', async (command, word) => {
    const { exit, said } = await run(tidy(), `${command} ${word}`);
    expect([exit, said]).toEqual([2, `there is no environment "${word}"; did you mean production?\n`]);
  });

  it('says what is wrong with rekey.yaml, by line, and nothing else', async () => {
    const { exit, out, said } = await run(folderOf({ 'rekey.yaml': 'perid: 1d\nmaxTokenTTL: x\n' }), 'status');
    expect([exit, out]).toEqual([1, '']);
    expect(said).toMatch(/^rekey\.yaml:1: .*\nrekey\.yaml:1: .*\nrekey\.yaml:2: .*\n$/);
  });
});

describe('env check', () => {
  it('has exit status 0 if nothing is off, and 1 otherwise', async () => {
    expect(await run(tidy(), 'check')).toEqual({ exit: 0, out: '9 files of services: nothing is off\n', said: '' });
    const { root } = messy();
    expect(await run(root, 'check')).toMatchObject({
      exit: 1,
      out: expect.stringContaining('main/.env.production: error: Git tracks it'),
    });
    expect(await run(root, 'check development')).toMatchObject({
      exit: 1,
      out: expect.stringContaining('LeftoverKey'),
    });
  });

  it('knows nothing of an environment that is not on this machine, and says so if that is asked', async () => {
    const root = folderOf({
      'rekey.yaml':
        'maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env } }\n',
    });
    expect(await run(root, 'check')).toMatchObject({ exit: 0, out: expect.stringContaining('nothing is known of it') });
    expect(await run(root, 'check production')).toMatchObject({ exit: 1 });
  });

  it('says how much it has looked at where nothing is staged', async () => {
    expect(await run(tidy(), 'check --staged')).toEqual({
      exit: 0,
      out: '0 staged files, 3 known keys: no key is staged\n',
      said: '',
    });
  });
});

describe('env init', () => {
  it('writes what status has found, and the schema for editors beside it', async () => {
    const root = tidy();
    const before = JSON.parse((await run(root, 'status -o json')).out) as { readonly rows: readonly object[] };
    mkdirSync(join(root, 'main/deep'));
    const { exit, out, said } = await run(join(root, 'main/deep'), 'init');
    expect([exit, out]).toEqual([
      0,
      `${join(root, 'rekey.yaml')}: written, with 3 services; commit it with rekey.schema.json: neither holds a key\n`,
    ]);
    expect(said).toMatch(/guessed: maxTokenTTL.*\nguessed: main is the source of truth/);
    const text = readFileSync(join(root, 'rekey.yaml'), 'utf8');
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
    expect(JSON.parse(readFileSync(join(root, schema), 'utf8'))).toEqual(
      JSON.parse(readFileSync(resolve(import.meta.dirname, '../../../docs/reference/rekey-yaml.schema.json'), 'utf8')),
    );
    const after = JSON.parse((await run(root, 'status -o json')).out) as object;
    expect(after).toMatchObject({ configured: true, rows: before.rows, findings: [] });
  });

  it('overwrites nothing unless it is forced, and writes nothing where nothing was found', async () => {
    const root = tidy();
    put(root, { 'rekey.yaml': 'mine' });
    expect(await run(root, 'init')).toMatchObject({ exit: 1, said: expect.stringContaining('--force overwrites it') });
    expect(readFileSync(join(root, 'rekey.yaml'), 'utf8')).toBe('mine');
    expect(await run(root, 'init --force')).toMatchObject({ exit: 0 });
    const empty = folderOf({ 'main/.env': 'PORT=1\n' });
    expect(await run(empty, 'init')).toMatchObject({ exit: 1, said: expect.stringContaining('nothing to write') });
    expect(existsSync(join(empty, 'rekey.yaml'))).toBe(false);
  });
});

describe('whatever is written', () => {
  it('has no byte of a key in it', async () => {
    const { root, keys } = messy();
    const commands = [
      'status',
      'status -o json',
      'status -o yaml',
      'check',
      'check -o json',
      'init',
      'check --staged',
      'check --staged -o yaml',
    ];
    const texts = await Promise.all(commands.map((command) => run(root, command)));
    const all = texts.map(({ out, said }) => out + said).join('') + readFileSync(join(root, 'rekey.yaml'), 'utf8');
    expect(keys.length).toBeGreaterThan(4);
    const pieces = keys.flatMap((key) => Array.from({ length: key.length - 7 }, (_, i) => key.slice(i, i + 8)));
    expect(pieces.filter((piece) => all.includes(piece))).toEqual([]);
  });

  it('steers no terminal, whatever a file is called', async () => {
    const files = { 'ma\u001b[2Jin/.env': line(freshKey()), 'ma\u001b[2Jin/.env.bak': line(freshKey()) };
    const root = join(folderOf(), 'sh\u001b[2Jop');
    put(root, files);
    const { out } = await run(root, 'status');
    expect(out).toContain('.env.bak');
    expect(out).not.toContain('\u001b');
  });
});

describe('the code for .env files', () => {
  const root = resolve(import.meta.dirname, '../../..');
  /** What a file loads when it is loaded: not types, and not what it imports later. */
  const loadedBy = (file: string): readonly string[] => {
    const text = readFileSync(join(root, file), 'utf8');
    const matches = [...text.matchAll(/^(?:import|export) (?!type )(?:[^;']*? from )?'([^']+)';/gm)];
    return matches.map(([, name = '']) =>
      name.startsWith('.') ? relative(root, resolve(root, file, '..', name)) : name,
    );
  };

  it('loads no client of a cluster, no log, no estimator and no YAML before they are needed', () => {
    const seen = new Set(['src/rekey.ts']);
    for (const file of seen) if (file.startsWith('src/')) for (const name of loadedBy(file)) seen.add(name);
    const packages = [...seen].filter((name) => !name.startsWith('src/') && !name.startsWith('node:'));
    expect(packages).toEqual(['commander']);
    expect([...seen].filter((name) => name.startsWith('src/kube/')).sort()).toEqual([
      'src/kube/config-error.ts',
      'src/kube/errors.ts',
      'src/kube/files.ts',
      'src/kube/printable.ts',
    ]);
  });
});
