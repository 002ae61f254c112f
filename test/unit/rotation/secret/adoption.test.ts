/** What is asked of a Secret that people have made, before it is taken over. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/kube/types.ts';
import { DATA } from '../../../../src/rotation/api/names.ts';
import { EMPTY_LEDGER } from '../../../../src/rotation/keyset/ledger.ts';
import { decodeState, encodeState } from '../../../../src/rotation/keyset/state.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { newKey } from '../../../../src/rotation/secret/keys.ts';
import { burntMaterialsOf, readSecret } from '../../../../src/rotation/secret/secret.ts';
import { dataFor } from '../../../../src/rotation/secret/secret-data.ts';
import { writeStart } from '../../../../src/rotation/secret/write-start.ts';
import { SETTINGS, T0 } from '../builders.ts';

const KEY = randomBytes(32).toString('hex');
const OLD = randomBytes(32).toString('hex');

function secret(data: Record<string, string | Buffer>): Secret {
  const encoded = Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return { metadata: { name: 'jwt', namespace: 'x', resourceVersion: '1' }, data: Object.fromEntries(encoded) };
}

const read = (data: Record<string, string | Buffer>, settings = SETTINGS) => readSecret(secret(data), settings);

/** The keyset after the adoption, as it stands in the annotations. */
function adopted(data: Record<string, string>) {
  const found = read(data);
  if (found.kind !== 'Unmanaged') throw new Error(found.kind);
  const write: Write = { transition: 'adopt', handled: {}, version: 0, ...found };
  const fresh = { key: newKey(32), ack: newKey(32) };
  const start = writeStart(
    write,
    secret(data),
    { settings: SETTINGS, ledger: EMPTY_LEDGER, secret: found },
    fresh.key,
    T0,
  );
  if (start === undefined) throw new Error('outdated');
  const keyset = advance(start.before, write, fresh, T0);
  const materials = new Map([...start.materials, [fresh.ack.kid, fresh.ack.material]]);
  const written = dataFor(keyset, materials, SETTINGS);
  return { keyset: decodeState(encodeState(keyset)), text: (name: string) => textOf(written[name]) };
}

const textOf = (value = '') => Buffer.from(value, 'base64').toString();

describe('the algorithm that is there', () => {
  it('is that of the spec, or nothing is written', () => {
    expect(read({ JWT_SECRET_KEY: KEY, JWT_ALGORITHM: 'HS512' })).toMatchObject({
      kind: 'Refused',
      finding: {
        reason: 'AlgorithmDiffers',
        message: expect.stringMatching(/JWT_ALGORITHM is HS512, but spec.key.algorithm is HS256/),
      },
    });
    expect(read({ JWT_SECRET_KEY: KEY, JWT_ALGORITHM: 'HS256' }).kind).toBe('Unmanaged');
    expect(read({ JWT_SECRET_KEY: KEY, JWT_ALGORITHM: 'HS512' }, { ...SETTINGS, algorithm: 'HS512' }).kind).toBe(
      'Unmanaged',
    );
  });

  it('is not shown where it may be something else', () => {
    const reading = read({ JWT_SECRET_KEY: KEY, JWT_ALGORITHM: KEY });
    expect(reading).toMatchObject({ kind: 'Refused', finding: { reason: 'AlgorithmDiffers' } });
    expect(JSON.stringify(reading)).not.toContain(KEY);
  });
});

describe('the key id that is there', () => {
  it.each(['prod-2024', 'https://issuer.example/keys/1', 'k-7f3a9c21', '2'])('is kept: %s', (kid) => {
    const { keyset, text } = adopted({ JWT_SECRET_KEY: KEY, JWT_KEY_ID: kid, JWT_SECRET_KEY_FALLBACKS: OLD });
    expect([text('JWT_KEY_ID'), keyset.history.at(-1)?.sign]).toEqual([kid, kid]);
    expect(keyset.keys.map((key) => key.kid === kid)).toEqual([true, false, false]);
  });

  it('is made where there is none', () => {
    expect(adopted({ JWT_SECRET_KEY: KEY }).text('JWT_KEY_ID')).toMatch(/^k-[0-9a-f]{8}$/);
    expect(adopted({ JWT_SECRET_KEY: KEY, JWT_KEY_ID: '' }).text('JWT_KEY_ID')).toMatch(/^k-[0-9a-f]{8}$/);
  });

  it.each([
    ['the key itself', KEY],
    ['more than the key', `id-${KEY}`],
    ['a part of the key', KEY.slice(8, 24)],
    ['an old key', OLD],
    ['words', 'my key'],
    ['a line', 'prod\n'],
    ['too much', 'x'.repeat(129)],
    ['a word of ours', 'unknown'],
  ])('is refused if it is %s', (_, kid) => {
    const reading = read({ JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: OLD, JWT_KEY_ID: kid });
    expect(reading).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyIdUnusable' } });
    expect(JSON.stringify(reading)).not.toContain(kid.slice(0, 12) === 'unknown' ? KEY : kid);
  });
});

describe('the text of a key', () => {
  it.each(['à', 'Š', 'ключ', '鍵', '𝕂', '"', '$', ';'])('may have %s', (letter) => {
    expect(read({ JWT_SECRET_KEY: `${KEY}${letter}` }).kind).toBe('Unmanaged');
  });

  it.each([
    ['a byte order mark', '\ufeff', 'U+FEFF'],
    ['a line separator', '\u2028', 'U+2028'],
    ['a no-break space', '\u00a0', 'U+00A0'],
    ['a zero width space', '\u200b', 'U+200B'],
    ['next line', '\u0085', 'U+0085'],
    ['a carriage return', '\r\n', 'U+000D'],
    ['NUL', '\0', 'U+0000'],
  ])('may not begin or end with %s, or have it inside', (_, character, code) => {
    const told = (text: string) => {
      const reading = read({ JWT_SECRET_KEY: text });
      expect(reading).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyMalformed' } });
      return reading.kind === 'Refused' ? reading.finding.message : '';
    };
    expect(told(`${character}${KEY}`)).toContain(`begins with ${code}`);
    expect(told(`${KEY}${character}`)).toContain(`ends with ${code}`);
    expect(told(`${KEY}${character}${OLD}`)).toContain(`has inside ${code}`);
    const other = read({ JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: `${OLD}${character}` });
    expect(other).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyMalformed' } });
  });

  it('is UTF-8', () => {
    const reading = read({ JWT_SECRET_KEY: Buffer.concat([Buffer.from(KEY), Buffer.from([0xff, 0xfe])]) });
    expect(reading).toMatchObject({
      finding: { reason: 'KeyMalformed', message: expect.stringContaining('not UTF-8') },
    });
  });

  it.each([
    ['a JSON list', JSON.stringify([KEY, OLD]), 'is JSON'],
    ['a JSON object', JSON.stringify({ [OLD]: KEY }), 'is JSON'],
    ['half a JSON list', `["${OLD}"`, 'is JSON'],
    ['a text in quotes', `"${OLD},${KEY}"`, 'in quotes'],
    ['a list with semicolons', `${OLD};${KEY}`, '";" between'],
    ['a list with bars', `${OLD}|${KEY}`, '"|" between'],
  ])('is no fallback where there is %s', (_, list, word) => {
    const reading = read({ JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: list });
    expect(reading).toMatchObject({
      kind: 'Refused',
      finding: {
        reason: 'KeyMalformed',
        message: expect.stringMatching(/JWT_SECRET_KEY_FALLBACKS .*must be/),
      },
    });
    expect(JSON.stringify(reading)).toContain(JSON.stringify(word).slice(1, -1));
  });

  it('is not JSON', () => {
    const finding = { reason: 'KeyMalformed', message: expect.stringContaining('is JSON') };
    expect(read({ JWT_SECRET_KEY: JSON.stringify([KEY, OLD]) })).toMatchObject({ kind: 'Refused', finding });
  });
});

describe('a weak key that is taken over', () => {
  it('is remembered as such, with what is known against it', () => {
    const { keyset } = adopted({ JWT_SECRET_KEY: 'your-super-secret-jwt-key-change-in-production' });
    expect(keyset.keys.map(({ weakness }) => weakness)).toEqual(['PubliclyKnown', undefined]);
  });
});

describe('two keys that can be guessed and have the same short fingerprint', () => {
  const alike = { JWT_SECRET_KEY: 'changeme372', JWT_SECRET_KEY_FALLBACKS: 'changeme592' };

  it('are not taken over: one of them would be lost', () => {
    expect(read({ ...alike, JWT_SECRET_KEY_FALLBACKS: 'changeme593' }).kind).toBe('Unmanaged');
    expect(read(alike)).toMatchObject({
      kind: 'Refused',
      finding: { reason: 'KeyMalformed', message: expect.stringContaining('same fingerprint weak-') },
    });
    expect(JSON.stringify(read(alike))).not.toMatch(/changeme/);
  });

  it('are both burnt, and pods are asked about each', () => {
    const rotation = { id: 'e', trigger: 'Emergency', actor: 'a', reason: 'r', drainMs: 0 } as const;
    const write: Write = { transition: 'burn', nonce: '1', rotation, version: 0 };
    const fresh = { key: newKey(32), ack: newKey(32) };
    const facts = { settings: SETTINGS, ledger: EMPTY_LEDGER, secret: read(alike) };
    const start = writeStart(write, secret(alike), facts, fresh.key, T0);
    if (start === undefined) throw new Error('outdated');
    const after = decodeState(encodeState(advance(start.before, write, fresh, T0)));
    const burnt = burntMaterialsOf(secret({ ...alike, [DATA.burnt]: Object.values(alike).join(',') }), after);
    const texts = [...burnt.values()].map((key) => key.use((bytes) => bytes.toString()));
    expect(texts.sort()).toEqual(Object.values(alike));
  });
});
