/** What the API server let in and rekey must refuse: each with the field, what is wrong with it, and what to write. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotationSpec } from '../../../src/rotation/api/types.ts';
import { settingsOf } from '../../../src/rotation/settings/settings.ts';
import { specFinding } from '../../../src/rotation/settings/spec-checks.ts';
import { SPEC } from './spec.ts';

const window = { kind: 'Allow', schedule: '0 3 * * *', duration: '2h' } as const;

const ROWS: readonly (readonly [reason: string, message: string, edit: Partial<JwtKeyRotationSpec>])[] = [
  ['InvalidTimeZone', 'spec.timeZone: "BST" is an abbreviation', { timeZone: 'BST' }],
  [
    'InvalidTimeZone',
    'spec.maintenanceWindows[1].timeZone: "IST" is an abbreviation',
    { maintenanceWindows: [window, { ...window, timeZone: 'IST' }] },
  ],
  ['InvalidDuration', 'spec.maxTokenTTL: "0s" is zero', { maxTokenTTL: '0s' }],
  ['InvalidDuration', 'spec.rotationPeriod: "0d0h" is zero', { rotationPeriod: '0d0h' }],
  ['InvalidDuration', 'spec.rolloutTimeout: "0m" is zero', { rolloutTimeout: '0m' }],
  [
    'InvalidDuration',
    'spec.maintenanceWindows[0].duration: "0h" is zero',
    { maintenanceWindows: [{ ...window, duration: '0h' }] },
  ],
  [
    'InvalidDuration',
    'spec.maxTokenTTL: "90 days" is not a duration; write one such as 90d',
    { maxTokenTTL: '90 days' },
  ],
  named('spec.secretKeys.signing[1]: "JWT_KEY_ID" is where rekey writes', { signing: ['A', 'JWT_KEY_ID'] }),
  named('spec.secretKeys.signing[0]: "JWT_ALGORITHM" is where rekey writes', { signing: ['JWT_ALGORITHM'] }),
  named('spec.secretKeys.keyset: "rekey.dev.burnt" is where rekey writes', { keyset: 'rekey.dev.burnt' }),
  named('spec.secretKeys.previous: "JWT_KEY_ID" is where rekey writes', { previous: 'JWT_KEY_ID' }),
  named('spec.secretKeys.fallbacks: "JWT_SECRET" is named for two purposes', { fallbacks: 'JWT_SECRET' }),
  named('spec.secretKeys.signing[1]: "A" is named for two purposes', { signing: ['A', 'A'] }),
  named('spec.secretKeys.keyset: "A" is named for two purposes', { previous: 'A', keyset: 'A' }),
  named('spec.secretKeys.signing[0]: "..data" cannot be a data key', { signing: ['..data'] }),
  laidOut('spec.secretKeys.layout[0].names[0]: "JWT_SECRET" is named for two purposes', ['JWT_SECRET']),
  laidOut('spec.secretKeys.layout[0].names[1]: "A" is named for two purposes', ['A', 'A']),
  laidOut('spec.secretKeys.layout[0].names[0]: "JWT_KEY_ID" is where rekey writes', ['JWT_KEY_ID']),
  laidOut('spec.secretKeys.layout[0].names: there is no place for a fallback', ['A'], { content: 'All' }),
  laidOut('spec.secretKeys.layout[0].max: each name holds one key', ['A'], { max: 3 }),
  laidOut('spec.secretKeys.layout[0].names: JsonArray holds all keys in one', ['A', 'B'], { format: 'JsonArray' }),
  laidOut('spec.secretKeys.layout[0].names: Jwks holds all keys in one', [], { format: 'Jwks' }),
  laidOut('spec.secretKeys.layout[0].max: 1 is too few', ['A'], { format: 'CommaList', max: 1 }),
  laidOut('spec.secretKeys.layout[0].max: 2 is too few', ['A'], { format: 'JsonArray', content: 'All', max: 2 }),
  laidOut(
    'spec.secretKeys: "AUTH_SECRET_2" holds a fallback, and Auth.js encrypts',
    ['AUTH_SECRET_1', 'AUTH_SECRET_2'],
    {
      content: 'All',
    },
  ),
  laidOut('spec.secretKeys: "AUTH_SECRET" holds a fallback', ['AUTH_SECRET']),
];

function laidOut(message: string, names: readonly string[], edit: Partial<SpecLayout> = {}) {
  return named(message, { layout: [{ names, format: 'Text', content: 'Fallbacks', ...edit }] });
}

type SpecLayout = NonNullable<JwtKeyRotationSpec['secretKeys']['layout']>[number];

function named(message: string, edit: Partial<JwtKeyRotationSpec['secretKeys']>) {
  return ['InvalidDataKey', message, { secretKeys: { ...SPEC.secretKeys, ...edit } }] as const;
}

describe('a spec', () => {
  it('has nothing wrong with it as it is in the README', () => expect(specFinding(SPEC)).toBeUndefined());

  it('may have no tolerance and no slack, and data keys of any name', () => {
    const secretKeys = { ...SPEC.secretKeys, signing: ['constructor', '__proto__'] };
    expect(
      specFinding({ ...SPEC, clockSkew: '0s', retire: { mode: 'Eager', slack: '0s' }, secretKeys }),
    ).toBeUndefined();
  });

  it('may leave out of a list what goes without saying', () => {
    const { targets, windows } = settingsOf({
      ...SPEC,
      targets: [{ kind: 'Deployment', name: 'api', canary: { path: '/', port: 80 } }],
      maintenanceWindows: [{ schedule: '0 3 * * *', duration: '2h' }],
    });
    const canary = {
      ...{
        scheme: 'HTTP',
        method: 'GET',
        path: '/',
        port: 80,
        headers: [],
        claims: {},
        contentType: 'application/json',
      },
      ...{ token: { in: 'Header', name: 'Authorization', prefix: 'Bearer' }, insecureSkipTLSVerify: false },
      ...{ acceptStatuses: [], refuseStatuses: [] },
    };
    expect(targets).toEqual([
      { kind: 'Deployment', name: 'api', roles: ['Signer', 'Verifier'], source: 'Env', canary },
    ]);
    expect(windows).toMatchObject([{ kind: 'Allow' }]);
  });

  it('keeps nothing of a key that was pasted into it', () => {
    const key = '0123456789abcdef'.repeat(4);
    const of = (reason: string) => settingsOf({ ...SPEC, forceRotation: { reason } }).forceReason;
    expect(of(`ticket 7: ${key}`)).toMatch(/^ticket 7: \[redacted\]…[0-9a-f]{16}$/);
    expect(of(`ticket 7: ${key}`)).not.toBe(of(`ticket 7: ${key.toUpperCase()}`));
    expect([of('ticket 7'), of(' ')]).toEqual(['ticket 7', '']);
    expect(specFinding({ ...SPEC, timeZone: key })?.message).not.toContain(key.slice(0, 16));
  });

  it.each(ROWS)('is refused: %s, %s', (reason, message, edit) => {
    expect(specFinding({ ...SPEC, ...edit })).toMatchObject({ reason, message: expect.stringContaining(message) });
  });
});
