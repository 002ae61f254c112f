import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { KeySearch } from '../../../../src/rotation/secret/key-search.ts';
import { fingerprintOf, KeyMaterial } from '../../../../src/rotation/secret/keys.ts';

const KEY = randomBytes(32).toString('hex');
const ODD = `p@ss=${'w0rd, '.repeat(6)}`;
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const print = (text: string) => fingerprintOf(new KeyMaterial(Buffer.from(text)));
const search = () => new KeySearch([print(KEY), print(ODD)]);

/** A release as Helm keeps it: gzip of JSON, in base64, as the value of a data key. */
function release(values: object, manifest: string): Buffer {
  const templates = [{ name: 'templates/secret.yaml', data: base64(`stringData:\n  KEY: "${KEY}"\n`) }];
  return Buffer.from(base64(gzipSync(JSON.stringify({ config: values, manifest, chart: { templates } }))));
}

describe('a key is found by its fingerprint', () => {
  it.each<readonly [string, string | Buffer]>([
    ['as it is', KEY],
    ['with odd characters, alone', ODD],
    ['with a newline', `${KEY}\n`],
    ['in a list', `${'a'.repeat(64)},${KEY}`],
    ['in YAML', `jwt:\n  - name: x\n    value: '${KEY}'\n`],
    ['in an .env file', `A=1\nJWT_SECRET_KEY=${KEY}\nB=2\n`],
    ['in base64', base64(KEY)],
    ['in base64 without padding', base64(KEY).replaceAll('=', '')],
    ['in base64url', Buffer.from(KEY).toString('base64url')],
    ['in a manifest as kubectl keeps it', JSON.stringify({ data: { JWT_SECRET_KEY: base64(KEY) } })],
    ['in text in JSON', JSON.stringify({ 'config.env': `X=1\nKEY=${KEY}\n` })],
    ['in a connection string', `https://user:${KEY}@host/`],
    ['in the values of a release', release({ auth: { key: KEY } }, '')],
    ['in the manifest of a release', release({}, `data:\n  KEY: ${base64(KEY)}\n`)],
    ['in a template of a release', release({}, '')],
  ])('%s', (_, content) => {
    expect(search().finds(content)).toBe(true);
  });

  it.each<readonly [string, string | Buffer]>([
    ['nothing', ''],
    ['another key', randomBytes(32).toString('hex')],
    ['half of it', KEY.slice(0, 48)],
    ['another release', Buffer.from(base64(gzipSync('{"a":1}')))],
    ['what looks like gzip', Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(64)])],
    ['what looks like JSON', `{"a": ${'b'.repeat(64)}`],
    ['random bytes', randomBytes(10_000)],
  ])('and not in %s', (_, content) => {
    expect(search().finds(content)).toBe(false);
  });

  it('unless too little of it is shown', () => {
    const short = 'hunter2';
    expect(new KeySearch([print(short)]).finds(short)).toBe(false);
  });

  it('and the work has an end', () => {
    const words = Array.from({ length: 110_000 }, (_, i) => `${i}`.padStart(40, 'x')).join('\n');
    const bounded = search();
    expect(bounded.finds(`${words}\n${KEY}`)).toBe(false);
    expect(bounded.exhausted).toBe(true);
  });

  it('and a bomb does not go off', () => {
    expect(search().finds(gzipSync(Buffer.alloc(64 * 1024 * 1024)))).toBe(false);
  });
});
