/** What a rotation of .env files does next, and what the answers of a service prove. */
import { describe, expect, it } from 'vitest';
import { shownKids } from '../../../src/env/layout.ts';
import { guarded, type Loaded, nextStep, type ServiceFacts, type StepFacts, wayBack } from '../../../src/env/step.ts';
import { fromProbe } from '../../../src/env/witness.ts';
import type { Answer, Probe } from '../../../src/rotation/facts.ts';
import { foundKeyset } from '../../../src/rotation/keyset/before.ts';
import { currentShape, type Keyset, keyIn } from '../../../src/rotation/keyset/keyset.ts';
import { advance } from '../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../src/rotation/keyset/writes.ts';

const DRAIN = 1_000;
const rotation = { id: 'r', trigger: 'Command', actor: 'ada', reason: 'x', drainMs: DRAIN, keyBytes: 32 } as const;
let made = 0;
const fresh = (): { readonly kid: string; readonly fingerprint: string } => {
  made += 1;
  return { kid: `k-${made}`, fingerprint: String(made).padStart(16, '0') };
};

const LOADED: Loaded = { kind: 'Loaded', by: 'Canary' };
const UNKNOWN: Loaded = { kind: 'Unknown', why: 'nobody has said' };
const service = (name: string, loaded: Loaded, more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  ...{ name, roles: ['Signer', 'Verifier'], loaded, reloaded: false, refuted: false, asked: true },
  ...more,
});
const factsOf = (
  keyset: Keyset,
  services: readonly ServiceFacts[],
  now = 0,
  more: Partial<StepFacts> = {},
): StepFacts => ({
  ...{ keyset, services, now, drainMs: DRAIN, burntAtHand: true },
  ...more,
});
const written = (keyset: Keyset, write: Write, now = 0) => advance(keyset, write, { key: fresh(), ack: fresh() }, now);

/** Makes every step as long as there is one to write. */
function walk(start: Keyset, services: readonly ServiceFacts[], now: (keyset: Keyset) => number = () => 0) {
  const wrote: string[] = [];
  let keyset = start;
  for (let i = 0; i < 20; i += 1) {
    const step = nextStep(factsOf(keyset, services, now(keyset)));
    if (step.kind !== 'Write') return { keyset, step, wrote };
    wrote.push(step.write.transition);
    keyset = written(keyset, step.write, now(keyset));
  }
  throw new Error('it does not end');
}

const atRest = foundKeyset(fresh(), [], 1, 0);
const staged = written(atRest, { transition: 'stage', acked: atRest.acked, handled: {}, rotation });
const all = [service('main', LOADED), service('admin', LOADED)];

describe('the next step', () => {
  it('waits for the tokens of the old key, and goes through after that', () => {
    const draining = walk(staged, all);
    expect(draining.wrote).toEqual(['promote', 'drain']);
    expect(draining.step).toEqual({ kind: 'Wait', until: DRAIN });
    const end = walk(draining.keyset, all, () => DRAIN);
    expect(end.wrote).toEqual(['retire', 'finish']);
    expect(end.keyset.rotation).toMatchObject({ outcome: 'Completed' });
    expect(shownKids(end.keyset)).toEqual([staged.rotation?.to]);
  });

  it('may only wait longer than the rotation began with', () => {
    const { keyset } = walk(staged, all);
    expect(nextStep(factsOf(keyset, all, 0, { drainMs: 1 }))).toEqual({ kind: 'Wait', until: DRAIN });
    expect(nextStep(factsOf(keyset, all, 0, { drainMs: 5_000 }))).toEqual({ kind: 'Wait', until: 5_000 });
  });

  it.each([
    ['nobody has restarted', UNKNOWN, false, 'Reload'],
    ['proves to hold an older version', { kind: 'Behind', why: 'x' }, false, 'Reload'],
    ['was restarted and gives no answer', UNKNOWN, true, 'Ask'],
    ['was restarted and is behind', { kind: 'Behind', why: 'x' }, true, 'Ask'],
    ['accepts everything', { kind: 'Unfit', why: 'x' }, true, 'Rest'],
    ['answers now so, now so', { kind: 'Fickle', why: 'x' }, true, 'Rest'],
    ['was not asked often enough', { kind: 'Partly', why: 'x' }, false, 'Ask'],
  ] as const)('does not promote while a service %s', (_, loaded, reloaded, kind) => {
    const services = [service('main', LOADED), service('admin', loaded, { reloaded })];
    expect(nextStep(factsOf(staged, services)).kind).toBe(kind);
  });

  it('goes back by itself where a service knows one key, and only before promote', () => {
    const one: Loaded = { kind: 'OneKey', why: 'it knows one key' };
    const services = [service('main', LOADED), service('admin', one, { reloaded: true })];
    const end = walk(staged, services);
    expect(end.wrote).toEqual(['abort', 'finish']);
    expect(shownKids(end.keyset)).toEqual(shownKids(atRest));
    const { keyset } = walk(staged, all);
    const promoting = { ...keyset, phase: 'Promoting' as const };
    expect(nextStep(factsOf(promoting, services)).kind).toBe('Rest');
  });

  it.each(['burn', 'cutover'] as const)('after %s restarts every service before it rests for one', (transition) => {
    const write = { transition, nonce: 'n', rotation, version: 1, handled: {} } as Write;
    const burning = written(atRest, write);
    const unfit = service('main', { kind: 'Unfit', why: 'x' });
    const services = [unfit, service('admin', UNKNOWN)];
    expect(nextStep(factsOf(burning, services))).toEqual({ kind: 'Reload', services });
    const restarted = services.map((each) => ({ ...each, reloaded: true }));
    expect(nextStep(factsOf(burning, restarted))).toEqual({ kind: 'Rest', why: 'main: x' });
  });

  it('waits for verifiers before promote, and for signers before the drain', () => {
    const verifier = { roles: ['Verifier'] } as const;
    const signer = { roles: ['Signer'] } as const;
    expect(nextStep(factsOf(staged, [service('a', UNKNOWN, signer), service('b', LOADED, verifier)])).kind).toBe(
      'Write',
    );
    expect(nextStep(factsOf(staged, [service('a', LOADED, signer), service('b', UNKNOWN, verifier)])).kind).toBe(
      'Reload',
    );
    const promoted = written(staged, { transition: 'promote', acked: { Signer: 1, Verifier: 2 } });
    expect(nextStep(factsOf(promoted, [service('a', UNKNOWN, signer), service('b', LOADED, verifier)])).kind).toBe(
      'Reload',
    );
  });

  it('says what is inferred, and by what', () => {
    const services = [
      service('main', { kind: 'Loaded', by: 'Command' }),
      service('admin', { kind: 'Loaded', by: 'Person' }),
    ];
    const { keyset } = walk(walk(staged, services).keyset, services, () => DRAIN);
    expect(keyset.rotation?.inferred).toBe(
      'the reload command of main succeeded; somebody said that admin had been restarted',
    );
    expect(keyset.attempts.evidence).toBe('Inferred');
    expect(walk(walk(staged, all).keyset, all, () => DRAIN).keyset.rotation?.inferred).toBeUndefined();
  });

  it('claims of burnt keys that nobody was asked about no more than it knows', () => {
    const burning = written(staged, { transition: 'burn', nonce: 'n', rotation, version: 2 });
    const ended = (burntAtHand: boolean) => {
      const step = nextStep(factsOf(burning, all, 0, { burntAtHand }));
      return step.kind === 'Write' ? step.write : step;
    };
    expect(ended(true)).toMatchObject({ transition: 'extinguish', inferred: undefined });
    expect(ended(false)).toMatchObject({
      inferred: expect.stringContaining('could not be asked about the burnt ones'),
    });
  });

  it('withholds a write that the rule does not allow', () => {
    const { keyset } = walk(staged, all);
    const early: Write = { transition: 'retire', acked: keyset.acked };
    expect(guarded(factsOf(keyset, all, DRAIN - 1), early)).toEqual({
      kind: 'Rest',
      why: expect.stringContaining('may still be alive'),
    });
    expect(guarded(factsOf(keyset, all, DRAIN), early).kind).toBe('Write');
  });

  it('goes back on request until the old key has left', () => {
    const back = (keyset: Keyset) => {
      const step = wayBack(factsOf(keyset, all, DRAIN), 'x');
      return step?.kind === 'Write' ? step.write.transition : step?.kind;
    };
    const { keyset: draining } = walk(staged, all);
    const retiring = written(draining, { transition: 'retire', acked: draining.acked }, DRAIN);
    expect([atRest, staged, draining, retiring].map(back)).toEqual([undefined, 'abort', 'rollback', undefined]);
    const rolledBack = written(draining, {
      transition: 'rollback',
      acked: draining.acked,
      failure: { reason: 'x', message: 'y' },
      handled: {},
    });
    expect(back(rolledBack)).toBeUndefined();
    const end = walk(walk(rolledBack, all).keyset, all, () => 2 * DRAIN);
    expect(end.keyset.rotation?.outcome).toBe('RolledBack');
    expect(shownKids(end.keyset)).toEqual(shownKids(atRest));
  });
});

describe('the answers of a service', () => {
  const old = currentShape(atRest).sign;
  const [signing, next, ack] = [old, keyIn(staged, 'staged')?.kid ?? '', keyIn(staged, 'ack')?.kid ?? ''];
  const probe = (accepted: readonly string[], more: Partial<Probe> = {}, unknown: readonly string[] = []): Probe => ({
    ...{ version: 2, at: 0, heardAt: 0, askedAt: 0, ready: true, failures: 0, random: 'refused' },
    answers: new Map(
      [signing, next, ack, 'gone'].map((kid): [string, Answer] => [
        kid,
        unknown.includes(kid) ? 'unknown' : accepted.includes(kid) ? 'accepted' : 'refused',
      ]),
    ),
    ...more,
  });
  const kinds = (accepted: readonly string[], more?: Partial<Probe>, unknown?: readonly string[]) =>
    [false, true].map((reloaded) => fromProbe(probe(accepted, more, unknown), staged, reloaded).kind);

  it('prove the newest version only if they fit it exactly', () => {
    expect(kinds([signing, next, ack])).toEqual(['Loaded', 'Loaded']);
    expect(kinds([signing, next])).toEqual(['Behind', 'Behind']);
    expect(kinds([signing, next, ack, 'gone'])).toEqual(['Behind', 'Behind']);
  });

  it('are those of a service with one key only after a restart', () => {
    expect(kinds([signing])).toEqual(['Behind', 'OneKey']);
  });

  it('prove nothing where one is missing, or a made-up key is accepted', () => {
    expect(kinds([signing, next, ack], {}, [next])).toEqual(['Unknown', 'Unknown']);
    expect(kinds([signing, next, ack], { random: 'unknown' })).toEqual(['Unknown', 'Unknown']);
    expect(kinds([signing, next, ack], { random: 'accepted' })).toEqual(['Unfit', 'Unfit']);
    expect(kinds([])).toEqual(['Behind', 'Unfit']);
  });
});
