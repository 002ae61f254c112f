/** Bad input that the API server can judge by the CRD: it is refused in words that help, and nothing is written. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { rotationOf } from '../support/scenario/single.ts';
import { cron, layout, windows } from '../support/scenario/spec-parts.ts';

const api = KubeApi.fromKubeconfig(inject('cluster').kubeconfig);
const namespace = `bad-spec-${randomUUID().slice(0, 8)}`;

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
});
afterAll(async () => {
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

describe('a resource that the API server can judge', () => {
  const rows: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    ['period and schedule', { schedule: '0 3 * * 0' }, 'exactly one of'],
    [
      'neither period nor schedule',
      { rotationPeriod: undefined },
      'such as rotationPeriod: 90d, or schedule: 0 3 1 * *',
    ],
    ['a target twice', { targets: [{ name: 'a' }, { name: 'a' }] }, 'once: put all its roles into one entry'],
    ['nobody who signs', { targets: [{ name: 'a', roles: ['Verifier'] }] }, 'needs the role Signer, such as'],
    ['nobody who verifies', { targets: [{ name: 'a', roles: ['Signer'] }] }, 'needs the role Verifier, such as'],
    ['Cutover that is not allowed', { strategy: 'Cutover' }, 'allowCutover'],
    ['no longest life of a token', { maxTokenTTL: undefined }, 'maxTokenTTL'],
    ['a duration in words', { maxTokenTTL: 'one hour' }, 'spec.maxTokenTTL: Invalid value'],
    ['a duration with a space', { rotationPeriod: '90 days' }, 'not a duration: write whole numbers with d, h, m or s'],
    ['a skew with a sign', { clockSkew: '-1s' }, 'no space, such as 60s'],
    ['a cron macro', cron('@daily'), 'no seconds and no @daily, such as 0 3 * * 0'],
    ['six fields', cron('0 0 3 * * 0'), 'not five fields: write minute, hour, day of month'],
    ['a cron field of another world', cron('0 3 ? * 0'), 'not a cron expression: a field has numbers'],
    ['a window of six fields', windows({ schedule: '0 0 3 * * 0' }), 'not five fields'],
    ['an offset for a zone', { timeZone: 'UTC 2' }, 'not an IANA time zone: write one such as Europe/Berlin'],
    ['the zone of a window in words', windows({ timeZone: 'New York' }), 'not an IANA time zone'],
    ['an environment in capitals', { environment: 'PROD' }, 'not an environment name'],
    ['a target with its kind', { targets: [{ name: 'Deployment/a' }] }, 'not a workload name'],
    ['a canary at an address', { targets: [{ name: 'a', canary: { path: 'http://a/x', port: 80 } }] }, 'begin with /'],
    ['a data key with a space', { secretKeys: { signing: ['MY KEY'] } }, 'such as JWT_SECRET_KEY'],
    ['fallbacks with a comma', { secretKeys: { fallbacks: 'A,B' } }, 'such as JWT_SECRET_KEY_FALLBACKS'],
    ['a previous key with a slash', { secretKeys: { previous: 'a/b' } }, 'or leave it empty'],
    ['a JWK set with a slash', { secretKeys: { keyset: 'a/b' } }, 'such as jwks.json'],
    ['a key too short for HS512', { key: { algorithm: 'HS512' } }, 'too small'],
    ['one data key for two purposes', { secretKeys: { fallbacks: 'JWT_SECRET' } }, 'once'],
    [
      'a life of tokens that is none',
      { maxTokenTTL: '0s' },
      'zero is not allowed: write how long it really is, such as 24h',
    ],
    ['a time-out that is none', { rolloutTimeout: '0m' }, 'zero is not allowed'],
    ['a window that is none', windows({ duration: '0h' }), 'zero is not allowed'],
    [
      'the key id as the signing key',
      { secretKeys: { signing: ['JWT_KEY_ID'] } },
      'rekey writes something else to JWT_KEY_ID',
    ],
    ['the algorithm as the signing key', { secretKeys: { signing: ['JWT_ALGORITHM'] } }, 'such as JWT_SECRET_KEY'],
    ['the burnt keys as a JWK set', { secretKeys: { keyset: 'rekey.dev.burnt' } }, 'rekey writes something else'],
    ['a name that no data key has', { secretKeys: { previous: '..data' } }, 'cannot be "." or begin with ".."'],
    ['a layout of a name with a slash', layout({ names: ['a/b'] }), 'such as AUTH_SECRET_1'],
    ['a layout without a name', layout({ names: [] }), 'at least 1 items'],
    ['a layout of one name twice', layout({ names: ['A', 'A'] }), 'Duplicate value'],
    ['a name in two layouts', layout({ names: ['A'] }, { names: ['B', 'A'] }), 'may be named once'],
    ['a layout of a name that signs', layout({ names: ['JWT_SECRET'] }), 'use another name in layout'],
    ['a layout where the key id is', layout({ names: ['JWT_KEY_ID'] }), 'layout: rekey writes something else'],
    ['a layout of a name that no data key has', layout({ names: ['..data'] }), 'cannot be "." or begin with ".."'],
    ['a layout of a form that is none', layout({ names: ['A'], format: 'Yaml' }), 'Unsupported value'],
    ['a layout of the signing key alone', layout({ names: ['A'], content: 'All' }), 'no place for a fallback'],
    ['a layout of two lists', layout({ names: ['A', 'B'], format: 'JsonArray' }), 'write one name'],
    ['a layout of one key in a list', layout({ names: ['A'], format: 'Jwks', max: 1 }), 'greater than or equal to 2'],
    [
      'a layout of two keys with the signing one',
      layout({ names: ['A'], format: 'JsonArray', content: 'All', max: 2 }),
      'needs room for three keys',
    ],
    ['a layout of texts with a bound', layout({ names: ['A'], max: 3 }), 'max is for lists'],
    ['a Secret of another namespace', { secretName: 'other/jwt' }, 'without the namespace, such as my-jwt'],
  ];
  it.each(rows)('is refused with %s', async (_, edit, word) => {
    await expect(api.create(rotationOf(namespace, 'refused', 'x', edit))).rejects.toThrow(word);
  });

  it('may have a layout for each kind of service', async () => {
    const entries = [
      { names: ['AUTH_SECRET_3', 'AUTH_SECRET_2', 'AUTH_SECRET_1'], content: 'All' },
      { names: ['LIGHTDASH_SECRET_FALLBACKS'], format: 'JsonArray', max: 3 },
      { names: ['jwks.json'], format: 'Jwks', content: 'All' },
      { names: ['hmac_previous_secret_key'] },
    ];
    const made = await api.create(rotationOf(namespace, 'layout', 'layout', layout(...entries)));
    expect(made).toMatchObject({
      spec: { secretKeys: { fallbacks: 'JWT_SECRET_KEY_FALLBACKS', ...layout(...entries).secretKeys } },
    });
    await api.delete({ kind: 'JwtKeyRotation', namespace, name: 'layout' });
  });

  it('cannot be moved to another Secret or environment', async () => {
    await api.create(rotationOf(namespace, 'fixed', 'fixed'));
    const target = { kind: 'JwtKeyRotation', namespace, name: 'fixed' };
    await expect(api.patch(target, { spec: { secretName: 'other' } })).rejects.toThrow('immutable');
    await expect(api.patch(target, { spec: { environment: 'other' } })).rejects.toThrow('immutable');
    await api.delete(target);
  });
});
