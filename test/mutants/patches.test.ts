import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutant.ts';
import { patched } from './patches.ts';

const root = new URL('../../', import.meta.url);

describe('mutants', () => {
  it.each(MUTANTS.map(({ name, patches }) => ({ name, patches })))('$name still fits the source', ({ patches }) => {
    for (const patch of patches) {
      const source = readFileSync(new URL(patch.file, root), 'utf8');
      expect(patched(source, patch)).not.toBe(source);
    }
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
