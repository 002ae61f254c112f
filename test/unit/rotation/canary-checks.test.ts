/** A canary that cannot be sent, or cannot tell, is refused with its field, also where the API server did not look. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotationSpec } from '../../../src/rotation/api/types.ts';
import { canaryFindings } from '../../../src/rotation/settings/canary-checks.ts';

type Canary = NonNullable<JwtKeyRotationSpec['targets'][number]['canary']>;
type Claims = JwtKeyRotationSpec['canary'];

function problemsOf(edit: Partial<Canary>, canary: Claims = { claims: {} }): readonly string[] {
  const targets = [
    { kind: 'Deployment', name: 'signer', roles: ['Signer'] },
    { kind: 'Deployment', name: 'api', canary: { path: '/verify', port: 8000, ...edit } },
  ] as const;
  const found = canaryFindings({ targets, canary } as unknown as JwtKeyRotationSpec);
  expect(found.every(({ reason }) => reason === 'InvalidCanary')).toBe(true);
  return found.map(({ message }) => message);
}

const at = (field: string) => `spec.targets[1].canary.${field}: `;
const response = (accepted: object, refused?: object) =>
  ({ response: { accepted, ...(refused && { refused }) } }) as Partial<Canary>;
const header = (name: string, value: string) => ({ headers: [{ name, value }] });

describe('a canary', () => {
  it.each<[string, Partial<Canary>]>([
    ['as it always was', { acceptStatuses: [403], refuseStatuses: [404] }],
    ['with a cookie and a login page', { token: { in: 'Cookie', name: 'session' }, refuseStatuses: [302] }],
    ['of GraphQL', { method: 'POST', body: '{}', ...response({ pointer: '/data/viewer' }, { pointer: '/errors/0' }) }],
    [
      'of introspection',
      {
        ...{
          method: 'POST',
          token: { in: 'Body' },
          body: 'token=$(TOKEN)',
          contentType: 'application/x-www-form-urlencoded',
        },
        ...response({ pointer: '/active', value: true }, { pointer: '/active', value: false }),
      },
    ],
    ['that swaps the usual meanings', { acceptStatuses: [401], refuseStatuses: [302] }],
    ['over TLS to a named port', { scheme: 'HTTPS', port: 'https', host: 'api.shop', insecureSkipTLSVerify: true }],
    ['with a value and any other', response({ pointer: '/a', value: 1 }, { pointer: '/a', value: 2 })],
    ['with null and any other', response({ pointer: '/a' }, { pointer: '/a', value: null })],
    ['in a header of its own', { token: { name: 'X-Auth' }, ...header('X-Tenant', 'a b') }],
  ])('may be one %s', (_, edit) => {
    expect(problemsOf(edit)).toEqual([]);
  });

  it.each<[Partial<Canary>, string, string]>([
    [{ acceptStatuses: [403], refuseStatuses: [403, 404] }, 'refuseStatuses', '403 cannot mean both'],
    [{ acceptStatuses: [401] }, 'acceptStatuses', 'nothing means refused'],
    [response({ pointer: 'data' }), 'response.accepted.pointer', 'not a JSON pointer'],
    [response({ pointer: '' }), 'response.accepted.pointer', 'not a JSON pointer'],
    [response({ pointer: '/a' }, { pointer: '/b~2' }), 'response.refused.pointer', 'not a JSON pointer'],
    [response({ pointer: '/a' }, { pointer: '/a', value: 1 }), 'response.refused', 'means accepted too'],
    [response({ pointer: '/a', value: [1] }, { pointer: '/a', value: [1] }), 'response.refused', 'means accepted too'],
    [{ body: 'x' }, 'body', 'needs method: POST'],
    [{ contentType: 'text/plain' }, 'contentType', 'needs a body'],
    [{ method: 'POST', body: 'x', contentType: 'json' }, 'contentType', 'not a media type'],
    [{ method: 'POST', body: 'x', token: { in: 'Body' } }, 'body', 'write $(TOKEN)'],
    [{ method: 'POST', token: { in: 'Body' } }, 'body', 'write $(TOKEN)'],
    [{ method: 'POST', body: '$(TOKEN)' }, 'body', 'token.in is not Body'],
    [{ token: { in: 'Cookie' } }, 'token.name', 'write the name of the cookie'],
    [{ token: { in: 'Cookie', name: 'a;b' } }, 'token.name', 'cannot carry a token'],
    [{ token: { in: 'Cookie', name: 'a', prefix: 'x' } }, 'token.prefix', 'only a header'],
    [{ token: { name: 'Host' } }, 'token.name', 'cannot carry a token'],
    [{ token: { name: 'X-A\r\nX-B' } }, 'token.name', 'cannot carry a token'],
    [{ token: { prefix: 'Bearer\r\nX: y' } }, 'token.prefix', 'not a prefix'],
    [header('X-A\r\nX-B', 'c'), 'headers[0].name', 'not a header name'],
    [header('X-A', 'b\r\nX-C: d'), 'headers[0].value', 'not a header value'],
    [header('X-A', 'b\u0000'), 'headers[0].value', 'not a header value'],
    [header('Cookie', 'a=b'), 'headers[0].name', 'cannot be set here'],
    [header('AUTHORIZATION', 'Basic eDp5'), 'headers[0].name', 'cannot be set here'],
    [{ token: { name: 'X-Auth' }, ...header('x-auth', 'a') }, 'headers[0].name', 'header of the token'],
    [{ headers: [...header('X-A', '1').headers, ...header('x-a', '2').headers] }, 'headers[1].name', 'twice'],
    [header('X-A', '0123456789abcdef'.repeat(4)), 'headers[0].value', 'looks like a key'],
    [{ host: 'api.shop/x' }, 'host', 'not a host'],
    [{ host: 'a\r\nX: y' }, 'host', 'not a host'],
    [{ port: 0 }, 'port', 'not a port'],
    [{ port: '8080' }, 'port', 'write the number without quotes: port: 8080'],
    [{ port: 'HTTP' }, 'port', 'not a port'],
    [{ insecureSkipTLSVerify: true }, 'insecureSkipTLSVerify', 'needs scheme: HTTPS'],
    [{ claims: { exp: 1 } }, 'claims.exp', 'rekey sets this claim'],
    [{ claims: { long: 'x'.repeat(5_000) } }, 'claims', 'at most 4096'],
  ])('%j is refused at %s', (edit, field, problem) => {
    const [message = '', ...others] = problemsOf(edit);
    expect([message.startsWith(at(field)), others]).toEqual([true, []]);
    expect(message).toContain(problem);
  });

  it.each<[Claims, string]>([
    [{ claims: { iat: 1 } }, 'spec.canary.claims.iat: rekey sets this claim'],
    [{ claims: { nbf: 1 } }, 'spec.canary.claims.nbf: rekey sets this claim'],
    [{ audience: 'a', claims: { aud: ['a'] } }, 'spec.canary.claims.aud: canary.audience sets this claim too'],
    [{ issuer: 'a', claims: { iss: 'b' } }, 'spec.canary.claims.iss: canary.issuer sets this claim too'],
  ])('claims %j are refused', (claims, message) => {
    expect(problemsOf({}, claims)).toEqual([expect.stringContaining(message)]);
  });

  it('may claim whom it speaks of, for whom, and what has any shape', () => {
    const claims = { sub: 'bot', jti: 'x', aud: ['a', 'b'], roles: ['r'], level: 3, on: true, deep: { a: null } };
    expect(problemsOf({}, { issuer: 'me', claims })).toEqual([]);
  });
});
