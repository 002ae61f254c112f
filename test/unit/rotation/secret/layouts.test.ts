/** Data keys in the forms that services read: what is written is read back, and what people have put there is taken over. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/kube/types.ts';
import { EMPTY_LEDGER } from '../../../../src/rotation/keyset/ledger.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { foundMaterials } from '../../../../src/rotation/secret/adoption.ts';
import { copiesIn } from '../../../../src/rotation/secret/copies.ts';
import { jsonArrayIn, jsonArrayOf } from '../../../../src/rotation/secret/json-array.ts';
import { destroyAll, KeyMaterial, newKey } from '../../../../src/rotation/secret/keys.ts';
import { allMaterials, leftoverNames, readSecret } from '../../../../src/rotation/secret/secret.ts';
import { dataFor, namesToWrite } from '../../../../src/rotation/secret/secret-data.ts';
import { writeStart } from '../../../../src/rotation/secret/write-start.ts';
import type { Layout } from '../../../../src/rotation/settings/layouts.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { SETTINGS, T0, WRITES } from '../builders.ts';
import { PHASES, walked } from './layout-walk.ts';

const drawn = () => randomBytes(32).toString('hex');
const [KEY, O, P, Q] = [drawn(), drawn(), drawn(), drawn()];
const base64 = (text: string) => Buffer.from(text).toString('base64');
const laidOut = (...layouts: readonly Layout[]): Settings => ({ ...SETTINGS, layouts });
const SLOTS: Layout = { names: ['SLOT_2', 'SLOT_1'], format: 'Text', content: 'Fallbacks' };
const ARRAY: Layout = { names: ['ARRAY'], format: 'JsonArray', content: 'Fallbacks' };
const ALL: Layout = { names: ['ALL'], format: 'JsonArray', content: 'All' };
const COMMAS: Layout = { names: ['COMMAS'], format: 'CommaList', content: 'All' };
const SET: Layout = { names: ['SET'], format: 'Jwks', content: 'Fallbacks' };
const EVERY = laidOut(SLOTS, ARRAY, ALL, COMMAS, SET);
const NAMES = EVERY.layouts.flatMap(({ names }) => names);

function secret(data: Record<string, string>): Secret {
  const encoded = Object.entries(data).map(([name, value]) => [name, base64(value)]);
  return { metadata: { name: 'jwt', namespace: 'x', resourceVersion: '1' }, data: Object.fromEntries(encoded) };
}

const textsOf = (keys: readonly KeyMaterial[]) => keys.map((key) => key.use((bytes) => bytes.toString()));
const read = (data: Record<string, string>, settings: Settings) =>
  readSecret(secret({ JWT_SECRET_KEY: KEY, ...data }), settings);
const put = (found: Secret, name: string, value: string): Secret => ({
  ...found,
  data: { ...found.data, [name]: base64(value) },
});

describe('every form', () => {
  it.each(PHASES)('is read back after %s, and is no copy', (_, writes) => {
    const { secret: found, keyset } = walked(writes, EVERY);
    expect(readSecret(found, EVERY)).toEqual({ kind: 'Managed', keyset });
  });

  it.each(NAMES)('is found changed by somebody else: %s', (name) => {
    const { secret: found } = walked([WRITES.adopt, WRITES.stage], EVERY);
    for (const value of [drawn(), JSON.stringify([drawn()]), '', '[]', '{"keys":[]}']) {
      expect(readSecret(put(found, name, value), EVERY)).toMatchObject({
        finding: { reason: 'ForeignWriter', message: expect.stringContaining(`data key ${name} is not what`) },
      });
    }
    const { [name]: _, ...others } = found.data ?? {};
    // it was added to the spec, and comes with the next write
    expect(readSecret({ ...found, data: others }, EVERY).kind).toBe('Managed');
  });

  it('is found changed where another key comes first of those that a service may sign with', () => {
    const { secret: found, text } = walked([WRITES.adopt, WRITES.stage], EVERY);
    const all = JSON.parse(text('ALL') ?? '') as string[];
    const reversed = all.toReversed();
    expect(readSecret(put(found, 'ALL', JSON.stringify(reversed)), EVERY)).toMatchObject({
      finding: { reason: 'ForeignWriter' },
    });
    expect(readSecret(put(found, 'COMMAS', reversed.join(',')), EVERY)).toMatchObject({
      finding: { reason: 'ForeignWriter' },
    });
    expect(readSecret(put(found, 'ALL', JSON.stringify(all, undefined, 2)), EVERY).kind).toBe('Managed');
  });

  it.each(['ARRAY', 'SLOT_1', 'SET'])('with a burnt key again is found: %s', (name) => {
    const burnt = PHASES.at(-1)?.[1] ?? [];
    const { secret: found, keyset, texts } = walked(burnt, EVERY);
    const old = texts.get(keyset.burnt[0]?.kid ?? '') ?? '';
    const k = Buffer.from(old).toString('base64url');
    const value = { ARRAY: JSON.stringify([old]), SLOT_1: old }[name] ?? JSON.stringify({ keys: [{ kty: 'oct', k }] });
    expect(readSecret(put(found, name, value), EVERY)).toMatchObject({
      finding: { reason: 'KeyResurrected' },
      // pods that start now may accept it for longer than it stands there
      foreign: { dataKeys: [name], fingerprints: expect.arrayContaining([expect.any(String)]) },
    });
  });

  it('leaves with its name in the spec, and is none of the copies', () => {
    const { secret: found, text } = walked([WRITES.adopt], EVERY);
    const fields = Object.fromEntries(Object.keys(found.data ?? {}).map((name) => [`f:${name}`, {}]));
    const managedFields = [{ manager: 'rekey', fieldsV1: { 'f:data': fields } }];
    const owned = { ...found, metadata: { ...found.metadata, managedFields } };
    expect(leftoverNames(owned, EVERY)).toEqual([]);
    expect(leftoverNames(owned, laidOut(ALL)).toSorted()).toEqual(NAMES.filter((name) => name !== 'ALL').toSorted());
    const key = new KeyMaterial(Buffer.from(text('JWT_SECRET_KEY') ?? ''));
    expect(copiesIn(found, EVERY, [key])).toEqual([]);
    expect(copiesIn(found, SETTINGS, [key])).toEqual(['ALL', 'COMMAS']);
  });

  it('is burnt in an emergency with all that stands in it', () => {
    const jwk = { kty: 'oct', k: Buffer.from(Q).toString('base64url') };
    const found = secret({
      ...{ JWT_SECRET_KEY: KEY, SLOT_1: O, ARRAY: JSON.stringify([P]), SET: JSON.stringify({ keys: [jwk] }) },
    });
    expect(textsOf(allMaterials(found, EVERY)).toSorted()).toEqual([KEY, O, P, Q].toSorted());
  });

  it('holds what it may hold and no more', () => {
    const max = laidOut({ ...ARRAY, max: 2 }, { ...ALL, max: 3 });
    for (const [, writes] of PHASES) {
      const { text } = walked(writes, max);
      expect(JSON.parse(text('ARRAY') ?? '').length).toBeLessThanOrEqual(2);
      expect(JSON.parse(text('ALL') ?? '').length).toBeLessThanOrEqual(3);
    }
  });
});

describe('the short form', () => {
  it('has the bytes that it always had', () => {
    const names = { ...SETTINGS, previousName: 'PREVIOUS', jwksName: 'SET' };
    for (const [, writes] of PHASES) {
      const { keyset, text, texts } = walked(writes, names);
      const { sign, verify } = keyset.history.at(-1) ?? { sign: '', verify: [] };
      const others = verify.filter((kid) => kid !== sign);
      const keys = verify.map((kid) => {
        const k = Buffer.from(texts.get(kid) ?? '').toString('base64url');
        return { kty: 'oct', kid, alg: 'HS256', use: 'sig', k };
      });
      expect(text('JWT_SECRET_KEY_FALLBACKS')).toBe(others.map((kid) => texts.get(kid)).join(','));
      expect(text('PREVIOUS')).toBe(texts.get(others[0] ?? ''));
      expect(text('SET')).toBe(JSON.stringify({ keys }));
    }
  });

  it('keeps the names that a Secret has, and gets those of the layouts', () => {
    const signing = { ...SLOTS, signing: 'SLOT_3' };
    const names = { ...laidOut(signing), signingNames: [...SETTINGS.signingNames, 'SLOT_3'] };
    const wanted = (data: Record<string, string>) => namesToWrite(secret(data), names, false).signingNames;
    expect(wanted({ SLOT_3: KEY })).toEqual(['SLOT_3']);
    expect(wanted({ JWT_SECRET: KEY })).toEqual(['JWT_SECRET', 'SLOT_3']);
    expect(wanted({})).toEqual(['JWT_SECRET_KEY', 'JWT_SECRET', 'SLOT_3']);
  });
});

describe('a JSON array', () => {
  it.each([
    ['quotes', '"quoted" and \\escaped\\'],
    ['control characters', 'a\u0001b\u001fc\nd'],
    ['other alphabets', 'ключ-鍵-🔑'],
    ['a comma', 'a,b'],
  ])('is what JSON.stringify makes of a key with %s', (_, text) => {
    const keys = [new KeyMaterial(Buffer.from(text)), new KeyMaterial(Buffer.from(KEY))];
    const written = Buffer.from(jsonArrayOf(keys), 'base64');
    expect(JSON.parse(written.toString())).toEqual([text, KEY]);
    expect(textsOf(jsonArrayIn(written) ?? [])).toEqual([text, KEY]);
    expect(written.every((byte) => byte === 0)).toBe(true);
  });

  it.each(['', 'null', '{}', '"a"', '[1]', '[["a"]]', `["${KEY}"`])('is not this: %s', (text) => {
    expect(jsonArrayIn(Buffer.from(text))).toBeUndefined();
  });
});

describe('adoption', () => {
  const jwk = (key: string) => ({ kty: 'oct', k: Buffer.from(key).toString('base64url') });

  it.each<[string, Layout, Record<string, string>, readonly string[]]>([
    ['texts', SLOTS, { SLOT_2: O, SLOT_1: P }, [KEY, O, P]],
    ['a JSON array', ARRAY, { ARRAY: JSON.stringify([O, P]) }, [KEY, O, P]],
    ['an empty JSON array', ARRAY, { ARRAY: '[]' }, [KEY]],
    ['a JSON array of all', ALL, { ALL: JSON.stringify([KEY, O]) }, [KEY, O]],
    ['a comma list of all', COMMAS, { COMMAS: `${KEY},${O}` }, [KEY, O]],
    ['a JWK set', SET, { SET: JSON.stringify({ keys: [jwk(O), jwk(P)] }) }, [KEY, O, P]],
    ['texts before lists', SLOTS, { SLOT_2: O, JWT_SECRET_KEY_FALLBACKS: P }, [KEY, O, P]],
  ])('takes over the keys of %s', (_, layout, data, keys) => {
    const found = secret({ JWT_SECRET_KEY: KEY, ...data });
    expect(textsOf(foundMaterials(found, laidOut(layout)))).toEqual(keys);
  });

  it('keeps the ids of a JWK set: a service may look for a key by its id alone', () => {
    const keys = [{ ...jwk(KEY), kid: 'new' }, { ...jwk(O), kid: 'old' }, jwk(P)];
    const data = { SET: JSON.stringify({ keys }) };
    expect(read(data, laidOut(SET))).toMatchObject({ kind: 'Unmanaged', kid: 'new' });
    const { text } = states(data, laidOut(SET));
    const set = JSON.parse(text('SET')) as { keys: { kid: string; k: string }[] };
    const idOf = (key: string) => set.keys.find(({ k }) => k === jwk(key).k)?.kid;
    expect([idOf(O), text('JWT_KEY_ID')]).toEqual(['old', 'new']);
    expect(idOf(P)).toMatch(/^k-/);
  });

  it.each([
    [
      'gives two keys one id',
      [
        { ...jwk(KEY), kid: 'a' },
        { ...jwk(O), kid: 'a' },
      ],
      {},
    ],
    ['gives two keys one id, or one key two ids', [{ ...jwk(KEY), kid: 'a' }], { JWT_KEY_ID: 'b' }],
    ['is not a key id', [{ ...jwk(KEY), kid: 'a b' }], {}],
    ['is a reserved word', [{ ...jwk(O), kid: 'unknown' }], {}],
    ['contains part of a key', [{ ...jwk(O), kid: KEY.slice(0, 20) }], {}],
  ])('refuses a JWK set with an id that cannot be kept: it %s', (words, keys, data) => {
    const found = read({ ...data, SET: JSON.stringify({ keys }) }, laidOut(SET));
    expect(found).toMatchObject({
      finding: { reason: 'KeyIdUnusable', message: expect.stringContaining(`data key SET ${words}`) },
    });
    expect(JSON.stringify(found)).not.toContain(KEY.slice(0, 20));
  });

  it.each<[string, string, readonly Layout[], Record<string, string>]>([
    ['KeyMalformed', 'data key ARRAY is not a JSON array', [ARRAY], { ARRAY: `${O},${P}` }],
    ['KeyMalformed', 'data key ARRAY is not a JSON array', [ARRAY], { ARRAY: JSON.stringify([{ key: O }]) }],
    ['KeyMalformed', 'an entry of ARRAY has a comma', [ARRAY], { ARRAY: JSON.stringify([`${O},${P}`]) }],
    ['KeyMalformed', 'an entry of ARRAY is empty', [ARRAY], { ARRAY: '[""]' }],
    ['KeyMalformed', 'data key SET is not a JWK set', [SET], { SET: JSON.stringify([O]) }],
    ['KeyMalformed', 'an entry of SLOT_1 ends with U+000A', [SLOTS], { SLOT_1: `${O}\n` }],
    ['KeyMalformed', 'an entry of SLOT_1 is empty', [SLOTS], { SLOT_1: '' }],
    ['KeyMalformed', 'data key COMMAS seems to be a list with ";"', [COMMAS], { COMMAS: `${KEY};${O}` }],
    ['KeysDiffer', 'the first key of data key ALL is not', [ALL], { ALL: JSON.stringify([O, KEY]) }],
    ['KeysDiffer', 'the first key of data key COMMAS is not', [COMMAS], { COMMAS: `${O},${KEY}` }],
    [
      'KeysDiffer',
      'the data keys ONE, OTHER hold different previous keys',
      [
        { ...SLOTS, names: ['ONE'] },
        { ...SLOTS, names: ['OTHER'] },
      ],
      { ONE: O, OTHER: P },
    ],
    [
      'InvalidDataKey',
      'has 2 keys besides the one that signs, and rekey adds one, too many for SLOT_2, SLOT_1 (2 keys',
      [SLOTS],
      { SLOT_2: O, SLOT_1: P },
    ],
    ['InvalidDataKey', 'too many for ARRAY (2 keys', [{ ...ARRAY, max: 2 }], { JWT_SECRET_KEY_FALLBACKS: `${O},${P}` }],
  ])('is refused: %s, %s', (reason, words, layouts, data) => {
    const found = read(data, laidOut(...layouts));
    expect(found).toMatchObject({ kind: 'Refused', finding: { reason, message: expect.stringContaining(words) } });
    expect([O, P, KEY].some((key) => JSON.stringify(found).includes(key))).toBe(false);
  });

  const states = (data: Record<string, string>, settings: Settings) => {
    const found = read(data, settings);
    if (found.kind !== 'Unmanaged') throw new Error(found.kind);
    const write: Write = { transition: 'adopt', handled: {}, version: 0, ...found };
    const fresh = { key: newKey(32), ack: newKey(32) };
    const from = { settings, ledger: EMPTY_LEDGER, secret: found };
    const start = writeStart(write, secret({ JWT_SECRET_KEY: KEY, ...data }), from, fresh.key, T0);
    if (start === undefined) throw new Error('outdated');
    const keyset = advance(start.before, write, fresh, T0);
    const materials = new Map([...start.materials, [fresh.ack.kid, fresh.ack.material]]);
    const written = dataFor(keyset, materials, settings);
    destroyAll(materials.values());
    const text = (name: string) => Buffer.from(written[name] ?? '', 'base64').toString();
    return { states: keyset.keys.map(({ state }) => state), text };
  };

  it('lets found keys stay through the rotation where the staged one fits beside them', () => {
    const three = laidOut({ ...SLOTS, names: ['SLOT_3', 'SLOT_2', 'SLOT_1'] });
    const adopted = states({ SLOT_3: O }, three);
    expect(adopted.states).toEqual(['signing', 'found', 'ack']);
    expect(adopted.text('SLOT_3')).toBe(O);
    expect([O, KEY, '']).not.toContain(adopted.text('SLOT_1'));
  });

  it('waits for the tokens of found keys where the staged one would not fit', () => {
    const adopted = states({ SLOT_2: O }, laidOut(SLOTS));
    expect(adopted.states).toEqual(['signing', 'draining', 'ack']);
    expect(adopted.text('SLOT_2')).toBe(O);
  });
});
