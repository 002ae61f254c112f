/** The first write: what is noted, what is served, and when a new key may be made. */
import { describe, expect, it } from 'vitest';
import type { Facts, PodFacts, TargetFacts } from '../../../../src/rotation/facts.ts';
import { EMPTY_LEDGER, type Ledger } from '../../../../src/rotation/keyset/ledger.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { requestsOf } from '../../../../src/rotation/requests/requests.ts';
import { facts, pod, STEADY, T0, target, WORKLOAD } from '../builders.ts';
import { decide } from '../deeds.ts';

const FOUND = { kind: 'Unmanaged', fingerprint: 'fp-A', fallbacks: [] } as const;
const emergency = { nonce: 'n', reason: 'leak', actor: 'bob', handled: false };
const KNOWN: Ledger = { ...EMPTY_LEDGER, version: 4, keys: [{ kid: 'A', fingerprint: 'fp-A', state: 'live', at: T0 }] };
const OLD = { ...emergency, apart: false };
const old = { emergency: OLD, rotateAt: 'x', rotateApart: false, abortAt: 'y' };

describe('requests that came with the manifest, beside a Secret that rekey has never written', () => {
  it('are noted as served, and said', () => {
    expect(plan(facts(STEADY, { secret: FOUND, requests: old })).action).toMatchObject({
      type: 'write',
      write: {
        transition: 'adopt',
        handled: { emergencies: ['n'], rotateAt: 'x', abortAt: 'y' },
        noted: ['rekey.dev/emergency is n', 'rekey.dev/rotate-requested-at is x', 'rekey.dev/abort-requested-at is y'],
      },
    });
    const none = [target('main', ['Signer', 'Verifier'], { pods: [] })];
    const absent = facts(STEADY, { secret: { kind: 'Absent' }, requests: old, targets: none });
    expect(plan(absent).action).toMatchObject({ write: { transition: 'create', handled: { emergencies: ['n'] } } });
  });

  it('are told as not served where the Secret cannot be taken over', () => {
    const finding = { reason: 'KeyMalformed', message: 'no key' } as const;
    const { action, stalled, blocked } = plan(facts(STEADY, { secret: { kind: 'Refused', finding }, requests: old }));
    expect(action.type).toBe('wait');
    expect((stalled ?? blocked)?.message).toMatch(/^EMERGENCY NOT SERVED: nonce n .*no key$/);
  });

  it.each([
    ['it was set by itself', { secret: FOUND, requests: { ...old, emergency: { ...emergency, apart: true } } }],
    ['the ledger knows the Secret', { secret: FOUND, requests: old, ledger: KNOWN }],
    [
      'the ledger cannot be read',
      { secret: FOUND, requests: old, ledgerFinding: { reason: 'LedgerUnreadable', message: '' } as const },
    ],
    ['rekey manages the Secret', { requests: old }],
    ['the Secret is gone, and pods run with its key', { secret: { kind: 'Absent' }, requests: old }],
  ] as readonly (readonly [string, Partial<Facts>])[])('do not hide an emergency where %s', (_, edit) => {
    expect(decide(facts(STEADY, edit))).toBe('write burn');
  });

  it('leave a rotation that was asked for by itself to start right after', () => {
    const requests = { rotateAt: 'x', rotateApart: true };
    expect(plan(facts(STEADY, { secret: FOUND, requests })).action).toMatchObject({
      write: { transition: 'adopt', handled: {}, noted: [] },
    });
  });

  it('are told by who wrote the annotation: with the spec, or by itself', () => {
    const annotations = { 'rekey.dev/emergency': 'n: leak', 'rekey.dev/rotate-requested-at': 'x' };
    const fields = {
      'f:metadata': { 'f:annotations': { 'f:rekey.dev/emergency': {}, 'f:rekey.dev/rotate-requested-at': {} } },
    };
    const asked = (fieldsV1: Record<string, unknown> | undefined) => {
      const managedFields = fieldsV1 === undefined ? [] : [{ manager: 'm', fieldsV1 }];
      const { emergency: found, rotateApart } = requestsOf({
        metadata: { name: 'r', annotations, managedFields },
      } as never);
      return [found?.apart, rotateApart];
    };
    expect(asked(fields)).toEqual([true, true]);
    expect(asked({ ...fields, 'f:spec': {} })).toEqual([false, false]);
    expect(asked(undefined)).toEqual([false, false]);
  });
});

describe('a Secret that is gone', () => {
  const absent = (pods: readonly PodFacts[], edit: Partial<Facts> = {}, wanted = 1) => {
    const workload = { ...WORKLOAD, wanted };
    const targets: readonly TargetFacts[] = [target('main', ['Signer', 'Verifier'], { pods, workload })];
    return facts(STEADY, { secret: { kind: 'Absent' }, targets, ...edit });
  };
  const { startedAt: _, ...waiting } = pod('main-1');

  it.each([
    ['no pod is there', absent([])],
    ['a pod waits for its first start', absent([waiting])],
    ['the ledger knows of a live key, and the target is scaled to zero', absent([], { ledger: KNOWN }, 0)],
  ])('gets a new key where %s', (_, world) => {
    expect(decide(world)).toBe('write create');
    expect(decide({ ...world, live: false })).toBe('confirm');
  });

  it.each([
    ['a container runs', absent([pod('main-1')])],
    ['the only container has crashed', absent([{ ...waiting, ran: true }])],
    ['the ledger knows of a live key, and a pod waits for it', absent([waiting], { ledger: KNOWN })],
    ['the ledger knows of a live key, and a pod is about to come', absent([], { ledger: KNOWN })],
    ['the ledger knows of a live key, and a pod is about to go', absent([waiting], { ledger: KNOWN }, 0)],
  ])('gets none where %s', (_, world) => {
    expect(plan(world).blocked?.reason).toBe('SecretDeleted');
  });

  it.each<[string, Partial<PodFacts>, Partial<Facts>, RegExp]>([
    [
      'gone, if the ledger has seen it',
      {},
      { ledger: KNOWN },
      /is gone, but pod main-1 runs with a key from it.*restore/,
    ],
    ['not there, if nobody has seen it', {}, {}, /is not there, but pod main-1 runs with a key from it.*create it/],
    [
      'not there, and no source of keys that come from elsewhere',
      { takesFrom: 'Elsewhere' },
      {},
      /is not there, but pod main-1 runs with a key from another Secret/,
    ],
    [
      'not there, and no source of keys of which nothing is known',
      { takesFrom: 'Unknown' },
      {},
      /is not there, but pod main-1 runs, or has run, and its spec does not say with which key/,
    ],
  ])('is said to be %s', (_, of, edit, message) => {
    expect(plan(absent([{ ...pod('main-1'), ...of }], edit)).blocked?.message).toMatch(message);
  });
});
