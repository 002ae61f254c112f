/** Requires, before a key is written into files, that Git does not keep them. */
import type { EnvironmentFiles } from './environment.ts';
import { EnvError } from './error.ts';
import { shellWord } from './finding.ts';
import { gitFacts } from './git.ts';

/**
 * @param urgent a missing answer of Git does not stop the write
 * @throws EnvError naming each file that Git tracks, does not ignore, or gives no answer about, with the commands that
 *   fix it
 */
export async function refuseCommitted({ files, name }: EnvironmentFiles, urgent = false): Promise<void> {
  const facts = await gitFacts(files.map(({ path }) => path));
  const troubles = files.flatMap(({ path, shown }) => {
    const { tracked, ignored, why } = facts.get(path) ?? { tracked: 'unknown', ignored: 'unknown', why: 'no answer' };
    const word = shellWord(shown);
    if (tracked === 'yes') {
      const leaked = `a key that was committed has leaked, so run rekey env emergency ${name} then`;
      return [`${shown}: Git tracks it. Run: git rm --cached ${word} && echo ${word} >> .gitignore (${leaked})`];
    }
    if (ignored === 'no' && facts.get(path)?.repository !== undefined) {
      return [`${shown}: Git does not ignore it. Run: echo ${word} >> .gitignore`];
    }
    if (tracked === 'unknown' && !urgent)
      return [`${shown}: whether Git keeps it is not known (${why ?? 'no answer'})`];
    return [];
  });
  if (troubles.length > 0) throw new EnvError(`${troubles.join('\n')}\nNothing was written`);
}
