/**
 * What each framework reads of the Secret, in every phase of a rotation: the reader is written here from the framework's
 * documentation, or is the framework itself.
 */
import { setEnvDefaults } from '@auth/core';
import { decode, encode } from '@auth/core/jwt';
import { importJWK, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type Settings, settingsOf } from '../../../../src/rotation/settings/settings.ts';
import { SETTINGS } from '../builders.ts';
import { SPEC } from '../spec.ts';
import { PHASES, type Walked, walked } from './layout-walk.ts';

type Layout = NonNullable<(typeof SPEC)['secretKeys']['layout']>[number];

function settings(...layout: readonly Layout[]): Settings {
  const { signingNames, layouts } = settingsOf({ ...SPEC, secretKeys: { ...SPEC.secretKeys, layout } });
  return { ...SETTINGS, signingNames, layouts };
}

interface Keys {
  readonly signs: string | undefined;
  readonly accepts: readonly string[];
}
type Reader = (text: (name: string) => string | undefined) => Keys;

const need = (value: string | undefined): string => {
  if (value === undefined) throw new Error('a data key is missing');
  return value;
};

/**
 * Up to three fallbacks as a JSON array of strings; an empty entry, one that comes twice, or one more, keeps it from starting.
 *
 * @see https://github.com/lightdash/lightdash/blob/main/docs/lightdash-secret-rotation.md
 */
const lightdash: Reader = (text) => {
  const signs = need(text('LIGHTDASH_SECRET'));
  const fallbacks = JSON.parse(need(text('LIGHTDASH_SECRET_FALLBACKS'))) as string[];
  const accepts = [signs, ...fallbacks];
  if (fallbacks.length > 3 || accepts.includes('') || new Set(accepts).size !== accepts.length) {
    throw new Error('Lightdash would not start');
  }
  return { signs, accepts };
};

/** @see https://docs.djangoproject.com/en/5.2/ref/settings/#secret-key-fallbacks */
const django: Reader = (text) => {
  const signs = need(text('SECRET_KEY'));
  return { signs, accepts: [signs, ...need(text('SECRET_KEY_FALLBACKS')).split(',')] };
};

/** The first of the array signs. @see https://github.com/expressjs/session#secret */
const expressSession: Reader = (text) => {
  const accepts = JSON.parse(need(text('SESSION_SECRETS'))) as string[];
  return { signs: accepts[0], accepts };
};

/** As django-environ and many others read an array: the first signs. */
const commaList: Reader = (text) => {
  const accepts = need(text('KEYS')).split(',');
  return { signs: accepts[0], accepts };
};

/**
 * It verifies only. @see https://docs.postgrest.org/en/v13/references/auth.html#jwt-signature-verification and
 * https://grafana.com/docs/grafana/latest/setup-grafana/configure-access/configure-authentication/jwt/ (jwk_set_file)
 */
const jwks: Reader = (text) => {
  const { keys } = JSON.parse(need(text('jwks.json'))) as JSONWebKeySet;
  if (keys.some(({ kty, alg, kid }) => kty !== 'oct' || alg !== 'HS256' || kid === undefined))
    throw new Error('no HS256 key');
  const accepts = keys.map(({ k }) => Buffer.from(k ?? '', 'base64url').toString());
  return { signs: accepts[0], accepts };
};

/** @see https://centrifugal.dev/docs/server/authentication (client.token.hmac_previous_secret_key) */
const centrifugo: Reader = (text) => {
  const signs = need(text('hmac_secret_key'));
  return { signs, accepts: [signs, need(text('hmac_previous_secret_key'))] };
};

/** As `config.secret` of Auth.js: by its own code, the first encrypts. @see https://authjs.dev/reference/core#secret */
const authJs: Reader = (text) => {
  const env = Object.fromEntries(
    ['AUTH_SECRET', 'AUTH_SECRET_1', 'AUTH_SECRET_2', 'AUTH_SECRET_3'].map((name) => [name, text(name)]),
  );
  const config: { secret?: string[]; providers: [] } = { providers: [] };
  setEnvDefaults(env, config as unknown as Parameters<typeof setEnvDefaults>[1], true);
  const accepts = config.secret ?? [];
  return { signs: accepts[0], accepts };
};

const AUTH_JS: Layout = { names: ['AUTH_SECRET_3', 'AUTH_SECRET_2', 'AUTH_SECRET_1'], format: 'Text', content: 'All' };

const FULL: readonly (readonly [framework: string, reader: Reader, names: Settings])[] = [
  ['Auth.js', authJs, settings(AUTH_JS)],
  [
    'Auth.js with four secrets',
    authJs,
    settings({ ...AUTH_JS, names: ['AUTH_SECRET_3', 'AUTH_SECRET_2', 'AUTH_SECRET_1', 'AUTH_SECRET'] }),
  ],
  [
    'Lightdash',
    lightdash,
    {
      ...settings({ names: ['LIGHTDASH_SECRET_FALLBACKS'], format: 'JsonArray', content: 'Fallbacks', max: 3 }),
      signingNames: ['LIGHTDASH_SECRET'],
    },
  ],
  ['Django', django, { ...SETTINGS, signingNames: ['SECRET_KEY'], fallbacksName: 'SECRET_KEY_FALLBACKS' }],
  ['express-session', expressSession, settings({ names: ['SESSION_SECRETS'], format: 'JsonArray', content: 'All' })],
  ['a comma list of all', commaList, settings({ names: ['KEYS'], format: 'CommaList', content: 'All' })],
  ['PostgREST and Grafana', jwks, settings({ names: ['jwks.json'], format: 'Jwks', content: 'All' })],
  ['PostgREST by the short form', jwks, { ...SETTINGS, jwksName: 'jwks.json' }],
];

describe.each(FULL)('%s', (_, reader, names) => {
  it.each(PHASES)('signs with the signing key and accepts every other after %s', (_phase, writes, others) => {
    const { text, stateOf } = walked(writes, names);
    const { signs, accepts } = reader(text);
    expect(stateOf(need(signs))).toBe('signing');
    expect(new Set(accepts.map(stateOf))).toEqual(new Set(['signing', ...others]));
    expect(accepts.map(stateOf)).not.toContain(undefined);
  });
});

describe.each([
  ['Centrifugo', settings({ names: ['hmac_previous_secret_key'], format: 'Text', content: 'Fallbacks' })],
  [
    'Centrifugo by one layout',
    settings({ names: ['hmac_secret_key', 'hmac_previous_secret_key'], format: 'Text', content: 'All' }),
  ],
  ['Centrifugo by the short form', { ...SETTINGS, previousName: 'hmac_previous_secret_key' }],
] as const)('%s, which knows one previous key', (_, names) => {
  it.each(PHASES)('accepts the real one where there is one after %s', (_phase, writes, others) => {
    const signingNames = [...new Set([...names.signingNames, 'hmac_secret_key'])];
    const { text, stateOf } = walked(writes, { ...names, signingNames });
    const { signs, accepts } = centrifugo(text);
    expect([signs, ...accepts.slice(1)].map((key) => stateOf(need(key)))).toEqual(['signing', others[0]]);
  });
});

describe('the numbers of Auth.js', () => {
  it.each(PHASES)('hold the newer of the fallbacks where the number is higher after %s', (_, writes, others) => {
    const { text, stateOf } = walked(writes, settings(AUTH_JS));
    const states = ['AUTH_SECRET_3', 'AUTH_SECRET_2', 'AUTH_SECRET_1'].map((name) => stateOf(need(text(name))));
    expect(states).toEqual(['signing', others[0], others.at(-1)]);
  });
});

describe('a session of Auth.js', () => {
  const salt = 'authjs.session-token';
  const names = settings(AUTH_JS);
  const secretsOf = ({ text }: Walked) => [...authJs(text).accepts];
  const isAccepted = async (token: string, by: Walked) =>
    decode({ token, secret: secretsOf(by), salt }).then(
      (payload) => payload?.sub === 'alice',
      () => false,
    );
  const session = (by: Walked) => encode({ token: { sub: 'alice' }, secret: secretsOf(by), salt });

  it.each(PHASES)('of any key that is accepted is read after %s', async (_phase, writes) => {
    const by = walked(writes, names);
    expect(await isAccepted(await session(by), by)).toBe(true);
    const kids = new Set(by.keyset.keys.map(({ kid }) => kid));
    for (const [kid, secret] of by.texts) {
      const token = await encode({ token: { sub: 'alice' }, secret, salt });
      expect([kid, await isAccepted(token, by)]).toEqual([kid, kids.has(kid)]);
    }
  });

  it('never begins with an ack key', async () => {
    for (const [phase, writes] of PHASES) {
      const by = walked(writes, names);
      const token = await session(by);
      const payload = await decode({ token, secret: need(by.text('JWT_SECRET_KEY')), salt });
      expect([phase, payload?.sub]).toEqual([phase, 'alice']);
    }
  });
});

describe('a JWK set', () => {
  it('verifies by kid what a service signs with the text', async () => {
    const { text } = walked(PHASES[3]?.[1] ?? [], settings({ names: ['jwks.json'], format: 'Jwks', content: 'All' }));
    const kid = need(text('JWT_KEY_ID'));
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(Buffer.from(need(text('JWT_SECRET_KEY'))));
    const { keys } = JSON.parse(need(text('jwks.json'))) as JSONWebKeySet;
    const key = keys.find((jwk) => jwk.kid === kid);
    if (key === undefined) throw new Error('no key with this id');
    await expect(jwtVerify(token, await importJWK(key))).resolves.toBeDefined();
  });
});
