/**
 * Makes a broken operator of the sources as they are loaded: `REKEY_FAULTS_MUTANT=name node --import …/mutate.ts src/main.ts`.
 * What is on disk stays as it is.
 */
import { registerHooks } from 'node:module';
import { patched } from '../mutants/patches.ts';
import { MUTANTS } from './mutants.ts';

const name = process.env.REKEY_FAULTS_MUTANT;
if (name !== undefined) {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`no such mutant: ${name}`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = mutant.patches.filter(({ file }) => url.endsWith(`/${file}`));
      if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      const { source } = loaded;
      const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString();
      return { ...loaded, source: mine.reduce(patched, text) };
    },
  });
}
