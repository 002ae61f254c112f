/** What people can meet is explained: every reason, Event, metric and flag stands in the reference, every reason in the runbook. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HELP } from '../../src/flags.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))];
const missing = (names: readonly string[], path: string) => names.filter((name) => !read(path).includes(name));

const finding = read('src/rotation/finding.ts');
const reasons = all(finding.slice(0, finding.indexOf('export interface')), /\| '([A-Za-z]+)'/g);

describe('the documentation', () => {
  it('explains every reason, in the reference and in the runbook', () => {
    expect(reasons.length).toBeGreaterThan(30);
    expect(missing(reasons, 'docs/reference/conditions.md')).toEqual([]);
    expect(missing(reasons, 'docs/runbook.md')).toEqual([]);
  });

  it('explains every Event', () => {
    const events = all(read('src/rotation/announce.ts'), /(?:normal|warning)\('([A-Za-z]+)'|reason: '([A-Za-z]+)'/g);
    expect(missing(events, 'docs/reference/events.md')).toEqual([]);
  });

  it('explains every metric of rotations', () => {
    const metrics = all(read('src/rotation/metrics.ts'), /'(rekey_[a-z_]+)'/g);
    expect(metrics.length).toBeGreaterThan(10);
    expect(missing(metrics, 'docs/reference/metrics.md')).toEqual([]);
  });

  it('explains every flag', () => {
    expect(missing(all(HELP, /(--[a-z-]+)/g), 'docs/reference/flags.md')).toEqual([]);
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
