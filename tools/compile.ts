/**
 * Writes what V8 compiles of the operator until it could begin beside it, for a Node of the same version and processor
 * architecture: a third of the time until the first request is gone then.
 *
 * Usage: node tools/compile.ts [FOLDER]     with what tools/bundle.ts wrote; dist if absent
 *
 * The same bytes each time, so that a layer of an image has the same digest: the seed of hashes is a constant while V8
 * compiles, and no function gets older. What is left to chance, a bit in twenty-five times (Node 24.21), goes by the
 * first two that are equal.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compiledOf } from '../src/compiled.ts';

const ATTEMPTS = 10;
const FLAGS = ['--hash-seed=1', '--no-flush-bytecode', '--expose-gc'];

const file = join(resolve(process.argv[2] ?? 'dist'), 'rekey.cjs');
const seen: Buffer[] = [];
const unfinished = `${compiledOf(file)}.unfinished`;
// one that is there would be used, and written again
rmSync(compiledOf(file), { force: true });
while (!settled(seen)) {
  if (seen.length === ATTEMPTS) throw new Error(`${ATTEMPTS} times V8 compiled ${file}, and no two results are equal`);
  const program = [...FLAGS, join(import.meta.dirname, 'compile-once.ts'), file, unfinished];
  execFileSync(process.execPath, program, { stdio: ['ignore', 'ignore', 'inherit'] });
  seen.push(readFileSync(unfinished));
}
renameSync(unfinished, compiledOf(file));

/** @returns whether the last result is that of an earlier attempt */
function settled(results: readonly Buffer[]): boolean {
  const last = results.at(-1);
  return last !== undefined && results.slice(0, -1).some((result) => result.equals(last));
}
