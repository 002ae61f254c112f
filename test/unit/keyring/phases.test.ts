/** The keyring libraries of all languages, with what the Secret holds in each phase: who signs, and whom all accept. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { startCrew } from '../../support/keyring/crew.ts';
import { readToken, signToken } from '../../support/traffic/tokens.ts';

const crew = await startCrew();
afterAll(() => crew[Symbol.asyncDispose]());

const newKey = (): string => randomBytes(32).toString('hex');
const A = newKey();
const B = newKey();
const acks = [newKey(), newKey(), newKey(), newKey()];
const keyset = (signing: string, id: string, fallbacks: readonly string[]) => ({
  signing,
  accepted: [signing, ...fallbacks],
  env: {
    ...{ JWT_SECRET_KEY: signing, JWT_SECRET: signing, JWT_KEY_ID: id, JWT_ALGORITHM: 'HS256' },
    JWT_SECRET_KEY_FALLBACKS: fallbacks.join(','),
  },
});
/** What docs/protocol.md says that the Secret holds. */
const PHASES = {
  steady: keyset(A, 'k-a', [acks[0]!]),
  staged: keyset(A, 'k-a', [B, acks[1]!]),
  draining: keyset(B, 'k-b', [A, acks[2]!]),
  retired: keyset(B, 'k-b', [acks[3]!]),
};
const NAMES = Object.keys(PHASES) as (keyof typeof PHASES)[];
const ALL_KEYS = [A, B, ...acks];

for (const name of NAMES) {
  const answers = await crew.askAll({ op: 'load', name, env: PHASES[name].env });
  for (const answer of Object.values(answers)) expect(answer).toEqual({ ok: true });
}

/** @returns for each verifier whether it takes the token */
async function verdicts(phase: string, token: string): Promise<readonly (string | undefined)[]> {
  const answers = await crew.askAll({ op: 'verify', name: phase, token });
  return Object.values(answers).map(({ claims, code }) => (claims?.sub === 'ada' ? 'accepted' : code));
}

const everyone = (verdict: string): readonly string[] => crew.members.map(() => verdict);

it.skipIf(!crew.hasPython)('is tried with every library (Python: needs Debian, apt-get download)', () => {
  // PyJWT at two versions, which are in the titles
  expect(new Set(crew.members.map(({ title }) => title)).size).toBe(6);
});

describe.each(NAMES)('%s', (phase) => {
  const { accepted, env, signing } = PHASES[phase];

  it.each(crew.members)('is signed by $title with the signing key, and accepted by all', async (member) => {
    const { token = '' } = await member.ask({ op: 'sign', name: phase, claims: { sub: 'ada', jti: '1' }, ttl: 60 });
    const { kid, iat, exp } = readToken(token);
    expect({ kid, life: exp - iat }).toEqual({ kid: env.JWT_KEY_ID, life: 60 });
    expect(await verdicts(phase, token)).toEqual(everyone('accepted'));
    const alone = { op: 'load', name: 'alone', env: { JWT_SECRET_KEY: signing } } as const;
    await crew.askAll(alone);
    expect(await verdicts('alone', token)).toEqual(everyone('accepted'));
  });

  it('accepts the tokens of each key of the Secret, and of no other', async () => {
    for (const key of ALL_KEYS) {
      const verdict = accepted.includes(key) ? 'accepted' : 'bad_signature';
      for (const kid of [undefined, 'k-a', 'k-b', 'k-z']) {
        const token = await signToken({ key, subject: 'ada', ...(kid !== undefined && { kid }) });
        expect(await verdicts(phase, token)).toEqual(everyone(verdict));
      }
    }
  });
});

it.each([
  ['steady', 'staged'],
  ['staged', 'draining'],
  ['draining', 'retired'],
] as const)('%s and %s accept the tokens of each other', async (before, after) => {
  for (const member of crew.members) {
    for (const [signer, verifier] of [
      [before, after],
      [after, before],
    ] as const) {
      const { token = '' } = await member.ask({ op: 'sign', name: signer, claims: { sub: 'ada' }, ttl: 60 });
      expect(await verdicts(verifier, token)).toEqual(everyone('accepted'));
    }
  }
});
