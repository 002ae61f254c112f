/**
 * `env init`: writes rekey.yaml from what is found.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf } from '../../env/config.ts';
import { discover } from '../../env/discover.ts';
import { CONFIG_FILE } from '../../env/env-config.ts';
import { fileError } from '../../env/files/errors.ts';
import { configText, guessesIn, SCHEMA_FILE } from '../../env/init.ts';
import { parseConfig } from '../../env/parse-config.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import type { EnvContext } from './commands.ts';

/** Writes nothing that it would not read. */
export async function init({ terminal, folder }: EnvContext, { force }: { readonly force?: true }): Promise<Exit> {
  const root = folderOf(folder);
  const discovery = await discover(root);
  const text = await configText(discovery);
  const { services } = await parseConfig(text, root);
  await write(join(root, CONFIG_FILE), text, force === true);
  const { default: schema } = await import('../../../docs/reference/rekey-yaml.schema.json', {
    with: { type: 'json' },
  });
  // an older one is of an older rekey
  await write(join(root, SCHEMA_FILE), `${JSON.stringify(schema, undefined, 2)}\n`, true);
  terminal.print(
    `${join(root, CONFIG_FILE)}: written, with ${services.length} services; commit it with ${SCHEMA_FILE}: neither holds a key\n`,
  );
  for (const guess of guessesIn(discovery)) terminal.printErr(`guessed: ${guess}\n`);
  terminal.printErr('read it, correct what was guessed, then run: rekey env status\n');
  return EXIT.done;
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, path);
    throw new CommandError(`${path}: it is there already; --force overwrites it`, EXIT.failed);
  }
}
