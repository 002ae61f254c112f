/** When what was asked for is over, and how: also where others ask, an emergency comes in between, or no history is kept. */
import { describe, expect, it } from 'vitest';
import { emergencyEnd } from '../../../src/cli/emergency.ts';
import type { HistoryEntry } from '../../../src/cli/history.ts';
import { abortEnd, rotationEnd } from '../../../src/cli/rotate.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';

const AT = '2026-01-01T00:00:00.000Z';
const entry = (edit: Partial<HistoryEntry>): HistoryEntry => ({
  ...{ id: 'r', trigger: 'Annotation', from: 'k-1', to: 'k-2', outcome: 'Completed' },
  ...edit,
});
const mine = (outcome: HistoryEntry['outcome']) => entry({ outcome, reason: `rekey.dev/rotate-requested-at is ${AT}` });
const resource = (status: JwtKeyRotationStatus, annotations: Readonly<Record<string, string>> = {}) =>
  ({ metadata: { name: 'jwt', namespace: 'shop', annotations }, status }) as unknown as JwtKeyRotation;

describe('the end of a rotation', () => {
  const asked = { 'rekey.dev/rotate-requested-at': AT };
  const other = { 'rekey.dev/rotate-requested-at': 'another' };
  const handled = { lastHandledRotateAt: AT } as const;

  it('is that of the very one, whatever came after it', () => {
    const emergency = entry({ trigger: 'Emergency', reason: 'leaked' });
    const history = [emergency, mine('Interrupted')];
    expect(rotationEnd(AT)(resource({ phase: 'Steady', history, ...handled }, asked))?.outcome).toBe('Interrupted');
    const next = { phase: 'Staging', history: [mine('Completed')], lastHandledRotateAt: 'another' } as const;
    expect(rotationEnd(AT)(resource(next, other))?.outcome).toBe('Completed');
  });

  it.each<[string, JwtKeyRotationStatus, Readonly<Record<string, string>>]>([
    ['before it is taken up', { phase: 'Steady', history: [entry({})] }, asked],
    ['while it is under way', { phase: 'Draining', ...handled }, asked],
    ['while somebody asks for another', { phase: 'Draining', ...handled }, other],
    ['while it rests, stalled', { phase: 'Degraded', ...handled }, asked],
  ])('is not there %s', (_, status, annotations) => {
    expect(rotationEnd(AT)(resource(status, annotations))).toBeUndefined();
  });

  it('is not said to be good where it is not known', () => {
    const older = [entry({ reason: 'older' })];
    expect(() => rotationEnd(AT)(resource({ phase: 'Steady', history: older, ...handled }, asked))).toThrow(
      'not known',
    );
    const look = rotationEnd(AT);
    look(resource({ phase: 'Retiring', ...handled }, other));
    expect(() => look(resource({ phase: 'Staging', lastHandledRotateAt: 'another' }, other))).toThrow('not known');
  });

  it('never comes where somebody has taken it back before it began', () => {
    const status = { phase: 'Steady', lastWithdrawnRotateAt: AT } as const;
    expect(() => rotationEnd(AT)(resource(status, asked))).toThrow('cancelled it before it started');
  });

  it('never comes where somebody else has asked before it began', () => {
    expect(() => rotationEnd(AT)(resource({ phase: 'Steady' }, other))).toThrow('another rotation was requested');
  });
});

describe('the end of a way back', () => {
  const asked = { 'rekey.dev/abort-requested-at': AT };
  const failure = (at: string) => `AbortRequested: requested by bob: rekey.dev/abort-requested-at is ${at}`;

  it('is that of the rotation that it ended', () => {
    const history = [entry({ outcome: 'RolledBack', failure: failure(AT) })];
    expect(abortEnd(AT)(resource({ phase: 'Steady', history, lastHandledAbortAt: AT }, asked))?.outcome).toBe(
      'RolledBack',
    );
    expect(abortEnd(AT)(resource({ phase: 'Retiring', lastHandledAbortAt: AT }, asked))).toBeUndefined();
    expect(abortEnd(AT)(resource({ phase: 'Staging' }, asked))).toBeUndefined();
  });

  it('is waited for also while somebody asks for the same again', () => {
    const look = abortEnd(AT);
    look(resource({ phase: 'Promoting', lastHandledAbortAt: AT }, asked));
    const again = { phase: 'Draining', lastHandledAbortAt: 'another' } as const;
    expect(look(resource(again, { 'rekey.dev/abort-requested-at': 'another' }))).toBeUndefined();
    const history = [entry({ outcome: 'RolledBack', failure: failure(AT) })];
    expect(look(resource({ ...again, phase: 'Steady', history }))?.outcome).toBe('RolledBack');
  });

  it('is none where the wish was dismissed, or another one came', () => {
    const history = [entry({ outcome: 'Aborted', failure: failure('before') })];
    const dismissed = resource({ phase: 'Steady', history, lastHandledAbortAt: AT }, asked);
    expect(() => abortEnd(AT)(dismissed)).toThrow('nothing left to abort');
    const other = resource({ phase: 'Staging' }, { 'rekey.dev/abort-requested-at': 'another' });
    expect(() => abortEnd(AT)(other)).toThrow('another abort was requested');
  });
});

describe('the end of an emergency', () => {
  const burning = { nonce: 'n1', reason: 'leak', writtenAt: AT };
  const over = { ...burning, keyGoneAt: AT, seconds: 3 };
  const asked = { 'rekey.dev/emergency': 'n1: leak' };

  it('comes when every pod has refused the keys', () => {
    expect(emergencyEnd('n1')(resource({ emergency: burning }, asked))).toBeUndefined();
    expect(emergencyEnd('n1')(resource({ emergency: { ...over, nonce: 'n0' } }, asked))).toBeUndefined();
    expect(emergencyEnd('n1')(resource({ emergency: over }, asked))).toEqual(over);
  });

  it('never comes where the request was taken away before it was served: nothing is said to be burnt', () => {
    expect(() => emergencyEnd('n1')(resource({}))).toThrow('IT DID NOT BURN ANY KEY');
    expect(() => emergencyEnd('n1')(resource({ emergency: { ...over, nonce: 'n0' } }))).toThrow(
      'IT DID NOT BURN ANY KEY',
    );
    // it was served, and then another one
    const look = emergencyEnd('n1');
    look(resource({ lastHandledEmergency: 'n1' }, asked));
    expect(() => look(resource({ emergency: { ...burning, nonce: 'n2' } }))).toThrow('in the meantime (n2)');
  });

  it('never comes where the Secret is that of another resource, and the command says so at once', () => {
    const message = 'EMERGENCY NOT SERVED: no key was burnt, run kubectl rekey emergency other';
    const conflict = (text: string) => {
      const ready = { type: 'Ready', status: 'False', reason: 'SecretConflict', message: text, lastTransitionTime: AT };
      return emergencyEnd('n1')(resource({ conditions: [ready as never] }, asked));
    };
    // as it was before it was asked for
    expect(conflict('an older one names the same Secret')).toBeUndefined();
    expect(() => conflict(message)).toThrow(message);
  });

  it('is told by another one that came meanwhile, served or not', () => {
    const other = { 'rekey.dev/emergency': 'n2: \u001b[2Jleak' };
    const message =
      'another emergency was requested in the meantime (n2: \\u001b[2Jleak). It burns every key, including those of this one; to follow it: kubectl rekey status jwt -n shop -w';
    expect(() => emergencyEnd('n1')(resource({}, other))).toThrow(message);
    expect(() => emergencyEnd('n1')(resource({ emergency: { ...over, nonce: 'n2' } }, other))).toThrow(message);
    // its own keys are dead before the other one is served
    expect(emergencyEnd('n1')(resource({ emergency: over }, other))).toEqual(over);
  });
});
