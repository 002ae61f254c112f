/**
 * Patches production sources as they are loaded: `REKEY_MUTANT=name node --import ./test/mutants/hook.ts …`. What is on
 * disk stays as it is, and src/ has no switch for tests.
 */
import { registerHooks } from 'node:module';
import { patched, patchesOf } from './patches.ts';

const name = process.env.REKEY_MUTANT;
if (name !== undefined) {
  const patches = patchesOf(name);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = patches.filter(({ file }) => url.endsWith(`/${file}`));
      if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      const text =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: mine.reduce(patched, text) };
    },
  });
}
