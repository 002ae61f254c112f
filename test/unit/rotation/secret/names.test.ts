/** Which data keys a write adds to a Secret: each may hide a variable. */
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/kube/types.ts';
import { KeyMaterial } from '../../../../src/rotation/secret/keys.ts';
import { dataFor, namesToWrite } from '../../../../src/rotation/secret/secret-data.ts';
import { sourcesOf } from '../../../../src/rotation/workloads/sources.ts';
import { SETTINGS, STEADY } from '../builders.ts';

const secret = (...names: string[]): Secret => ({
  metadata: { name: 'jwt' },
  data: Object.fromEntries(names.map((name) => [name, 'QQ=='])),
});
const material = () => new KeyMaterial(Buffer.from('k'));
const written = (found: Secret | undefined, crowded: boolean, settings = SETTINGS) => {
  const materials = new Map(STEADY.keys.map(({ kid }) => [kid, material()]));
  return Object.keys(dataFor(STEADY, materials, namesToWrite(found, settings, crowded))).sort();
};
const EVERY = ['JWT_ALGORITHM', 'JWT_KEY_ID', 'JWT_SECRET', 'JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'];
const without = (...names: string[]) => EVERY.filter((name) => !names.includes(name));

describe('the data keys of a write', () => {
  it.each([
    ['all, where there was no Secret', undefined, false, EVERY],
    ['all, where there was no Secret and a container has other sources', undefined, true, EVERY],
    ['the signing name that is there', secret('JWT_SECRET_KEY'), false, without('JWT_SECRET')],
    ['the other signing name, if that is there', secret('JWT_SECRET'), false, without('JWT_SECRET_KEY')],
    ['all that are there', secret(...EVERY), true, EVERY],
    [
      'no name that a service can do without, where it might hide another',
      secret('JWT_SECRET_KEY'),
      true,
      ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'],
    ],
    [
      'the id that is there all the same',
      secret('JWT_SECRET_KEY', 'JWT_KEY_ID'),
      true,
      without('JWT_SECRET', 'JWT_ALGORITHM'),
    ],
  ])('are %s', (_, found, crowded, names) => {
    expect(written(found, crowded)).toEqual(names);
  });

  it('hold the key where it is asked for, and not a public word that would stand there else', () => {
    const materials = new Map(STEADY.keys.map(({ kid }) => [kid, material()]));
    const signingNames = ['JWT_KEY_ID', 'JWT_ALGORITHM'];
    const data = dataFor(STEADY, materials, { ...SETTINGS, signingNames });
    const key = Buffer.from('k').toString('base64');
    expect(data).toMatchObject({ JWT_KEY_ID: key, JWT_ALGORITHM: key });
  });

  it('are all that a spec of its own asks for', () => {
    const signingNames = ['JWT_SECRET_KEY', 'TOKEN_KEY'];
    const names = written(secret('JWT_SECRET_KEY'), false, { ...SETTINGS, signingNames });
    expect(names).toContain('TOKEN_KEY');
  });
});

describe('a container with other sources', () => {
  const after = (...envFrom: object[]) =>
    sourcesOf({ containers: [{ name: 'app', image: 'i', envFrom }] } as never).flatMap(({ from }) =>
      from.filter(({ secret: name }) => name === 'jwt').map((found) => found.after),
    );
  const jwt = { secretRef: { name: 'jwt' } };
  const app = { configMapRef: { name: 'app' } };
  const refresh = { secretRef: { name: 'refresh' } };

  it.each([
    ['both before it', [refresh, app, jwt], ['Secret/refresh', 'ConfigMap/app']],
    ['one after it: that one counts anyway', [jwt, app], undefined],
    ['none', [jwt], undefined],
    ['itself', [jwt, { ...jwt, prefix: 'X_' }], undefined],
  ])('is one where the Secret beats them: %s', (_, sources, expected) => {
    expect(after(...sources).at(-1)).toEqual(expected);
  });
});
