/** What people ask for may be of any length: what is kept of it is not, and two that differ stay two. */
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import { keptReason, keptValue } from '../../../src/rotation/api/said.ts';
import { emergencyOf, pendingIn, requestsOf } from '../../../src/rotation/requests/requests.ts';

const LONG = 'x'.repeat(140_000);
const asked = (annotations: Record<string, string>) => {
  return { metadata: { name: 'r', annotations } } as unknown as JwtKeyRotation;
};

describe('what people ask for', () => {
  it('is kept as it is while it is short', () => {
    for (const value of ['', '1', 'x'.repeat(253)]) expect(keptValue(value)).toBe(value);
    for (const reason of ['leak', 'x'.repeat(1_024)]) expect(keptReason(reason)).toBe(reason);
  });

  it('is cut with a mark where it is long', () => {
    for (const value of [LONG, 'x'.repeat(254), '😀'.repeat(400)]) {
      const kept = keptValue(value);
      expect(kept.length).toBeLessThanOrEqual(253);
      expect(kept).toMatch(/…[0-9a-f]{16}$/);
      expect(kept.isWellFormed()).toBe(true);
      const reason = keptReason(value.repeat(9));
      expect([reason.length <= 1_024, reason.endsWith('…'), reason.isWellFormed()]).toEqual([true, true, true]);
    }
  });

  it('steers no terminal, and stays what it is where it is read again', () => {
    const value = keptValue('1\u001b[2J\u202e');
    expect(value).toMatch(/^1\\u001b\[2J\\u202e…[0-9a-f]{16}$/);
    expect(keptValue(value)).toBe(value);
    expect(keptValue('1\\u001b[2J\\u202e')).not.toBe(value);
    const reason = keptReason('a\n\u001b[2J  \u009bb');
    expect(reason).toBe('a\n\\u001b[2J  \\u009bb');
    expect(keptReason(reason)).toBe(reason);
  });

  it('stays two where two long values differ, wherever that is, and one where they do not', () => {
    const values = [`${LONG}1`, `${LONG}2`, `1${LONG}`, LONG];
    expect(new Set(values.map((value) => keptValue(value))).size).toBe(values.length);
    expect(keptValue(LONG)).toBe(keptValue(LONG));
    // as a nonce that is asked for again
    expect(keptValue(keptValue(LONG))).toBe(keptValue(LONG));
  });

  it.each([
    ['a nonce', `${LONG}: leak`],
    ['a reason', `1:${LONG}`],
    ['no reason', LONG],
  ])('is bounded in an emergency: %s', (_, text) => {
    const emergency = emergencyOf(asked({ 'rekey.dev/emergency': text }));
    expect(emergency?.nonce.length).toBeLessThanOrEqual(253);
    expect(emergency?.reason.length).toBeLessThanOrEqual(1_024);
    expect(emergency?.reason).not.toBe('');
  });

  it.each(['', ' ', '\n'])('is nothing where the value is empty: %j', (value) => {
    const annotations = {
      ...{ 'rekey.dev/rotate-requested-at': value, 'rekey.dev/abort-requested-at': value },
      ...{ 'rekey.dev/emergency': value },
    };
    expect(requestsOf(asked(annotations))).toEqual({});
  });

  it('is bounded in every other request', () => {
    const { rotateAt, abortAt } = requestsOf(
      asked({ 'rekey.dev/rotate-requested-at': LONG, 'rekey.dev/abort-requested-at': LONG }),
    );
    expect([rotateAt?.length, abortAt?.length]).toEqual([253, 253]);
  });
});

describe('a key that is pasted into a request', () => {
  const KEY = '0123456789abcdef'.repeat(4);
  const OTHER = 'fedcba9876543210'.repeat(4);
  const TOKEN = `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiJhbGljZSJ9'}.${'dBjftJeZ4CVP'.repeat(3)}`;
  const said = (annotations: Record<string, string>) => JSON.stringify(requestsOf(asked(annotations)));
  const pieces = (secret: string) => [secret.slice(0, 12), secret.slice(-12)];

  it.each([KEY, TOKEN, `the key ${KEY}`, `${'x '.repeat(100)}${KEY}`, `${'x'.repeat(8_180)}:${KEY}`])(
    'is kept nowhere: %s',
    (text) => {
      for (const name of ['rotate-requested-at', 'abort-requested-at', 'emergency', 'paused']) {
        for (const value of [text, `n: ${text}`, `n:${text}: at noon`]) {
          for (const piece of [...pieces(KEY), ...pieces(TOKEN)]) {
            expect(said({ [`rekey.dev/${name}`]: value })).not.toContain(piece);
          }
        }
      }
    },
  );

  it('leaves the rest of the reason, and two requests are two', () => {
    const { emergency } = requestsOf(asked({ 'rekey.dev/emergency': `7: ${KEY} stood in a log` }));
    expect(emergency).toMatchObject({ nonce: '7', reason: '[redacted] stood in a log' });
    expect(keptValue(KEY)).toMatch(/^\[redacted\]…[0-9a-f]{16}$/);
    expect(keptValue(KEY)).not.toBe(keptValue(OTHER));
    expect(keptValue(keptValue(KEY))).toBe(keptValue(KEY));
  });

  it('is not known again by what the status of an earlier version says of it, and still no emergency is served twice', () => {
    const resource = { ...asked({ 'rekey.dev/emergency': `${KEY}: leak` }), status: { lastHandledEmergency: KEY } };
    expect(emergencyOf(resource as JwtKeyRotation)?.handled).toBe(true);
  });
});

describe('a pause', () => {
  const pause = (value: string) => requestsOf(asked({ 'rekey.dev/paused': value })).paused;

  it('is asked for in any usual spelling', () => {
    const words = ['true', 'True', 'TRUE', ' true\n', 'yes', 'Yes', 'y', 'on', '1', 't'];
    expect(words.map((word) => pause(word)?.reason)).toEqual(words.map(() => 'Paused'));
  });

  it('is not asked for in any usual spelling, nor where nothing is said', () => {
    const words = ['false', 'False', 'FALSE', 'no', 'n', 'off', '0', 'f'];
    expect(words.filter((word) => pause(word) !== undefined)).toEqual([]);
    expect(requestsOf(asked({})).paused).toBeUndefined();
  });

  it.each(['', 'ture', 'until monday', 'null'])(
    'that cannot be read rests all the same, and says so: "%s"',
    (value) => {
      const said = `rekey.dev/paused is "${value}", neither true nor false, so rekey pauses`;
      expect(pause(value)).toMatchObject({ reason: 'PauseUnreadable', message: expect.stringContaining(said) });
    },
  );

  it('tells nothing of a key that was pasted', () => {
    const key = '0123456789abcdef'.repeat(4);
    expect(pause(key)?.message).toContain('is "[redacted]"');
    expect(pause(`${'x '.repeat(20)}${key}`)?.message).not.toContain('0123456789');
  });
});

describe('who asked', () => {
  const BY = 'rekey.dev/requested-by';
  const ROTATE = 'rekey.dev/rotate-requested-at';
  const owned = (manager: string, ...names: string[]) => ({
    manager,
    fieldsV1: { 'f:metadata': { 'f:annotations': Object.fromEntries(names.map((name) => [`f:${name}`, {}])) } },
  });
  const by = (annotations: Record<string, string>, ...managedFields: object[]) =>
    ({ metadata: { name: 'r', annotations, managedFields } }) as unknown as JwtKeyRotation;
  const rotator = (annotations: Record<string, string>, ...managedFields: object[]) =>
    requestsOf(by(annotations, ...managedFields)).rotateActor;

  it('is the person who is named for this very request', () => {
    const annotations = { [ROTATE]: '1', [BY]: 'rotate-requested-at=1 by alice@example.com' };
    expect(rotator(annotations, owned('kubectl-rekey', ROTATE, BY))).toBe('alice@example.com');
    expect(rotator({ ...annotations, [BY]: 'rotate-requested-at=1 by a by b' })).toBe('a by b');
    expect(rotator({ ...annotations, [BY]: 'paused=true by bob\nrotate-requested-at=1 by alice\nx' })).toBe('alice');
    const value = '2026-01-01T00:00:00Z';
    const abort = by({ 'rekey.dev/abort-requested-at': value, [BY]: `abort-requested-at=${value} by bob` });
    expect(requestsOf(abort).abortActor).toBe('bob');
    const leak = by({ 'rekey.dev/emergency': ' 7 : leak: at noon', [BY]: 'emergency=7 by system:serviceaccount:a:b' });
    expect(emergencyOf(leak)?.actor).toBe('system:serviceaccount:a:b');
    expect(requestsOf(by({ 'rekey.dev/paused': 'true', [BY]: 'paused=true by bob' })).paused?.message).toContain(
      'is set by bob;',
    );
  });

  it.each([
    ['of an earlier request', 'rotate-requested-at=0 by alice'],
    ['of a request that begins alike', 'rotate-requested-at=11 by alice'],
    ['of another kind of request', 'abort-requested-at=1 by alice'],
    ['of no request', 'alice'],
    ['that is empty', 'rotate-requested-at=1 by '],
    ['that is blank', 'rotate-requested-at=1 by \u0000\n '],
  ])('is not the person %s, but the field manager, marked as such', (_, said) => {
    const manager = owned('kubectl-annotate', ROTATE);
    expect(rotator({ [ROTATE]: '1', [BY]: said }, manager)).toBe('field manager kubectl-annotate (not verified)');
  });

  it('cannot be mistaken for a person by the name of a client, and is unknown where nothing tells', () => {
    expect(rotator({ [ROTATE]: '1' }, owned('alice\u001b[2J\n', ROTATE))).toBe(
      'field manager alice [2J (not verified)',
    );
    expect(rotator({ [ROTATE]: '1' })).toBe('unknown');
    const forced = { manager: 'argocd', fieldsV1: { 'f:spec': { 'f:forceRotation': { 'f:reason': {} } } } };
    expect(requestsOf(by({}, forced)).forceActor).toBe('field manager argocd (not verified)');
  });

  it('is bounded, of one line, and no secret', () => {
    const named = (who: string) => rotator({ [ROTATE]: '1', [BY]: `rotate-requested-at=1 by ${who}` }) ?? '';
    expect(named(LONG)).toMatch(/^x{200,}…[0-9a-f]{16}$/);
    expect(named(LONG).length).toBeLessThanOrEqual(253);
    expect(named('a\u001b[2J\rb\u202ec')).toBe('a [2J b c');
    expect(named('0123456789abcdef'.repeat(4))).not.toContain('0123456789');
  });
});

describe('what waits, as the status tells', () => {
  const resource = (status: object, reason = 'ticket 7') =>
    ({
      ...asked({ 'rekey.dev/rotate-requested-at': '2' }),
      ...{ spec: { forceRotation: { reason } }, status: { keysetVersion: 1, ...status } },
    }) as unknown as JwtKeyRotation;
  const waiting = (status: object) => pendingIn(resource(status)).map(({ trigger }) => trigger);

  it('is what was neither acted upon nor taken back', () => {
    expect(waiting({})).toEqual(['Annotation', 'ForceRotation']);
    expect(waiting({ lastHandledRotateAt: '2' })).toEqual(['ForceRotation']);
    expect(waiting({ lastHandledRotateAt: '1', withdrawnForceReason: 'ticket 7' })).toEqual(['Annotation']);
    expect(waiting({ lastWithdrawnRotateAt: '2', observedForceReason: 'ticket 7' })).toEqual([]);
    // of a Secret that is not taken over yet the spec asks for nothing
    expect(waiting({ keysetVersion: undefined })).toEqual(['Annotation']);
  });
});
