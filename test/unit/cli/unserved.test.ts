/** An emergency that no operator has served: nothing that is printed calls the leaked key dead, or the emergency under way. */
import { describe, expect, it } from 'vitest';
import { contained, emergency } from '../../../src/cli/emergency.ts';
import { rotate } from '../../../src/cli/rotate.ts';
import { isReady, listText, statusText } from '../../../src/cli/status.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';
import type { Leadership } from '../../../src/rotation/people/leadership.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';

const NOW = Date.parse('2026-12-01T15:43:10Z');
const ready = { type: 'Ready', status: 'True', reason: 'Steady', message: '', lastTransitionTime: '' } as const;
const BEFORE = {
  ...{ phase: 'Steady', lastHandledEmergency: 'n1', conditions: [ready] },
  emergency: {
    ...{ nonce: 'n1', reason: 'the first', writtenAt: '2026-12-01T15:00:00Z' },
    ...{ keyGoneAt: '2026-12-01T15:00:08Z', seconds: 8 },
  },
} as const satisfies JwtKeyRotationStatus;

const resource = (text: string | undefined, status: JwtKeyRotationStatus = BEFORE) =>
  ({
    metadata: {
      name: 'jwt',
      namespace: 'shop',
      annotations: text === undefined ? {} : { 'rekey.dev/emergency': text },
    },
    spec: { environment: 'test', secretName: 'jwt', maxTokenTTL: '20s', clockSkew: '60s', retire: {}, targets: [] },
    status,
  }) as unknown as JwtKeyRotation;

describe('status', () => {
  it('shows it first, since when, and what to do; the one before is called that', () => {
    const text = statusText(resource('20261201T154240Z-e3a351: night'), NOW);
    expect(text).toMatch(
      /^shop\/jwt\n {2}EMERGENCY {2}20261201T154240Z-e3a351: night, requested 2026-12-01T15:42:40Z \(30s ago\) by /,
    );
    expect(text).toMatch(/NOT SERVED: .* take the leaked key for alive\n.*docs\/emergency.md#without-rekey\n/);
    expect(text).toMatch(/earlier emergency +n1: the first/);
  });

  it('says no time that the nonce does not tell', () => {
    expect(statusText(resource('1796139574: night'), NOW)).toContain('1796139574: night, requested by ');
  });

  it.each([
    ['none was asked for', undefined, BEFORE],
    ['it was served', 'n1: the first', BEFORE],
    ['it burns', 'n2: again', { ...BEFORE, emergency: { ...BEFORE.emergency, nonce: 'n2' } }],
  ])('says nothing of that where %s', (_, asked, status) => {
    const text = statusText(resource(asked, status), NOW);
    expect(text).not.toContain('NOT SERVED');
    expect(text).toMatch(/^ {2}emergency /m);
    expect(isReady(resource(asked, status))).toBe(true);
  });

  it('is not ready, in the list too', () => {
    const open = resource('n2: again');
    expect(isReady(open)).toBe(false);
    expect(listText([open], NOW, false)).toMatch(/EMERGENCY NOT SERVED\n$/);
  });
});

/** @param led what the Lease says */
function scene(led: Leadership, status: JwtKeyRotationStatus = BEFORE) {
  let annotations: Record<string, string> = {};
  const said: string[] = [];
  const now = () => ({ ...resource(undefined, status), metadata: { name: 'jwt', namespace: 'shop', annotations } });
  const operations = {
    ...{ namespace: 'shop', leadership: async () => led, get: async () => now() },
    later: () => ({ cancel: () => undefined }),
    time: () => NOW,
    ask: async (_: string, patch: { metadata: { annotations: Record<string, string> } }) => {
      annotations = { ...annotations, ...patch.metadata.annotations };
      return now();
    },
    follow: async (_: string, look: (current: JwtKeyRotation) => unknown) => {
      const found = look(now() as JwtKeyRotation);
      await new Promise((resolve) => setImmediate(resolve));
      return found;
    },
  } as unknown as Operations;
  const print = (text: string) => void said.push(text);
  const terminal: Terminal = {
    ...{ print, printErr: print, clear: () => undefined, closed: () => false, interactive: false },
    ...{ question: async () => '', now: () => NOW },
  };
  return { operations, terminal, said: () => said.join('') };
}

const NOBODY: Leadership = { kind: 'Nobody' };
const LED: Leadership = { kind: 'Led', holder: 'rekey-1' };
const WAIT = { wait: true, timeout: 12_000 };

describe('the time-out', () => {
  it.each<[string, Leadership, RegExp]>([
    ['no operator leads', NOBODY, /12 s; NOT SERVED: .*#without-rekey; NO OPERATOR LEADS/],
    ['one does', LED, /12 s; NOT SERVED: .*#without-rekey\. To see it: kubectl rekey status jwt -n shop$/],
  ])('of an emergency says that it was not served, where %s', async (_, led, text) => {
    const { operations, terminal } = scene(led);
    const ended = emergency(operations, terminal, 'jwt', { reason: 'night', yes: true, ...WAIT });
    await expect(ended).rejects.toThrow(text);
  });

  it.each<[string, Leadership, string]>([
    ['no operator leads', NOBODY, 'has not ended after 12 s; NO OPERATOR LEADS'],
    ['nobody has touched it', LED, 'has not ended after 12 s; nothing has changed since the request. To see'],
  ])('of a rotation never says that it continues where %s', async (_, led, text) => {
    const { operations, terminal, said } = scene(led, { phase: 'Steady' });
    expect(await rotate(operations, terminal, ['jwt'], WAIT)).toBe(3);
    expect(said()).toContain(text);
  });
});

it('nothing is contained while a newer one is not served', async () => {
  const { operations, terminal } = scene(LED);
  await emergency(operations, terminal, 'jwt', { reason: 'night', yes: true, wait: false, timeout: 0 });
  await expect(contained(operations, terminal, 'jwt')).rejects.toThrow('is NOT SERVED');
});
