/** Which keys the keyring libraries refuse, and what they show of those that they take. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fingerprintOf, KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { KNOWN_KEYS } from '../../../src/rotation/secret/known-keys.ts';
import { weaknessOf } from '../../../src/rotation/secret/strength.ts';
import { startCrew } from '../../support/keyring/crew.ts';

const crew = await startCrew();
afterAll(() => crew[Symbol.asyncDispose]());

const KEY = randomBytes(32).toString('hex');
const OTHER = randomBytes(48).toString('base64').replaceAll('=', '');
const material = (text: string): KeyMaterial => new KeyMaterial(Buffer.from(text));
const ENV = { JWT_SECRET_KEY: KEY };

type Env = Readonly<Record<string, string>>;
const REFUSED: Readonly<Record<string, readonly [variable: string, says: RegExp, env: Env]>> = {
  'no key': ['JWT_SECRET_KEY', /^JWT_SECRET_KEY is missing/, {}],
  'an empty key': ['JWT_SECRET_KEY', /^JWT_SECRET_KEY is missing/, { JWT_SECRET_KEY: '' }],
  'a key of 31 bytes': ['JWT_SECRET_KEY', /^JWT_SECRET_KEY has 31 bytes/, { JWT_SECRET_KEY: KEY.slice(0, 31) }],
  'a key with a newline': ['JWT_SECRET_KEY', /white space/, { JWT_SECRET_KEY: `${KEY}\n` }],
  'a key with a space of another alphabet': ['JWT_SECRET_KEY', /white space/, { JWT_SECRET_KEY: `${KEY}\u2003` }],
  'a key with a byte order mark': ['JWT_SECRET_KEY', /not UTF-8/, { JWT_SECRET_KEY: `\ufeff${KEY}` }],
  'a key of broken UTF-8': ['JWT_SECRET_KEY', /not UTF-8/, { JWT_SECRET_KEY: `${KEY}\ufffd` }],
  'keys in brackets': ['JWT_SECRET_KEY', /brackets/, { JWT_SECRET_KEY: `["${KEY}"]` }],
  'a placeholder': [
    'JWT_SECRET_KEY',
    /publicly known/,
    { JWT_SECRET_KEY: '<put-the-key-of-production-in-this-place>' },
  ],
  'a phrase': [
    'JWT_SECRET_KEY',
    /publicly known/,
    { JWT_SECRET_KEY: 'your-super-secret-jwt-key-change-in-production' },
  ],
  'one letter again and again': ['JWT_SECRET_KEY', /can be guessed/, { JWT_SECRET_KEY: 'q'.repeat(64) }],
  'a short fallback': [
    'JWT_SECRET_KEY_FALLBACKS',
    /^entry 2 of JWT_SECRET_KEY_FALLBACKS has 3 bytes/,
    { ...ENV, JWT_SECRET_KEY_FALLBACKS: `${OTHER},,abc` },
  ],
  'a space between fallbacks': [
    'JWT_SECRET_KEY_FALLBACKS',
    /^entry 2 of JWT_SECRET_KEY_FALLBACKS has white space/,
    { ...ENV, JWT_SECRET_KEY_FALLBACKS: `${OTHER}, ${OTHER}` },
  ],
  'more fallbacks than can be tried': [
    'JWT_SECRET_KEY_FALLBACKS',
    /has 64 keys: at most 63/,
    { ...ENV, JWT_SECRET_KEY_FALLBACKS: Array.from({ length: 64 }, () => randomBytes(32).toString('hex')).join(',') },
  ],
  'a key id with a quote': ['JWT_KEY_ID', /^JWT_KEY_ID is not a key id/, { ...ENV, JWT_KEY_ID: 'k"1' }],
  'a key id with a newline': ['JWT_KEY_ID', /^JWT_KEY_ID is not a key id/, { ...ENV, JWT_KEY_ID: 'k-1\n' }],
  'a key id that is part of a key': ['JWT_KEY_ID', /part of a key/, { ...ENV, JWT_KEY_ID: KEY.slice(3, 19) }],
  'an algorithm of other keys': ['JWT_ALGORITHM', /^JWT_ALGORITHM is not/, { ...ENV, JWT_ALGORITHM: 'RS256' }],
  'the algorithm none': ['JWT_ALGORITHM', /^JWT_ALGORITHM is not/, { ...ENV, JWT_ALGORITHM: 'none' }],
  'two algorithms': ['JWT_ALGORITHM', /^JWT_ALGORITHM is not/, { ...ENV, JWT_ALGORITHM: 'HS256,HS512' }],
};

/** Long enough, so that each is judged by what it is. */
const WEAK = [
  ...['a'.repeat(64), '0123456789'.repeat(7), 'abcabcabcabcabcabcabcabcabcabcabcabc', 'aab'.repeat(90)],
  ...['change-me-change-me-change-me-please!', 'this is no secret'.replaceAll(' ', '_').repeat(3)],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell would have replaced it
  ...[`$(openssl rand -hex 32 | tr -d x)`.replaceAll(' ', '_'), '${JWT_SECRET_KEY_OF_PRODUCTION:-none}'],
  ...[
    '{{_.Values.jwt.secretKey_|_b64enc_}}',
    'vault:secret/data/shop#JWT_SECRET_KEY',
    '__JWT_SECRET_KEY_OF_THE_WHOLE_SHOP__',
  ],
  ...['%JWT_SECRET_KEY_OF_PRODUCTION_HERE%', 'ENC[AES256_GCM,data:nothing,iv:none,tag:none]'.replaceAll(',', ';')],
  ...[
    'arn:aws:secretsmanager:eu-west-1:1:secret:jwt',
    'op://vault/item/field/of/the/jwt/key',
    'MySecretKeyForTheWholeShopToUseNow',
  ],
];
const STRONG = [
  ...[KEY, OTHER, `my-secret-key-${KEY}`, `changeme${OTHER}`, KEY.toUpperCase(), KEY.slice(0, 32)],
  ...['Zwölf Boxkämpfer jagen Viktor quer über'.replaceAll(' ', '-')],
];

describe.each(crew.members)('$title', (member) => {
  const load = (env: Env, weak = false) => member.ask({ op: 'load', name: 'it', env, weak });

  it.each(Object.entries(REFUSED))(
    'refuses %s, names the variable and shows no key',
    async (_, [variable, says, env]) => {
      const { error = '', ...rest } = await load(env);
      expect(rest).toEqual({ variable });
      expect(error).toMatch(says);
      const words = Object.values(env).flatMap((value) => value.split(/[,\s]/));
      expect(words.filter((word) => word.length > 5 && error.includes(word))).toEqual([]);
    },
  );

  it('shows fingerprints as rekey does, ids and a metric, but no key', async () => {
    const fallbacks = [OTHER, OTHER, KEY].join(',');
    expect(await load({ ...ENV, JWT_KEY_ID: 'k-1', JWT_SECRET_KEY_FALLBACKS: fallbacks })).toEqual({ ok: true });
    const shown = await member.ask({ op: 'info', name: 'it' });
    const [current, other] = [KEY, OTHER].map((key) => fingerprintOf(material(key)));
    expect(shown.info).toEqual([
      { role: 'current', kid: 'k-1', fingerprint: current, algorithm: 'HS256' },
      { role: 'fallback', kid: '', fingerprint: other, algorithm: 'HS256' },
    ]);
    expect(shown.metric?.split('\n').slice(2)).toEqual([
      `jwt_key_info{role="current",kid="k-1",fingerprint="${current}",algorithm="HS256"} 1`,
      `jwt_key_info{role="fallback",kid="",fingerprint="${other}",algorithm="HS256"} 1`,
      '',
    ]);
    expect(shown.printed).toContain(current);
    const all = JSON.stringify(shown);
    for (const key of [KEY, OTHER]) {
      for (const form of ['utf8', 'hex', 'base64'] as const)
        expect(all).not.toContain(Buffer.from(key).toString(form).slice(0, 12));
    }
  });

  it.each(WEAK)('finds that %s is weak, as rekey does, and takes it where that is allowed', async (text) => {
    expect(weaknessOf(material(text))).toBeDefined();
    expect(await load({ JWT_SECRET_KEY: text })).toMatchObject({ variable: 'JWT_SECRET_KEY' });
    expect(await load({ JWT_SECRET_KEY: text }, true)).toEqual({ ok: true });
    const { info } = await member.ask({ op: 'info', name: 'it' });
    expect(info?.[0]?.fingerprint).toBe(fingerprintOf(material(text)));
  });

  it('takes what rekey finds strong', async () => {
    for (const text of STRONG) {
      expect(weaknessOf(material(text))).toBeUndefined();
      expect(await load({ JWT_SECRET_KEY: text })).toEqual({ ok: true });
    }
  });

  it('takes no short key, allowed or not', async () => {
    expect((await load({ JWT_SECRET_KEY: KEY.slice(0, 31) }, true)).error).toMatch(/31 bytes/);
  });
});

it.each(['node/src/weak.ts', 'python/src/rekey_keyring/_weak.py', 'go/weak.go'])(
  '%s has each public key of rekey',
  (file) => {
    const text = readFileSync(join(import.meta.dirname, '../../../keyring', file), 'utf8');
    expect([...KNOWN_KEYS].filter((hash) => !text.includes(hash))).toEqual([]);
    expect(text.match(/[0-9a-f]{64}/g)).toHaveLength(KNOWN_KEYS.size);
  },
);
