/**
 * Real Django with djangorestframework-simplejwt, at two versions of each, on the Secret as rekey leaves it in each phase: with the
 * keyring library, with the preload, and with one key.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { settingsOf } from '../../../src/rotation/settings/settings.ts';
import { mint } from '../../support/keyring/mint.ts';
import { debianLibraries, versionsIn } from '../../support/libraries/debian.ts';
import { PRELOAD, runToEnd } from '../../support/preload/ask.ts';
import { SETTINGS } from '../rotation/builders.ts';
import { PHASES, type Walked, walked } from '../rotation/secret/layout-walk.ts';
import { SPEC } from '../rotation/spec.ts';

const support = join(import.meta.dirname, '..', '..', 'support', 'keyring');
const KEYRING = join(import.meta.dirname, '..', '..', '..', 'keyring', 'python', 'src');
const PACKAGES = [
  ...['python3-django', 'python3-djangorestframework', 'python3-djangorestframework-simplejwt', 'python3-jwt'],
  ...['python3-asgiref', 'python3-sqlparse', 'python3-tz', 'python3-typing-extensions'],
];
const unpacked = await Promise.all([debianLibraries(PACKAGES), debianLibraries(PACKAGES, 'trixie')]);
const rows = unpacked.flatMap((each) => {
  if (each === undefined) return [];
  const { django = '', djangorestframework_simplejwt: simplejwt = '' } = versionsIn(each);
  return [{ django, simplejwt, python: each.python }];
});

/** As docs/services/frameworks.md has it: what Django signs itself, and the tokens. */
const { signingNames, layouts } = settingsOf({
  ...SPEC,
  secretKeys: {
    ...SPEC.secretKeys,
    signing: ['JWT_SECRET_KEY', 'SECRET_KEY'],
    layout: [{ names: ['SECRET_KEY_FALLBACKS'], format: 'CommaList', content: 'Fallbacks' }],
  },
});
const NAMES = [
  ...['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_KEY_ID'],
  ...['SECRET_KEY', 'SECRET_KEY_FALLBACKS'],
];
/** To compile Django once takes longer than all that is asked. */
const compiled = mkdtempSync(join(tmpdir(), 'rekey-simplejwt-'));
afterAll(() => rmSync(compiled, { recursive: true }));

type Statuses = Readonly<Record<string, number>>;
interface Answers {
  readonly own: Readonly<Record<'access' | 'refresh', { readonly token: string; readonly statuses: Statuses }>>;
  readonly statuses: readonly Statuses[];
  readonly reads: readonly boolean[];
}
const KINDS = ['access', 'refresh'] as const;
const answer = (kind: string, status: number): Statuses =>
  kind === 'access' ? { verify: status, me: status } : { verify: status, refresh: status };

/** A token of simplejwt that nobody but the key has made. */
function tokenOf(kind: string, key: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { token_type: kind, jti: randomUUID(), user_id: 1, iss: 'shop', iat: now, exp: now + 300 };
  return mint({ payload: claims, key });
}

/** Starts the service with the Secret of a phase and asks it about a token of each kind for each key. */
async function asked({ text, texts }: Walked, mode: 'keyring' | 'one-key', path: readonly string[]): Promise<Answers> {
  const env = Object.fromEntries(NAMES.map((name) => [name, text(name) ?? '']));
  const keys = [...texts.values()];
  const tokens = keys.flatMap((key) => KINDS.map((kind) => ({ kind, token: tokenOf(kind, key) })));
  const command = ['/usr/bin/python3', join(support, 'simplejwt.py'), mode] as const;
  const { stdout, stderr, code } = await runToEnd(
    command,
    { ...env, PYTHONPATH: path.join(':'), PYTHONWARNINGS: 'ignore', PYTHONPYCACHEPREFIX: compiled },
    JSON.stringify({ tokens, keys }),
  );
  if (code !== 0) throw new Error(stderr);
  expect(keys.filter((key) => `${stdout}${stderr}`.includes(key))).toEqual([]);
  return JSON.parse(stdout) as Answers;
}

it.skipIf(rows.length < 2)('is tried at two versions of each (needs Debian: apt-get download)', () => {
  expect(new Set(rows.map(({ django }) => django)).size).toBe(2);
  expect(new Set(rows.map(({ simplejwt }) => simplejwt)).size).toBe(2);
});

// at rest after adoption, the Secret has the keys that it has after retire
const phases = PHASES.filter(([phase]) => ['stage', 'promote', 'retire'].includes(phase));

describe.each(rows)('Django $django, simplejwt $simplejwt', ({ django, python }) => {
  const hasFallbacks = !django.startsWith('3.'); // SECRET_KEY_FALLBACKS came with Django 4.1

  describe.each([
    ['the keyring library', 'keyring', [KEYRING, python]],
    ['the preload', 'one-key', [join(PRELOAD, 'python'), python]],
  ] as const)('with %s', (_, mode, path) => {
    it.each(phases)('takes the tokens of each key of the Secret and of no other after %s', async (_phase, writes) => {
      const by = walked(writes, { ...SETTINGS, signingNames, layouts });
      const { own, statuses, reads } = await asked(by, mode, path);
      const known = [...by.texts.values()].map((key) => by.stateOf(key));
      const good = known.map((state) => state !== undefined);
      expect(statuses).toEqual(good.flatMap((yes) => KINDS.map((kind) => answer(kind, yes ? 200 : 401))));
      for (const kind of KINDS) expect(own[kind].statuses).toEqual(answer(kind, 200));
      expect(reads).toEqual(hasFallbacks ? good : known.map((state) => state === 'signing'));
      const [head = '', payload = ''] = own.access.token
        .split('.')
        .map((each) => Buffer.from(each, 'base64url').toString());
      expect(JSON.parse(head).kid).toBe(mode === 'keyring' ? by.text('JWT_KEY_ID') : undefined);
      const signed = mint({ header: head, payload, key: by.text('JWT_SECRET_KEY') ?? '' });
      expect(own.access.token).toBe(signed);
    });
  });

  it('with one key refuses every token of another: what a canary says before anything depends on it', async () => {
    const by = walked(phases[0]?.[1] ?? [], { ...SETTINGS, signingNames, layouts });
    const { statuses } = await asked(by, 'one-key', [python]);
    const signing = [...by.texts.values()].map((key) => by.stateOf(key) === 'signing');
    expect(statuses).toEqual(signing.flatMap((yes) => KINDS.map((kind) => answer(kind, yes ? 200 : 401))));
  });
});
