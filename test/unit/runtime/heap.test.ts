import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const heap = join(import.meta.dirname, '..', '..', '..', 'src', 'runtime', 'heap.ts');

/** Mebibytes that a process takes for its heap after it has made much garbage around ten mebibytes that it keeps. */
function heapOf(setUp: string): number {
  const program = `${setUp}
    const kept = Array.from({ length: 10_000 }, (_, i) => ({ i, text: Array.from({ length: 100 }, (_, j) => i + j) }));
    let most = 0;
    for (let i = 0; i < 1_000_000; i += 1) {
      kept[i % kept.length].garbage = Array.from({ length: 10 }, (_, j) => j);
      if (i % 1_000 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
    }
    console.log(most / 2 ** 20);`;
  return Number(execFileSync(process.execPath, ['--max-semi-space-size=2', '--input-type=module', '-e', program]));
}

it('makes V8 keep less garbage', () => {
  const small = heapOf(`const { keepHeapSmall } = await import(${JSON.stringify(heap)}); keepHeapSmall();`);
  expect(small).toBeLessThan(heapOf('') * 0.9);
});
