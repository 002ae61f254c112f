import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { patched } from '../mutants/patches.ts';
import { MUTANTS } from './mutants.ts';
import { repoRoot } from './operator.ts';
import { allPlans } from './plans/all.ts';

describe('broken operators', () => {
  it.each(MUTANTS)('$name still fits the source', ({ patches, plan }) => {
    const sources = new Map<string, string>();
    for (const patch of patches) {
      const source = sources.get(patch.file) ?? readFileSync(join(repoRoot, patch.file), 'utf8');
      sources.set(patch.file, patched(source, patch));
      expect(sources.get(patch.file)).not.toBe(source);
    }
    if (plan !== undefined) expect(allPlans().some(({ name }) => name === plan)).toBe(true);
  });
});
