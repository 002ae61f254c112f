/** Two keys that can be guessed may have one fingerprint: neither is lost, or written for the other. `rekey` as a process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fingerprintOf, KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile } from '../../support/env/pair.ts';
import { openService } from '../../support/env/service.ts';

const rekey = rekeyForFile();

/** A pair that a person found; the fingerprint of such a key has 16 bits. */
const [ONE, OTHER] = ['changeme372', 'changeme592'];
const print = (key: string) => fingerprintOf(new KeyMaterial(Buffer.from(key)));
const TEXT = `JWT_SECRET_KEY=${ONE}\nJWT_SECRET_KEY_FALLBACKS=${OTHER}\n`;

const shop = (text: string, more = '') =>
  repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': `maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: .env }, readsFallbacks: true${more} }\n`,
    '.env': text,
  });
const read = (folder: string) => readFileSync(join(folder, '.env'), 'utf8');

describe('two different keys with one fingerprint', { timeout: 300_000 }, () => {
  it('are refused before anything is written', async () => {
    expect(print(ONE)).toBe(print(OTHER));
    const folder = shop(TEXT);
    const { code, err } = await rekey.env(folder, 'rotate', 'production');
    expect(code).toBe(1);
    expect(err).toMatch(
      /\.env: two different keys .* same short fingerprint, weak-[0-9a-f]{4}, .*emergency production/,
    );
    expect(read(folder)).toBe(TEXT);
  });

  it('are burnt both, and each is asked about', async () => {
    let folder = '';
    const service = await openService(() => join(folder, '.env'));
    folder = shop(TEXT, `, canary: "${service.url}", reload: "true"`);
    service.load();
    // it accepts one of them from elsewhere, too
    service.also.push(ONE);
    const restarts = setInterval(() => service.load(), 100);
    onTestFinished(() => clearInterval(restarts));
    const { code, out, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, out + err]).toEqual([3, expect.not.stringContaining('refused the burnt keys')]);
    expect(read(folder)).not.toMatch(/changeme/);
  });

  it('are both asked about by verify', async () => {
    let folder = '';
    const service = await openService(() => join(folder, '.env'));
    folder = shop(TEXT, `, canary: "${service.url}"`);
    // it has loaded the fallback only, so it refuses the key that signs
    service.also.push(OTHER);
    const { code, out } = await rekey.env(folder, 'verify', 'production');
    expect([code, out]).toEqual([1, expect.stringContaining('it refuses the key that signs')]);
    service.also.splice(0, 1, ONE);
    const other = await rekey.env(folder, 'verify', 'production');
    expect([other.code, other.out]).toEqual([1, expect.stringMatching(/refuses weak-\w+ \(key 2 of the file\)/)]);
  });

  it('are no trouble where one of them is strong', async () => {
    const folder = shop(`JWT_SECRET_KEY=${freshKey()}\nJWT_SECRET_KEY_FALLBACKS=${freshKey()}\n`);
    expect((await rekey.env(folder, 'rotate', 'production')).code).toBe(0);
  });
});
