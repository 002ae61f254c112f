/** What `env apply` takes from the files, up to the request that creates the Secret. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it, vi } from 'vitest';
import { apply } from '../../../src/cli/env/apply.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { EMERGENCY, rekeyForFile, reloadedOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

/** @returns what is printed, and the names in the Secret that it asks for */
async function applied(folder: string) {
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  let [printed, names] = ['', [] as readonly string[]];
  const terminal = { print: (text: string) => (printed += text), printErr: () => undefined } as unknown as Terminal;
  const createSecret = async (_: string, data: object) => {
    names = Object.keys(data);
  };
  const operations = { namespace: 'shop', createSecret } as unknown as Operations;
  await apply(operations, terminal, { environment: 'production', name: 'jwt' });
  return { spec: (load(printed) as { readonly spec: object }).spec, names };
}

describe('env apply', { timeout: 300_000 }, () => {
  it('takes no burnt key into a cluster', async () => {
    const folder = twoServices();
    const [main, admin] = ['main', 'admin'].map((name) => join(folder, name, '.env.production'));
    const before = readFileSync(main ?? '', 'utf8');
    await rekey.env(folder, ...EMERGENCY);
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    // a backup of all files
    for (const path of [main, admin]) writeFileSync(path ?? '', before);
    await expect(applied(folder)).rejects.toThrow('holds a burnt key again');
  });

  it('takes no key into a cluster that another environment has burnt', async () => {
    const folder = twoServices();
    const yaml = readFileSync(join(folder, 'rekey.yaml'), 'utf8');
    const both = yaml.replaceAll(/production: (\w+)\/.env.production/g, '$&, staging: $1/.env.staging');
    writeFileSync(join(folder, 'rekey.yaml'), both);
    for (const name of ['main', 'admin'])
      copyFileSync(join(folder, name, '.env.production'), join(folder, name, '.env.staging'));
    await rekey.env(folder, 'emergency', 'staging', '--reason', 'leaked', '--yes');
    await expect(applied(folder)).rejects.toThrow(/BurntKey: .* was burnt in staging .*nothing was created/);
  });

  it('takes over how the keys are made and how long they drain', async () => {
    const folder = twoServices({}, 'maxTokenTTL: 1h\nslack: 10h\nalgorithm: HS384');
    const { spec, names } = await applied(folder);
    expect(spec).toMatchObject({ key: { algorithm: 'HS384', bytes: 48 }, retire: { slack: '10h' } });
    expect(names).toEqual(['JWT_SECRET_KEY']);
  });
});
