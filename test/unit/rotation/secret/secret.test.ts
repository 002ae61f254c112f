import { importJWK, type JSONWebKeySet, type JWK, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import type { Secret } from '../../../../src/kube/types.ts';
import type { SecretFacts } from '../../../../src/rotation/facts.ts';
import { foundKeyset } from '../../../../src/rotation/keyset/before.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { decodeState, encodeState, StateError } from '../../../../src/rotation/keyset/state.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { foundMaterials } from '../../../../src/rotation/secret/adoption.ts';
import { fingerprintOf, KeyMaterial, nameKey, newKey } from '../../../../src/rotation/secret/keys.ts';
import {
  allMaterials,
  leftoverNames,
  materialsOf,
  patchFor,
  readSecret,
} from '../../../../src/rotation/secret/secret.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { DONE, DRAINING, SETTINGS, T0, WRITES } from '../builders.ts';

const A = 'a'.repeat(64);
const base64 = (text: string) => Buffer.from(text).toString('base64');

function secret(data: Record<string, string>, edit: Partial<Secret> = {}): Secret {
  const encoded = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, base64(value)]));
  return { metadata: { name: 'jwt', namespace: 'x', resourceVersion: '1' }, type: 'Opaque', data: encoded, ...edit };
}

/** A Secret as rekey leaves it after these writes, and its keyset. */
function written(writes: readonly Write[], names: Settings = SETTINGS): { secret: Secret; keyset: Keyset } {
  const first = new KeyMaterial(Buffer.from(A));
  let keyset = foundKeyset({ kid: 'k-a', fingerprint: fingerprintOf(first) }, [], 0, T0);
  let materials = new Map([['k-a', first]]);
  for (const write of writes) {
    const [key, ack] = [newKey(32), newKey(32)];
    materials = new Map([...materials, [key.kid, key.material], [ack.kid, ack.material]]);
    keyset = advance(keyset, write, { key, ack }, T0);
  }
  const { metadata, data } = patchFor(keyset, materials, names);
  const annotations = Object.fromEntries(Object.entries(metadata.annotations).filter(([, value]) => value !== null));
  return {
    keyset,
    secret: {
      ...secret({}),
      metadata: { ...secret({}).metadata, annotations: annotations as Record<string, string> },
      data: (data ?? {}) as Record<string, string>,
    },
  };
}

it('is read once for the same objects, and again for another Secret or other names', () => {
  const { secret: found } = written([WRITES.stage]);
  const first = readSecret(found, SETTINGS);
  expect(readSecret(found, SETTINGS)).toBe(first);
  expect(readSecret({ ...found }, SETTINGS)).not.toBe(first);
  expect(readSecret({ ...found, data: {} }, SETTINGS)).toMatchObject({ kind: 'Refused' });
  const names = { ...SETTINGS, signingNames: ['OTHER'] };
  expect(readSecret(found, names)).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyNotFound' } });
});

describe('a Secret that rekey has not written', () => {
  const rows: readonly (readonly [string, Secret, string])[] = [
    ['immutable', secret({ JWT_SECRET_KEY: A }, { immutable: true }), 'SecretImmutable'],
    ['of a platform type', secret({ JWT_SECRET_KEY: A }, { type: 'kubernetes.io/tls' }), 'SecretTypeUnsupported'],
    ['without a signing key', secret({ OTHER: A }), 'KeyNotFound'],
    ['with two different keys', secret({ JWT_SECRET_KEY: A, JWT_SECRET: 'b'.repeat(64) }), 'KeysDiffer'],
    ['with a trailing newline', secret({ JWT_SECRET_KEY: `${A}\n` }), 'KeyMalformed'],
    ['with a comma', secret({ JWT_SECRET_KEY: `${A},${A}` }), 'KeyMalformed'],
    ['empty', secret({ JWT_SECRET_KEY: '' }), 'KeyMalformed'],
    [
      'owned by External Secrets',
      secret(
        { JWT_SECRET_KEY: A },
        {
          metadata: {
            name: 'jwt',
            managedFields: [{ manager: 'external-secrets', fieldsV1: { 'f:data': { 'f:JWT_SECRET_KEY': {} } } }],
          },
        },
      ),
      'ForeignWriter',
    ],
  ];
  it.each(rows)('is refused when %s', (_, found, reason) => {
    expect(readSecret(found, SETTINGS)).toMatchObject({ kind: 'Refused', finding: { reason } });
  });

  describe.each(['constructor', '__proto__', 'toString'])('and whose data key has the name %s', (name) => {
    const names: Settings = {
      ...SETTINGS,
      ...{ signingNames: [name], fallbacksName: 'valueOf', previousName: 'isPrototypeOf', jwksName: 'hasOwnProperty' },
    };

    it('has no key where the data key is absent', () => {
      expect(readSecret(secret({ OTHER: A }), names)).toMatchObject({ finding: { reason: 'KeyNotFound' } });
    });

    it('has the key that is there, and no other', () => {
      const found = readSecret(secret({ [name]: A }), names);
      const fingerprint = fingerprintOf(new KeyMaterial(Buffer.from(A)));
      expect(found).toMatchObject({ kind: 'Unmanaged', fingerprint, fallbacks: [] });
      expect(found).toMatchObject({ lacks: ['valueOf', 'isPrototypeOf', 'hasOwnProperty'] });
    });

    it('is read as rekey has written it', () => {
      const found = written([WRITES.adopt, WRITES.stage], names);
      expect(Object.keys(found.secret.data ?? {})).toContain(name);
      expect(readSecret(found.secret, names)).toEqual({ kind: 'Managed', keyset: found.keyset });
      expect(materialsOf(found.secret, found.keyset, names).size).toBe(found.keyset.keys.length);
    });
  });

  it('is adopted with one key, under one of the names or both', () => {
    const fingerprint = fingerprintOf(new KeyMaterial(Buffer.from(A)));
    expect(readSecret(secret({ JWT_SECRET: A }), SETTINGS)).toEqual({
      ...{ kind: 'Unmanaged', fingerprint, fallbacks: [], weakness: 'Guessable' },
      lacks: ['JWT_SECRET_KEY_FALLBACKS'],
    });
    expect(readSecret(secret({ JWT_SECRET: A, JWT_SECRET_KEY: A }), SETTINGS)).toEqual({
      kind: 'Unmanaged',
      fingerprint,
      fallbacks: [],
      weakness: 'Guessable',
      lacks: ['JWT_SECRET_KEY_FALLBACKS'],
    });
  });
});

describe('adoption of a Secret with fallbacks', () => {
  it('keeps every key that is accepted, each once', () => {
    const O = 'o'.repeat(64);
    const found = secret({ JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: `${A},${O},${O}` });
    const print = (text: string) => fingerprintOf(new KeyMaterial(Buffer.from(text)));
    expect(readSecret(found, SETTINGS)).toMatchObject({
      ...{ kind: 'Unmanaged', fingerprint: print(A), fallbacks: [print(O)] },
    });
    const [signing, ...others] = foundMaterials(found, SETTINGS).map((key) => nameKey(key));
    if (signing === undefined) throw new Error('no key');
    const ack = newKey(32);
    const adopted = advance(
      foundKeyset(signing, others, 0, T0),
      { ...WRITES.adopt, fallbacks: [print(O)] },
      { key: newKey(32), ack },
      T0,
    );
    const materials = new Map([signing, ...others, ack].map(({ kid, material }) => [kid, material]));
    const { data = {} } = patchFor(adopted, materials, SETTINGS);
    const text = (name: string) => Buffer.from(data[name] ?? '', 'base64').toString();
    expect(text('JWT_SECRET_KEY')).toBe(A);
    expect(text('JWT_SECRET_KEY_FALLBACKS').split(',')[0]).toBe(O);
    expect(adopted.keys.map(({ state }) => state)).toEqual(['signing', 'found', 'ack']);
  });
});

describe('a Secret that rekey has written', () => {
  const { adopt, stage, promote } = WRITES;

  it('has every name in each step, as the protocol lists them', () => {
    const wrote = (writes: readonly Write[]) => {
      const { secret: found, keyset } = written(writes);
      const text = (name: string) => Buffer.from(found.data?.[name] ?? '', 'base64').toString();
      expect(text('JWT_SECRET')).toBe(text('JWT_SECRET_KEY'));
      expect(text('JWT_ALGORITHM')).toBe('HS256');
      expect(keyset.keys.map(({ kid }) => kid)).toContain(text('JWT_KEY_ID'));
      return { sign: text('JWT_SECRET_KEY'), fallbacks: text('JWT_SECRET_KEY_FALLBACKS').split(',') };
    };
    const steady = wrote([adopt]);
    expect([steady.sign, steady.fallbacks.length]).toEqual([A, 1]);
    const staging = wrote([adopt, stage]);
    expect([staging.sign, staging.fallbacks.length]).toEqual([A, 2]);
    const promoting = wrote([adopt, stage, promote]);
    expect([promoting.sign === A, promoting.fallbacks[0]]).toEqual([false, A]);
    for (const key of [...staging.fallbacks, promoting.sign]) expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is read back as the keyset that was written, with the bytes of every key', () => {
    const { secret: found, keyset } = written([adopt, stage, promote]);
    expect(readSecret(found, SETTINGS)).toEqual({ kind: 'Managed', keyset });
    const materials = materialsOf(found, keyset, SETTINGS);
    expect([...materials.keys()].sort()).toEqual(keyset.keys.map(({ kid }) => kid).sort());
  });

  it.each(['JWT_SECRET_KEY', 'JWT_SECRET', 'JWT_SECRET_KEY_FALLBACKS'])(
    'is not touched when %s was edited by hand',
    (name) => {
      const { secret: found } = written([adopt, stage]);
      const edited = { ...found, data: { ...found.data, [name]: base64('e'.repeat(64)) } };
      expect(readSecret(edited, SETTINGS)).toMatchObject({ kind: 'Refused', finding: { reason: 'ForeignWriter' } });
    },
  );

  it.each([
    ['argocd-controller', 'Stop argocd-controller from writing Secret jwt'],
    [undefined, 'Stop whoever writes Secret jwt'],
  ])(
    'tells what to do where %s wrote a burnt key back, and never to look for a value that nobody has',
    (manager, stop) => {
      const rotation = { id: 'e', trigger: 'Emergency', actor: 'alice', reason: 'leak', drainMs: 0 } as const;
      const { secret: found } = written([adopt, { transition: 'burn', nonce: 'n', version: 0, rotation }]);
      const fieldsV1 = { 'f:data': { 'f:JWT_SECRET_KEY': {} } };
      const managedFields = manager === undefined ? [] : [{ manager, fieldsV1 }];
      const metadata = { ...found.metadata, managedFields };
      const back = { ...found, metadata, data: { ...found.data, JWT_SECRET_KEY: base64(A) } };
      expect(readSecret(back, SETTINGS)).toMatchObject({
        finding: {
          reason: 'KeyResurrected',
          message: expect.stringContaining(
            `RESTART NO POD: one that starts now takes the burnt key. ${stop}, then request another emergency: kubectl rekey emergency NAME --reason '...'`,
          ),
        },
      });
    },
  );

  it('tells which keys are somebody else’s, and when their writer last changed something', () => {
    const { secret: found, keyset } = written([adopt, stage]);
    const name = 'JWT_SECRET_KEY_FALLBACKS';
    const text = Buffer.from(found.data?.[name] ?? '', 'base64').toString();
    const at = (time: string) => ({
      ...found,
      metadata: {
        ...found.metadata,
        managedFields: [{ manager: 'kubectl-edit', time, fieldsV1: { 'f:data': { [`f:${name}`]: {} } } }],
      },
      data: { ...found.data, [name]: base64(`${text},${'e'.repeat(64)}`) },
    });
    const foreignIn = (facts: SecretFacts) => (facts.kind === 'Refused' ? facts.foreign : undefined);
    const late = new Date(T0 + 3_600_000).toISOString();
    const foreign = foreignIn(readSecret(at(late), SETTINGS));
    expect(foreign).toMatchObject({ dataKeys: [name], changedAt: T0 + 3_600_000 });
    expect(foreign?.fingerprints).toHaveLength(1);
    expect(keyset.keys.map(({ fingerprint }) => fingerprint)).not.toContain(foreign?.fingerprints[0]);
    expect(foreignIn(readSecret(at(''), SETTINGS))).not.toHaveProperty('changedAt');
    // who only takes a key away leaves none that a pod could accept
    const taken = { ...found, data: { ...found.data, [name]: '' } };
    expect(foreignIn(readSecret(taken, SETTINGS))?.fingerprints).toEqual([]);
  });

  it('looks at the beginning of a list that is far too long', () => {
    const { secret: found } = written([adopt, stage]);
    const name = 'JWT_SECRET_KEY_FALLBACKS';
    const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`);
    const seen = readSecret({ ...found, data: { ...found.data, [name]: base64(keys.join()) } }, SETTINGS);
    expect(seen).toMatchObject({ kind: 'Refused', finding: { reason: 'ForeignWriter' } });
    expect(seen.kind === 'Refused' && seen.foreign?.fingerprints).toHaveLength(64);
    // of a Secret that is not managed they are not taken over, and an emergency burns what could be in use
    const unmanaged = { ...found, metadata: { name: 'jwt' }, data: { ...found.data, [name]: base64(keys.join()) } };
    expect(readSecret(unmanaged, SETTINGS)).toMatchObject({
      finding: {
        reason: 'KeyMalformed',
        message: expect.stringContaining(`${name} has 10000 entries, and rekey reads 64`),
      },
    });
    const materials = allMaterials(unmanaged, SETTINGS);
    expect(materials).toHaveLength(65);
    for (const material of materials) material.destroy();
  });

  it('is not touched when its state is unreadable', () => {
    const { secret: found } = written([adopt]);
    const annotations = { ...found.metadata.annotations, 'rekey.dev/history': 'x' };
    const edited = { ...found, metadata: { ...found.metadata, annotations } };
    expect(readSecret(edited, SETTINGS)).toMatchObject({ kind: 'Refused', finding: { reason: 'StateUnreadable' } });
  });
});

describe('further shapes of the Secret', () => {
  const names: Settings = { ...SETTINGS, previousName: 'JWT_SECRET_PREVIOUS', jwksName: 'keyset.json' };
  const text = ({ data }: Secret, name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString();
  const steps = [WRITES.adopt, WRITES.stage, WRITES.promote, WRITES.drain, WRITES.retire];

  it('have the one other key that there is, and else the ack key: never none', () => {
    const state = ({ keyset, secret: found }: ReturnType<typeof written>) => {
      const held = fingerprintOf(new KeyMaterial(Buffer.from(text(found, 'JWT_SECRET_PREVIOUS'))));
      return keyset.keys.find(({ fingerprint }) => fingerprint === held)?.state;
    };
    const held = steps.map((_, i) => state(written(steps.slice(0, i + 1), names)));
    expect(held).toEqual(['ack', 'staged', 'draining', 'draining', 'ack']);
  });

  it('have every key as a JWK set that others read, the key that signs first', async () => {
    const { secret: found, keyset } = written(steps.slice(0, 3), names);
    const jwks = JSON.parse(text(found, 'keyset.json')) as JSONWebKeySet;
    expect(jwks.keys.map(({ kid }) => kid)).toEqual(keyset.history.at(-1)?.verify);
    const key = await importJWK(jwks.keys[0] as JWK);
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(key);
    await expect(jwtVerify(token, Buffer.from(text(found, 'JWT_SECRET_KEY')))).resolves.toBeDefined();
  });

  it('are read back, and an edit of either is noticed', () => {
    const { secret: found } = written(steps.slice(0, 2), names);
    expect(readSecret(found, names).kind).toBe('Managed');
    for (const name of ['JWT_SECRET_PREVIOUS', 'keyset.json']) {
      const edited = { ...found, data: { ...found.data, [name]: base64('f'.repeat(64)) } };
      expect(readSecret(edited, names)).toMatchObject({
        finding: { message: expect.stringContaining(`data key ${name}`) },
      });
      const { [name]: _, ...others } = found.data ?? {};
      // it was added to the spec, and comes with the next write
      expect(readSecret({ ...found, data: others }, names).kind).toBe('Managed');
    }
  });

  it('are adopted with what they hold', () => {
    const jwk = (key: string) => ({ kty: 'oct', k: Buffer.from(key).toString('base64url') });
    const [O, P] = ['b'.repeat(64), 'c'.repeat(64)];
    const data = {
      JWT_SECRET_KEY: A,
      JWT_SECRET_PREVIOUS: O,
      'keyset.json': JSON.stringify({ keys: [jwk(A), jwk(P)] }),
    };
    const found = foundMaterials(secret(data), names).map((key) => key.use((bytes) => bytes.toString()));
    expect(found).toEqual([A, O, P]);
    for (const bad of ['no JSON', '{"keys":[{"kty":"RSA"}]}', '{}']) {
      const reading = readSecret(secret({ ...data, 'keyset.json': bad }), names);
      expect(reading).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyMalformed' } });
    }
  });
});

describe('a data key whose name has left the spec', () => {
  const owned = (manager: string) => [
    { manager, fieldsV1: { 'f:data': { 'f:JWT_SECRET': {}, 'f:JWT_SECRET_KEY': {}, 'f:JWT_KEY_ID': {} } } },
  ];
  const held = (manager: string) => ({
    ...secret({ JWT_SECRET_KEY: A, JWT_SECRET: A, JWT_KEY_ID: 'k' }),
    metadata: { name: 'jwt', managedFields: owned(manager) },
  });
  const names = { ...SETTINGS, signingNames: ['JWT_SECRET_KEY'] };

  it('goes with the next write if rekey wrote it, lest an old key live on there', () => {
    expect(leftoverNames(held('rekey'), names)).toEqual(['JWT_SECRET']);
    expect(leftoverNames(held('rekey'), SETTINGS)).toEqual([]);
    expect(leftoverNames(held('kubectl'), names)).toEqual([]);
  });
});

describe('the bytes of keys', () => {
  /** What is left of the key in any Buffer that was made meanwhile. */
  function leftOvers(run: () => unknown, keys: readonly string[]): number {
    const made: Buffer[] = [];
    const { from, concat } = Buffer;
    const noted = (bytes: Buffer) => {
      made.push(bytes);
      return bytes;
    };
    vi.spyOn(Buffer, 'from').mockImplementation(((...args: Parameters<typeof from>) =>
      noted(from.apply(Buffer, args))) as typeof from);
    vi.spyOn(Buffer, 'concat').mockImplementation(((list) => noted(concat(list))) as typeof concat);
    try {
      run();
    } finally {
      vi.restoreAllMocks();
    }
    expect(made.length).toBeGreaterThan(0);
    return made.filter((bytes) => keys.some((key) => bytes.includes(key))).length;
  }
  const O = 'o'.repeat(64);

  it('are overwritten when the Secret has been read, whatever it holds', () => {
    const { secret: found, keyset } = written([WRITES.adopt, WRITES.stage]);
    const keys = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS']
      .flatMap((name) =>
        Buffer.from(found.data?.[name] ?? '', 'base64')
          .toString()
          .split(','),
      )
      .concat(O);
    const edited = { ...found, data: { ...found.data, JWT_SECRET: base64(`${O},${O}`) } };
    const unmanaged = secret({ JWT_SECRET_KEY: A, JWT_SECRET_KEY_FALLBACKS: `${A},${O},${O}` });
    const secrets = [found, edited, unmanaged, secret({ JWT_SECRET_KEY: A, JWT_SECRET: O })];
    for (const one of secrets) expect(leftOvers(() => readSecret(one, SETTINGS), keys)).toBe(0);
    expect(
      leftOvers(() => {
        for (const material of materialsOf(found, keyset, SETTINGS).values()) material.destroy();
      }, keys),
    ).toBe(0);
  });

  it('are overwritten in further shapes of the Secret too', () => {
    const names: Settings = { ...SETTINGS, previousName: 'PREVIOUS', jwksName: 'keyset.json' };
    const jwks = { keys: [{ kty: 'oct', k: Buffer.from(A).toString('base64url') }] };
    const unmanaged = secret({ JWT_SECRET_KEY: A, PREVIOUS: O, 'keyset.json': JSON.stringify(jwks) });
    expect(leftOvers(() => readSecret(unmanaged, names), [A, O])).toBe(0);
    const { secret: found } = written([WRITES.adopt, WRITES.stage], names);
    const k = Buffer.from(A).toString('base64url');
    expect(leftOvers(() => readSecret(found, names), [A, k])).toBe(0);
    expect(leftOvers(() => written([WRITES.adopt], names), [k])).toBe(0);
  });

  it('do not outlive the list that they were written in', () => {
    const burnt = [new KeyMaterial(Buffer.from(A)), new KeyMaterial(Buffer.from(O))];
    const keyset: Keyset = {
      ...DONE,
      phase: 'Burning',
      emergency: { nonce: 'n', reason: 'r', writtenAt: T0 },
    };
    const expected = { 'rekey.dev.burnt': base64(`${A},${O}`) };
    const list = () => expect(patchFor(keyset, undefined, SETTINGS, burnt).data).toEqual(expected);
    expect(leftOvers(list, [`${A},${O}`])).toBe(0);
  });
});

describe('the state in annotations', () => {
  it.each([
    ['draining', DRAINING],
    ['done', DONE],
  ])('survives the way there and back: %s', (_, keyset) => {
    expect(decodeState(encodeState(keyset))).toEqual(keyset);
  });

  it.each(Object.keys(encodeState(DONE)))('is refused when %s is missing or nonsense', (name) => {
    for (const value of ['', '[1]', 'null', '{"a":', '"x"']) {
      const attempt = () => decodeState({ ...encodeState(DRAINING), [name]: value });
      expect(attempt).toThrow(StateError);
    }
  });
});
