/** Files of the largest size that is read take no longer than a moment, whatever is in them. */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/env/config.ts';
import { parseEnv } from '../../../src/env/dotenv/parse.ts';
import { placesIn, wantedKeys } from '../../../src/env/key-places.ts';
import { checkStaged } from '../../../src/env/staged.ts';
import { readYaml } from '../../../src/env/yaml.ts';
import { KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { freshKey, git, put, repositoryWith } from '../../support/env/folder.ts';

const LINES = 80_000;
const QUICK_MS = 40_000;
const many = (line: (i: number) => string) => Buffer.from(Array.from({ length: LINES }, (_, i) => line(i)).join('\n'));

describe('a long file', { timeout: 300_000 }, () => {
  it('is parsed in a moment', () => {
    const began = performance.now();
    expect(parseEnv(many((i) => `A${i}=x`)).assignments.length).toBe(LINES);
    expect(parseEnv(many((i) => (i === 7 ? 'export A=x' : 'A=x'))).assignments[0]?.ambiguous).toMatch(/more than once/);
    expect(performance.now() - began).toBeLessThan(QUICK_MS);
  });

  it('of YAML has its lines found in a moment', async () => {
    const began = performance.now();
    const { lineOf } = await readYaml(many((i) => `A${i}: x`).toString());
    expect(lineOf([`A${LINES - 1}`])).toBe(LINES);
    expect(performance.now() - began).toBeLessThan(QUICK_MS);
  });

  it('is searched for staged keys in a moment', async () => {
    const key = freshKey();
    const root = repositoryWith({ '.gitignore': '.env\n', '.env': `JWT_SECRET_KEY=${key}\n` });
    put(root, { 'notes.txt': many(() => 'JWT_SECRET_KEY=0f8e7d6c5b4a'), 'other.env': many(() => 'JWT_SECRET_KEY=x') });
    put(root, { 'last.txt': `${'a\n'.repeat(LINES)}it was ${key}\n` });
    git(root, 'add', '-f', 'notes.txt', 'other.env', 'last.txt');
    const began = performance.now();
    const { findings } = await checkStaged(await loadConfig(root), root);
    expect(findings.find(({ file }) => file === 'last.txt')).toMatchObject({ line: LINES + 1 });
    expect(findings.filter(({ file }) => file === 'other.env').length).toBe(LINES);
    expect(performance.now() - began).toBeLessThan(3 * QUICK_MS);
  });

  it('is searched for burnt keys in a moment', () => {
    const wanted = () => wantedKeys([new KeyMaterial(Buffer.from(freshKey()))]);
    const began = performance.now();
    const blank = ' '.repeat(1_000_000);
    for (const text of [`A=${blank}x`, `${blank}x`, `A="${blank}" x`, `# ${blank}x`, `A='${"' ".repeat(300_000)}x`])
      expect(placesIn(Buffer.from(text), wanted())).toEqual([]);
    expect(
      placesIn(
        many((i) => `A${i}=x`),
        wanted(),
      ),
    ).toEqual([]);
    expect(performance.now() - began).toBeLessThan(QUICK_MS);
  });
});
