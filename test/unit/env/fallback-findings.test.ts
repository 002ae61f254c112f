import { describe, expect, it } from 'vitest';
import { assess } from '../../../src/env/assess.ts';
import { loadSetup } from '../../../src/env/config.ts';
import { observe } from '../../../src/env/observe.ts';
import { fingerprintOf, KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { folderOf, freshKey } from '../../support/env/folder.ts';

const key = freshKey();
const [older, oldest] = [freshKey(), freshKey()];
const print = (value: string) => fingerprintOf(new KeyMaterial(Buffer.from(value)));
const file = (fallbacks?: string) =>
  `JWT_SECRET_KEY=${key}\n${fallbacks === undefined ? '' : `JWT_SECRET_KEY_FALLBACKS=${fallbacks}\n`}`;

async function judged(main: string, admin: string) {
  const root = folderOf({ 'main/.env': main, 'admin/.env': admin });
  const { rows, findings } = assess(await observe(await loadSetup(root)), Date.now());
  return { findings, admin: rows.find(({ service }) => service === 'admin') };
}

describe('the older keys of a service', () => {
  it.each([
    [file(), file('')],
    [file(older), file(older)],
    [file(`${older},${oldest}`), file(`"${oldest},${older}"`)],
    [file(older), file(`${older},${older},`)],
    [file(older), file(`${older},${key}`)],
  ])('are those of the source of truth, in whatever order', async (main, admin) => {
    const { findings, admin: row } = await judged(main, admin);
    expect(findings).toEqual([]);
    expect(row?.inStep).toBe('Yes');
  });

  it.each([
    [file(older), file(), `accepts no older key, and main accepts ${print(older)}`],
    [file(), file(older), `accepts ${print(older)}, and main accepts no older key`],
    [file(older), file(oldest), `accepts ${print(oldest)}, and main accepts ${print(older)}`],
  ])('are others', async (main, admin, said) => {
    const { findings, admin: row } = await judged(main, admin);
    expect(findings).toMatchObject([
      {
        reason: 'FallbacksDiffer',
        severity: 'error',
        file: 'admin/.env',
        name: 'JWT_SECRET_KEY_FALLBACKS',
        message: expect.stringContaining(said),
        fix: ['rekey env sync development'],
      },
    ]);
    expect(row).toMatchObject({ inStep: 'No', why: 'other fallbacks' });
    expect(JSON.stringify(findings)).not.toMatch(new RegExp(`${older.slice(0, 8)}|${oldest.slice(0, 8)}`));
  });

  it('are not known where programs read the list differently', async () => {
    const { findings, admin } = await judged(file(older), file('$(pass jwt)'));
    expect(findings).toMatchObject([{ reason: 'AmbiguousValue', name: 'JWT_SECRET_KEY_FALLBACKS', line: 2 }]);
    expect(admin).toMatchObject({ inStep: 'Unknown', why: 'ambiguous fallbacks' });
  });

  it('are needed by nobody who only signs', async () => {
    const root = folderOf({ 'main/.env': file(older), 'admin/.env': file() });
    const setup = await loadSetup(root);
    const services = setup.config.services.map((each) =>
      each.name === 'admin' ? { ...each, roles: ['Signer'] as const } : each,
    );
    const facts = await observe({ ...setup, config: { ...setup.config, services } });
    const { rows, findings } = assess(facts, Date.now());
    expect(findings).toEqual([]);
    expect(rows.find(({ service }) => service === 'admin')?.inStep).toBe('Yes');
  });

  it('are keys of one environment too', async () => {
    const root = folderOf({
      'main/.env.staging': file(),
      'main/.env.production': `JWT_SECRET_KEY=${older}\nJWT_SECRET_KEY_FALLBACKS=${key}\n`,
    });
    const { findings } = assess(await observe(await loadSetup(root)), Date.now());
    expect(findings).toMatchObject([
      { reason: 'SameKeyInEnvironments', alsoIn: ['staging'], environment: 'production' },
    ]);
  });
});
