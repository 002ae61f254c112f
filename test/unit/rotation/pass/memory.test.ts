/** What is kept of a resource between two passes, and what makes it worthless. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { Probe } from '../../../../src/rotation/facts.ts';
import { Memory } from '../../../../src/rotation/pass/memory.ts';
import { type Claims, canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import type { Layout } from '../../../../src/rotation/settings/layouts.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { probeOf, SETTINGS, STEADY } from '../builders.ts';

const OPEN: Probe = { ...probeOf(STEADY, 1), random: 'unknown', failures: 7 };

function memoryOf(probes: Readonly<Record<string, Probe>>) {
  const memory = new Memory();
  memory.asksBy(SETTINGS);
  memory.learn({ kind: 'Probed', probes: new Map(Object.entries(probes)) }, SETTINGS, 0);
  return { memory, known: () => [...memory.probes.keys()] };
}

const targetsOf = (claims: Claims): Settings['targets'] => [
  {
    kind: 'Deployment',
    name: 'a',
    roles: ['Verifier'],
    source: 'Env',
    canary: canaryOf({ path: '/', port: 80 }, claims),
  },
];
const resource = (generation: number) => ({ metadata: { generation } }) as unknown as JwtKeyRotation;

describe('answers of pods', () => {
  it('say nothing of canaries that are sent otherwise: with other claims, to another path', () => {
    const { memory, known } = memoryOf({ a: probeOf(STEADY, 1) });
    memory.asksBy({ ...SETTINGS, maxTokenTtlMs: 1 });
    expect(known()).toEqual(['a']);
    memory.asksBy({ ...SETTINGS, targets: targetsOf({ iss: 'somebody else' }) });
    expect(known()).toEqual([]);
  });

  it('that are missing are asked for anew when people change something, not oftener than each ten seconds', () => {
    const { memory } = memoryOf({ a: probeOf(STEADY, 1), b: OPEN });
    const asked = () => [...memory.probes].filter(([, { askedAt }]) => askedAt > 0).map(([pod]) => pod);
    const heard = (generation: number) => memory.heard(resource(generation), () => true);
    expect([heard(1), heard(1), heard(2)]).toEqual([true, false, true]);
    memory.forgetOpenAnswers(0);
    expect(asked()).toEqual(['a']);
    memory.learn({ kind: 'Probed', probes: new Map([['b', OPEN]]) }, SETTINGS, 0);
    memory.forgetOpenAnswers(9_999);
    expect(asked()).toEqual(['a', 'b']);
    memory.forgetOpenAnswers(10_000);
    expect(asked()).toEqual(['a']);
    // how often it was silent tells people of it
    expect(memory.probes.get('b')?.failures).toBe(OPEN.failures);
  });

  it('are not asked for anew because people ask for a look, or a name is written down', () => {
    const { memory } = memoryOf({});
    const looked = (annotations: Record<string, string>) =>
      memory.heard({ metadata: { generation: 1, annotations } } as unknown as JwtKeyRotation, () => true);
    expect(looked({})).toBe(true);
    for (const at of ['canary-check-requested-at', 'app-check-requested-at', 'requested-by']) {
      expect(looked({ [`rekey.dev/${at}`]: 'now' })).toBe(false);
    }
    expect(looked({ 'rekey.dev/paused': 'true' })).toBe(true);
  });
});

describe('the last reading of the Secret', () => {
  const LAYOUT: Layout = { names: ['A'], format: 'JsonArray', content: 'All' };

  it.each<[string, Partial<Settings>]>([
    ['a signing name', { signingNames: ['A'] }],
    ['the list', { fallbacksName: 'A' }],
    ['the previous key', { previousName: 'A' }],
    ['the JWK set', { jwksName: 'A' }],
    ['a layout', { layouts: [LAYOUT] }],
    ['the algorithm', { algorithm: 'HS512' }],
  ])('serves as long as the spec asks for the same: not with another %s', (_, edit) => {
    const memory = new Memory();
    const reading = { facts: { kind: 'Managed', keyset: STEADY }, resourceVersion: '7' } as const;
    memory.remember(reading, SETTINGS, 0);
    expect([memory.secretAt('7', SETTINGS, 0), memory.secretAt('7', { ...SETTINGS, ...edit }, 0)]).toEqual([
      reading,
      undefined,
    ]);
  });

  it('serves while the watch is a moment behind, and is read again if it stays behind: history may have gone back', () => {
    const memory = new Memory();
    const reading = { facts: { kind: 'Managed', keyset: STEADY }, resourceVersion: '9' } as const;
    memory.remember(reading, SETTINGS, 1_000);
    const at = (watched: string, now: number) => memory.secretAt(watched, SETTINGS, now)?.resourceVersion;
    expect([at('10', 1_000), at('8', 1_000), at('8', 5_999), at('8', 6_000)]).toEqual([undefined, '9', '9', undefined]);
    // a pass does not make it younger
    memory.remember(reading, SETTINGS, 6_000);
    expect([at('9', 6_000), at('8', 6_000), memory.hasRead('8', 6_000)]).toEqual(['9', undefined, false]);
    memory.remember({ ...reading, resourceVersion: '8' }, SETTINGS, 6_000);
    expect([at('8', 60_000), memory.hasRead('8', 60_000)]).toEqual(['8', true]);
  });
});
