/** The Dockerfiles of examples are built in the root of the repository, whose .dockerignore lets the operator's files through only. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const files = globSync('examples/**/Dockerfile{,.node,.python}', { cwd: root });
const linesOf = (file: string): readonly string[] => readFileSync(join(root, file), 'utf8').split('\n');

/** What a Dockerfile copies of the context. */
const copiedBy = (file: string): readonly string[] =>
  linesOf(file).flatMap((line) => (/^COPY (?!--from)(.*) \S+$/.exec(line)?.[1] ?? '').split(' ').filter(Boolean));

const letThrough = (file: string): readonly string[] =>
  linesOf(`${file}.dockerignore`).flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));

describe.each(files)('%s', (file) => {
  it('has a .dockerignore of its own, which lets through what it copies, and nothing else', () => {
    expect(copiedBy(file).length).toBeGreaterThan(0);
    const paths = copiedBy(file).map((path) => path.replace(/\/$/, ''));
    expect([...letThrough(file)].sort()).toEqual([...paths].sort());
    expect(paths.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
  });
});

it('looks at each of them', () => {
  expect(files.length).toBe(4);
});
