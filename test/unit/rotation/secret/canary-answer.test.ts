/** What an answer means: a status, or what a JSON body says. What was not declared is neither a yes nor a no. */
import { describe, expect, it } from 'vitest';
import { answerOf, readAnswer, valueAt } from '../../../../src/rotation/secret/canary-answer.ts';
import { formOf } from '../../../../src/rotation/settings/canary-settings.ts';

describe('a status', () => {
  it('follows what is declared, and means nothing otherwise', () => {
    const declared = formOf({ acceptStatuses: [404], refuseStatuses: [403] });
    expect([200, 204, 401, 403, 404, 500, 302].map((status) => answerOf(status, declared))).toEqual([
      'accepted',
      'accepted',
      'refused',
      'refused',
      'accepted',
      'unknown',
      'unknown',
    ]);
    expect([403, 404].map((status) => answerOf(status, formOf({})))).toEqual(['unknown', 'unknown']);
  });

  it('of a redirect may mean that a login page is shown', () => {
    expect(answerOf(302, formOf({ refuseStatuses: [302] }))).toBe('refused');
  });
});

describe('a body', () => {
  const introspection = formOf({
    response: { accepted: { pointer: '/active', value: true }, refused: { pointer: '/active', value: false } },
  });
  const graphql = formOf({
    response: {
      accepted: { pointer: '/data/viewer' },
      refused: { pointer: '/errors/0/extensions/code', value: 'UNAUTHENTICATED' },
    },
  });
  const json = (value: unknown, status = 200) => ({ status, body: JSON.stringify(value) });
  const unauthenticated = { data: { viewer: null }, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };

  it.each([
    [introspection, json({ active: true }), 'accepted', '/active means accepted'],
    [introspection, json({ active: false }), 'refused', '/active means refused'],
    [introspection, json({ active: 'true' }), 'unknown', 'neither accepted nor refused: /active is another string'],
    [introspection, json({}), 'unknown', '/active is absent'],
    [introspection, json(null), 'unknown', '/active is absent'],
    [introspection, { status: 200, body: '<html>' }, 'unknown', 'a body that is not JSON'],
    [introspection, { status: 200, body: '' }, 'unknown', 'a body that is not JSON'],
    [introspection, { status: 200, body: undefined }, 'unknown', 'too long to be read'],
    [introspection, json({ active: true }, 401), 'refused', 'it answered 401'],
    [introspection, json({ active: true }, 500), 'unknown', 'it answered 500'],
    [graphql, json({ data: { viewer: { id: '7' } } }), 'accepted', '/data/viewer means accepted'],
    [graphql, json(unauthenticated), 'refused', '/errors/0/extensions/code means refused'],
    // the database is away: that says nothing of the token
    [graphql, json({ data: { viewer: null }, errors: [{ message: 'down' }] }), 'unknown', '/data/viewer is null'],
    [graphql, json({ ...unauthenticated, data: { viewer: {} } }), 'unknown', 'both accepted and refused'],
  ])('with %j answers to %j: %s', (form, got, answer, said) => {
    expect(readAnswer(got, form)).toMatchObject({ answer, said: expect.stringContaining(said) });
  });

  it('is not quoted: it may be anybody’s data, or the token itself', () => {
    const { said } = readAnswer(json({ active: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln' }), introspection);
    expect(said).not.toContain('eyJ');
  });
});

describe('a JSON pointer', () => {
  // RFC 6901 section 5
  const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'm~n': 8, '~1': 9 };
  it.each([
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/m~0n', 8],
    ['/~01', 9],
    ['/foo/2', undefined],
    ['/foo/-', undefined],
    ['/foo/01', undefined],
    ['/foo/length', undefined],
    ['/constructor', undefined],
    ['/__proto__/x', undefined],
  ])('%s', (pointer, value) => {
    expect(valueAt(document, pointer)).toEqual(value);
  });
});
