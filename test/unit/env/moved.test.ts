/** A folder that is moved or copied while a step in it is cut off. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { commit, recover } from '../../../src/env/files/transaction.ts';
import { withFault } from '../../support/env/faulty-fs.ts';
import { folderOf } from '../../support/env/folder.ts';

const OLD = 'KEY=old\n';
const NEW = 'KEY=new\n';
const EDITED = 'KEY=edited\n';

const change = (path: string) => ({ path, before: Buffer.from(OLD), after: Buffer.from(NEW) });
const textsOf = (paths: readonly string[]) => paths.map((path) => readFileSync(path, 'utf8'));
const filesOf = (shop: string) => ['main/.env', 'admin/.env'].map((name) => join(shop, name));

/** @param outside whether a service is in another folder @returns the paths of its files */
function lay(shop: string, outside: boolean): readonly string[] {
  const paths = [...filesOf(shop), ...(outside ? [join(shop, '../elsewhere/.env')] : [])];
  for (const path of paths) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, OLD, { mode: 0o600 });
  }
  mkdirSync(join(shop, '.rekey'));
  return paths;
}

/** @returns a folder `shop` whose step is cut off: before its commit point, or right after it */
async function cutOff(phase: 'plan' | 'commit', outside = false): Promise<string> {
  const [shop, twin] = [join(folderOf(), 'shop'), join(folderOf(), 'shop')];
  const [paths, others] = [lay(shop, outside), lay(twin, outside)];
  const { calls } = await withFault(undefined, () => commit(join(twin, '.rekey'), others.map(change)));
  const point = calls.findIndex(({ name, path }) => name === 'rename' && path.endsWith('plan.json'));
  const at = phase === 'plan' ? point : point + 1;
  await withFault({ fault: 'freeze', at }, () => commit(join(shop, '.rekey'), paths.map(change)));
  expect(readdirSync(join(shop, '.rekey/step'))).toContain(`${phase}.json`);
  return shop;
}

it('recovers a folder that was moved', async () => {
  const shop = await cutOff('commit');
  renameSync(shop, `${shop}2`);
  expect(await recover(join(`${shop}2`, '.rekey'))).toBe(
    `the last step was cut off, and is finished now: ${filesOf(`${shop}2`).join(', ')}`,
  );
  expect(textsOf(filesOf(`${shop}2`))).toEqual([NEW, NEW]);
});

it.each(['plan', 'commit'] as const)('recovers a copy, and touches nothing of the original: %s', async (phase) => {
  const shop = await cutOff(phase);
  cpSync(shop, `${shop}2`, { recursive: true });
  const waiting = readdirSync(join(shop, '.rekey/step'));
  await recover(join(`${shop}2`, '.rekey'));
  expect(textsOf(filesOf(`${shop}2`))).toEqual(phase === 'plan' ? [OLD, OLD] : [NEW, NEW]);
  expect(existsSync(join(`${shop}2`, '.rekey/step'))).toBe(false);
  expect(textsOf(filesOf(shop))).toEqual([OLD, OLD]);
  expect(readdirSync(join(shop, '.rekey/step'))).toEqual(waiting);
  // and each goes its own way
  writeFileSync(join(shop, 'admin/.env'), EDITED);
  if (phase === 'commit') await expect(recover(join(shop, '.rekey'))).rejects.toThrow(/somebody else has edited this/);
});

it.each(['plan', 'commit'] as const)('refuses in a copy what is also about a file outside: %s', async (phase) => {
  const shop = await cutOff(phase, true);
  const elsewhere = join(shop, '../elsewhere/.env');
  cpSync(shop, `${shop}2`, { recursive: true });
  const refused = await recover(join(`${shop}2`, '.rekey')).catch((error: Error) => error.message);
  expect(refused).toContain(`when this folder was ${shop}, and it is also about files outside of that: ${elsewhere}`);
  expect(refused).toContain(`mv ${shop}2 ${shop}`);
  expect(refused).toContain(`rm -r ${shop}2/.rekey/step`);
  expect(textsOf([...filesOf(`${shop}2`), elsewhere])).toEqual([OLD, OLD, OLD]);
  await recover(join(shop, '.rekey'));
  const text = phase === 'plan' ? OLD : NEW;
  expect(textsOf([...filesOf(shop), elsewhere])).toEqual([text, text, text]);
});
