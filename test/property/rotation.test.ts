import { describe, expect, it } from 'vitest';
import { backupsAreKnown } from './backups.ts';
import { compactForgetsNothing, stateComesBack } from './keysets.ts';
import { rotationsAreSafe, WORLD } from './rotation.ts';
import { safeWritesAreSafe } from './safe-writes.ts';

/** More with REKEY_FC_RUNS; again with REKEY_FC_SEED and REKEY_FC_PATH, as a failure prints them. */
describe('at random', () => {
  it('no walk through a large world breaks an invariant, and each ends at rest', () => {
    rotationsAreSafe(60);
  });

  it('a backup of the Secret is known as one, whenever it was made', () => {
    expect(backupsAreKnown(60, WORLD)).toBeGreaterThan(60);
  });

  it('whatever the safe-write rule allows is safe', () => {
    expect(safeWritesAreSafe(2_000)).toBeGreaterThan(0);
  });

  it('a compacted history forgets nothing that can be held', () => {
    compactForgetsNothing(1_000);
  });

  it('a keyset comes back from its annotations', () => {
    stateComesBack(500);
  });
});
