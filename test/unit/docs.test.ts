/** What people can meet is explained: every reason, Event, metric and flag stands in the reference, every reason in the runbook. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { HELP } from '../../src/flags.ts';
import { ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { anchorsOf } from '../support/docs/anchors.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))];
const missing = (names: readonly string[], path: string) => names.filter((name) => !read(path).includes(name));

const finding = read('src/rotation/api/finding.ts');
const reasons = all(finding.slice(0, finding.indexOf('export interface')), /\| '([A-Za-z]+)'/g);

describe('the documentation', () => {
  it('explains every reason, in the reference and in the runbook', () => {
    expect(reasons.length).toBeGreaterThan(30);
    expect(missing(reasons, 'docs/reference/conditions.md')).toEqual([]);
    expect(missing(reasons, 'docs/runbook.md')).toEqual([]);
  });

  it('rests on a test on a real API server for every reason', () => {
    const dir = join(root, 'test/apiserver');
    const tests = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'));
    const untried = reasons.filter((reason) => !tests.some((text) => text.includes(`'${reason}'`)));
    // the CRD lets none in, see bad-input.test.ts
    expect(untried).toEqual(['InvalidDuration']);
  });

  it('explains every write of the Secret', () => {
    const writes = all(read('src/rotation/keyset/writes.ts'), /transition: '([a-z]+)'/g);
    expect(writes.length).toBeGreaterThan(12);
    expect(missing(writes, 'docs/protocol.md')).toEqual([]);
  });

  it('names no file that is not there', () => {
    const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
    const wrong = pages.flatMap((page) => {
      const named = all(read(page), /(?<![\w/.-])((?:src|test|docs|deploy|crds|examples|tools|bench)\/[\w./-]*\w)/g);
      const gone = named.filter(
        (path) => !existsSync(join(root, path)) && !existsSync(join(root, dirname(page), path)),
      );
      return gone.map((path) => `${page}: ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  it('says of every folder of the tests and of the source where it is tested', () => {
    const foldersOf = (parent: string) =>
      readdirSync(join(root, parent), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${parent}/${name}`);
    const folders = ['test', 'test/unit', 'test/support', 'src', 'src/rotation'].flatMap(foldersOf);
    expect(folders.length).toBeGreaterThan(35);
    const text = read('test/README.md');
    expect(folders.filter((folder) => !new RegExp(`\`${folder}\``).test(text))).toEqual([]);
  });

  it('explains every Event', () => {
    const told = ['report/announce', 'report/announcements', 'audit/audit-writer', 'report/notifier']
      .map((name) => read(`src/rotation/${name}.ts`))
      .join('');
    const events = all(told, /(?:(?:normal|warning)\(|reason: |#tell(?:Once)?\(resource, )'([A-Za-z]+)'/g);
    expect(events.length).toBeGreaterThan(20);
    expect(missing(events, 'docs/reference/events.md')).toEqual([]);
  });

  it('explains every metric of rotations', () => {
    const metrics = all(read('src/rotation/report/metrics.ts'), /'(rekey_[a-z_]+)'/g);
    expect(metrics.length).toBeGreaterThan(10);
    expect(missing(metrics, 'docs/reference/metrics.md')).toEqual([]);
  });

  it('leads from the symptoms to every reason', () => {
    const page = read('docs/troubleshooting.md');
    const lost = reasons.filter((reason) => !page.includes(`[\`${reason}\`](runbook.md#${reason.toLowerCase()})`));
    expect(lost).toEqual([]);
    // each symptom has the same three lines, so that nobody has to look for the next step
    const symptoms = page
      .split(/^### /m)
      .slice(1)
      .map((section) => section.split(/^## /m)[0] ?? '');
    expect(symptoms.length).toBeGreaterThan(20);
    const lines = ['- **It means**: ', '- **Run**: ', '- **Next**: '];
    expect(symptoms.filter((section) => !lines.every((line) => section.includes(line)))).toEqual([]);
  });

  it('leads from the index to every page', () => {
    const index = read('docs/README.md');
    const names = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(
      (page) => /^(reference|services|gitops)?\/?[^/]+\.md$/.test(page) && page !== 'README.md',
    );
    expect(names.length).toBeGreaterThan(25);
    expect(names.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });

  it('explains every flag', () => {
    expect(missing(all(HELP, /(--[a-z-]+)/g), 'docs/reference/flags.md')).toEqual([]);
  });

  it('explains every command and its flags', () => {
    const files = [
      ...['program.ts', 'cluster-commands.ts', 'connection.ts', 'generate.ts', 'log-commands.ts', 'report/commands.ts'],
      ...['validate-app/command.ts', 'validate-app/flags.ts'],
    ];
    const program = files.map((file) => read(`src/cli/${file}`)).join('\n');
    const commands = all(program, /(?:add(?:<[^(]+>)?\(\s*|\.command\(|\n +\[)'([a-z-]+)[ ']/g);
    expect(commands).toEqual(
      expect.arrayContaining(['status', 'plan', 'rotate', 'pause', 'emergency', 'verify-audit', 'generate']),
    );
    const flags = all(program, /'(?:-[a-zA-Z], )?(--[a-z-]+)/g);
    expect(flags.length).toBeGreaterThan(12);
    expect(missing([...commands, ...flags], 'docs/reference/command-line.md')).toEqual([]);
  });

  it('explains every command for .env files and its flags', () => {
    const files = ['cli/env/commands.ts', 'cli/env/rotation-commands.ts'].map((file) => read(`src/${file}`)).join('\n');
    const commands = all(files, /\.command\('([a-z-]+)[ ']/g).filter((name) => name !== 'env');
    expect(commands).toEqual(expect.arrayContaining(['status', 'check', 'rotate', 'continue', 'sync']));
    const flags = all(files, /'(?:-[a-zA-Z], )?(--[a-z-]+)/g);
    expect(flags.length).toBeGreaterThan(7);
    expect(missing([...commands.map((name) => `env ${name}`), ...flags], 'docs/reference/env.md')).toEqual([]);
  });

  it.each(['README.md', 'docs/runbook.md'])('gives rights for the Secret that the reader names, in %s', (page) => {
    const [, option = '', script = ''] =
      /kubectl kustomize deploy\/namespace \| sed (-E )?'([^']+)'/.exec(read(page)) ?? [];
    const roles = loadAll(read('deploy/namespace/rbac.yaml')) as { rules?: { resourceNames?: string[] }[] }[];
    // as kubectl kustomize prints it: a line for each name
    const input = roles.map((role) => dump(role)).join('---\n');
    const args = option === '' ? [script] : ['-E', script];
    const named = loadAll(execFileSync('sed', args, { input, encoding: 'utf8' })) as typeof roles;
    const names = named.flatMap(({ rules = [] }) => rules.flatMap(({ resourceNames = [] }) => resourceNames));
    expect(names.sort()).toEqual(['my-jwt', ledgerConfigMapName('my-jwt')]);
  });

  it('has no link to a heading that is not there', () => {
    const listed = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
    const broken = listed
      .trim()
      .split('\n')
      .flatMap((page) =>
        [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)]
          .filter(([, path = '', anchor = '']) => {
            const target = path === '' ? page : join(dirname(page), path);
            return target.endsWith('.md') && !anchorsOf(read(target)).has(anchor);
          })
          .map(([link]) => `${page}: ${link}`),
      );
    expect(broken).toEqual([]);
  });

  it('has no link to a file that is not there', () => {
    const pages = [
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((page) => `docs/${page}`),
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
    ];
    const broken = pages
      .filter((page) => page.endsWith('.md'))
      .flatMap((page) => all(read(page), /\]\((?!https?:|#|mailto:)([^)#\s]+)/g).map((link) => [page, link] as const))
      .filter(([page, link]) => {
        try {
          return readFileSync(join(root, dirname(page), link)).length < 0;
        } catch (error) {
          return (error as NodeJS.ErrnoException).code !== 'EISDIR';
        }
      });
    expect(broken).toEqual([]);
  });
});
