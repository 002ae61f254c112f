/**
 * Patches sources as they are loaded: `REKEY_MUTANT=name node --import ./test/mutants/hook.ts …`. What is on disk stays as
 * it is, and src/ has no switch for tests.
 */
import { registerHooks } from 'node:module';
import { mutantOf } from './mutant.ts';
import { patched } from './patches.ts';

const name = process.env.REKEY_MUTANT;
if (name !== undefined) {
  const { patches } = mutantOf(name);
  const root = new URL('../../', import.meta.url).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = patches.filter(({ file }) => url === root + file);
      if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      const { source } = loaded;
      const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString();
      return { ...loaded, source: mine.reduce(patched, text) };
    },
  });
}
