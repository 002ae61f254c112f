import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact, redactText } from '../../../src/runtime/redact.ts';

const key = createHash('sha256').update('a key').digest('hex');
const jwt =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----';

describe('text', () => {
  test.each([
    ['a key in hex', key],
    ['a key in upper case', key.toUpperCase()],
    ['a key of 96 characters', key + key.slice(0, 32)],
    ['half a key', key.slice(0, 32)],
    ['a key in base64', Buffer.from(key).toString('base64')],
    ['a key in base64url', Buffer.from(key).toString('base64url')],
    ['its bytes in base64', Buffer.from(key, 'hex').toString('base64')],
    ['its bytes in base64url', Buffer.from(key, 'hex').toString('base64url')],
    ['a key of one digit in base64', Buffer.from('4'.repeat(64)).toString('base64')],
    ['a JWT', jwt],
    ['a JWT without a signature', jwt.slice(0, jwt.lastIndexOf('.') + 1)],
    ['a PEM block', pem],
    ['a PEM block with escaped newlines', pem.replaceAll('\n', '\\n')],
    ['a PEM block that was cut', pem.slice(0, -30)],
    ['a bearer token', 'Bearer abcdef012345'],
  ])('that has %s shows nothing of it', (_, secret) => {
    for (const around of [secret, `before ${secret} after`, `"${secret}"`, `a=${secret},b=${secret}`, `x_${secret}`]) {
      const shown = redactText(around);
      for (let start = 0; start + 12 <= secret.length; start += 4) {
        const piece = secret.slice(start, start + 12);
        if (!piece.startsWith('-----') && !piece.startsWith('Bearer')) expect(shown).not.toContain(piece);
      }
    }
  });

  test.each([
    'patch deployments/autoscraper-with-a-very-long-name-7d9f8b6c5d-x2x4z in ns remotehive: Forbidden (403)',
    '/apis/apps/v1/namespaces/remotehive-production/deployments/main-backend-service',
    'k-7f3a9c21 is signing since 2026-11-25T10:00:00.000Z, resourceVersion 123456789012345678901',
    'reconcileId 8c7b1e0a-6b5d-4c1e-9f5f-0a1b2c3d4e5f',
    'honeycomb-service.namespace-of-somebody.svc.cluster.local',
    'Basic authentication and Bearer credentials are not supported',
    'ValidatingAdmissionPolicy rekey-authors with binding rekey-authors denied the request',
  ])('that people need is left alone: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  test('that is long is cut, without leaving a piece of a secret at the cut', () => {
    const shown = redactText(`${'x'.repeat(16_384 - 20)} ${key}`);
    expect(shown).not.toContain(key.slice(0, 8));
    expect(shown.length).toBeLessThan(16_400);
  });

  test.each([
    ['letters', 'a'],
    ['base64', 'aB1-'],
    ['dots', 'abcdefgh.'],
    ['PEM beginnings', '-----BEGIN A-----'],
    ['spaces', 'Bearer  '],
  ])('of many characters of %s takes no time', (_, unit) => {
    // of the processor, whatever else runs; squared it would be many seconds
    const times = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      for (const length of [16_000, 1_000_000]) redactText(unit.repeat(length / unit.length));
      return process.cpuUsage(start).user / 1_000;
    });
    expect(Math.min(...times)).toBeLessThan(300);
  });
});

describe('values', () => {
  test('that are bytes show only their number', () => {
    const bytes = randomBytes(32);
    expect(redact({ a: bytes, b: new Uint8Array(bytes), c: [...bytes], x: bytes.buffer, y: bytes.toJSON() })).toEqual({
      a: '[32 bytes]',
      b: '[32 bytes]',
      c: '[32 bytes]',
      x: `[${bytes.buffer.byteLength} bytes]`,
      y: { type: 'Buffer', data: '[redacted]' },
    });
  });

  test.each([
    'data',
    'stringData',
    'token',
    'Authorization',
    'private_key',
    'access-token',
    'd',
    'k',
    'JWT_SECRET_KEY',
    'password',
  ])('under the name %s are hidden, whatever they are', (name) => {
    expect(redact({ [name]: 'short' })).toEqual({ [name]: '[redacted]' });
    expect(redact({ deep: [{ [name]: { a: 'short' } }] })).toEqual({ deep: [{ [name]: '[redacted]' }] });
    expect(redact(new Map([[name, 'short']]))).toEqual({ [name]: '[redacted]' });
  });

  test('that help are shown', () => {
    const fields = {
      namespace: 'shop',
      name: 'jwt',
      secretName: 'jwt',
      kid: 'k-1',
      count: 3,
      done: true,
      none: null,
      key: 'shop/jwt',
    };
    expect(redact(fields)).toEqual(fields);
  });

  test('of an error are name, message, code, reason, status and causes, and nothing else', () => {
    const error = Object.assign(
      new Error(`bad ${key}`, { cause: Object.assign(new Error('deeper'), { code: 'ECONNRESET' }) }),
      {
        code: 'Conflict',
        reason: 'Conflict',
        status: 409,
        response: { body: key },
        request: { headers: { authorization: 'Bearer x' } },
      },
    );
    expect(redact(error)).toEqual({
      name: 'Error',
      message: 'bad [redacted]',
      code: 'Conflict',
      reason: 'Conflict',
      status: 409,
      cause: { name: 'Error', message: 'deeper', code: 'ECONNRESET' },
    });
  });

  test('of an error without a code have the place, since that is a defect', () => {
    expect(redact(new TypeError('x is undefined'))).toMatchObject({ stack: expect.stringContaining('redact.test.ts') });
  });

  test('that are odd come out as something', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const hostile = Object.defineProperty({}, 'boom', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    const odd = [
      circular,
      hostile,
      proxy,
      1n,
      Symbol('s'),
      () => 1,
      Number.NaN,
      new Date(Number.NaN),
      undefined,
      Object.create(null),
    ];
    for (const value of odd) expect(() => JSON.stringify(redact({ value }))).not.toThrow();
    expect(redact(circular)).toEqual({ self: '[circular]' });
    expect(redact(hostile)).toEqual({ boom: '[unreadable]' });
    expect(redact(new Error('x', { cause: circular }))).toBeDefined();
    expect(redact({ toJSON: () => key })).toEqual({ toJSON: '[function]' });
    expect(redact(JSON.parse('{"__proto__": {"x": 1}}'))).toBeDefined();
    expect(redact(new URL('https://user:pass@api:6443/x?token=1'))).toBe('https://api:6443/x');
  });

  test('that branch without end are bounded', () => {
    let value: unknown = 'leaf';
    for (let i = 0; i < 50; i += 1) value = Array(50).fill(value);
    // without a bound this has no end
    expect(JSON.stringify(redact(value)).length).toBeLessThan(1_000_000);
  });
});

/** All ways in which a key may be written. */
function shapes(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes);
  const hex = buffer.toString('hex');
  const wrapped = Buffer.from(hex).toString('base64');
  return [
    hex,
    hex.toUpperCase(),
    buffer.toString('base64'),
    buffer.toString('base64url'),
    wrapped,
    Buffer.from(wrapped).toString('base64'),
  ];
}

const claims = fc.record({ sub: fc.string({ minLength: 1 }), exp: fc.nat() });
const token = fc.tuple(claims, fc.uint8Array({ minLength: 32, maxLength: 32 })).map(([payload, signature]) => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}.${Buffer.from(signature).toString('base64url')}`;
});
/** Random as a key is, and not as fast-check likes it, which is mostly zeros. */
const secret = fc.integer().map((seed) => createHash('sha256').update(String(seed)).digest());

/** Hides a text somewhere in a value. */
const nest = (text: string): fc.Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(
        text,
        `reading ${text} failed`,
        new Error(text),
        Buffer.from(text),
        new Error('x', { cause: text }),
        [text],
      ),
      tie('value').map((value) => ({ field: value, other: 1 })),
      tie('value').map((value) => [0, value]),
      tie('value').map((value) => new Map([['m', value]])),
      tie('value').map((value) => new Set([value])),
      tie('value').map((value) => new Error('outer', { cause: value })),
      tie('value').map((value) => Object.assign(new Error('with fields'), { body: value, code: value })),
      tie('value').map((value) => new AggregateError([value], 'several')),
      tie('value').map((value) => ({ [text]: value })),
    ),
  })).value;

test('no key and no token survives, wherever it is and however it is written', () => {
  fc.assert(
    fc.property(
      secret.chain((bytes) =>
        fc.constantFrom(...shapes(bytes)).chain((text) => fc.tuple(fc.constant(text), nest(text))),
      ),
      ([text, value]) => {
        const shown = JSON.stringify(redact(value));
        expect(shown).not.toContain(text);
        expect(shown).not.toContain(text.slice(0, 20));
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      token.chain((text) => fc.tuple(fc.constant(text), nest(text))),
      ([text, value]) => {
        const shown = JSON.stringify(redact(value));
        for (const part of text.split('.')) expect(shown).not.toContain(part);
      },
    ),
    { numRuns: 300 },
  );
});

test('whatever comes in, JSON comes out', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      (value) => {
        expect(typeof JSON.stringify(redact(value))).toBe('string');
      },
    ),
  );
});
