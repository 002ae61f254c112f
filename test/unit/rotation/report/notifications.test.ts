import { describe, expect, it } from 'vitest';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { bodyOf, messagesOf, NEWS_MS, textOf } from '../../../../src/rotation/report/notifications.ts';
import { DONE, keysetAfter, RETIRING, STAGING, T0, WRITES } from '../builders.ts';

const subject = { uid: 'u1', name: 'jwt', namespace: 'shop', environment: 'production' };
const asked = { id: 'r2', trigger: 'Emergency', actor: 'bob', reason: 'in a <log>', drainMs: 1 } as const;
const burn: Write = { transition: 'burn', nonce: 'n1', rotation: asked, version: 0 };
const extinguish: Write = { transition: 'extinguish', acked: { Signer: 2, Verifier: 2 } };
const failure = { reason: 'AbortRequested', message: 'somebody asked' };
const abort: Write = { transition: 'abort', acked: { Signer: 2, Verifier: 2 }, failure, handled: {} };
const aborted: Write = { ...WRITES.finish, outcome: 'Aborted' };

describe('the messages of a keyset', () => {
  it('tell of a completed rotation, once it is over and for an hour', () => {
    expect(messagesOf(subject, RETIRING, undefined, T0)).toEqual([]);
    expect(messagesOf(subject, DONE, undefined, T0 + NEWS_MS)).toEqual([]);
    expect(messagesOf(subject, DONE, undefined, T0 + NEWS_MS - 1)).toEqual([
      {
        ...{ id: 'r1/Completed', event: 'Completed', resource: 'jwt', namespace: 'shop', environment: 'production' },
        ...{ trigger: 'Annotation', actor: 'alice', reason: 'test', from: 'A', to: 'B', outcome: 'Completed' },
        ...{ startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:00.000Z' },
      },
    ]);
  });

  it('tell of an aborted one, and why', () => {
    const keyset = keysetAfter([WRITES.adopt, WRITES.stage, abort, aborted]);
    const [message] = messagesOf(subject, keyset, undefined, T0);
    expect(message).toMatchObject({ id: 'r1/Aborted', event: 'Failed', outcome: 'Aborted', failure });
  });

  it('tell of an emergency twice: when the key is burnt, and when it is dead, with the seconds', () => {
    const at = (step: number) => T0 + step * 1_500;
    const burning = messagesOf(subject, keysetAfter([WRITES.adopt, burn], at), undefined, T0);
    expect(burning).toEqual([
      {
        ...{ id: `u1/${T0 + 1_500}/Burnt`, event: 'Emergency', resource: 'jwt', namespace: 'shop' },
        ...{ environment: 'production', trigger: 'Emergency', actor: 'bob', reason: 'in a <log>', from: 'A', to: 'B' },
        ...{ startedAt: '2026-01-01T00:00:01.500Z', tokensIssuedBefore: '2026-01-01T00:00:01.500Z', signInAgain: true },
      },
    ]);
    const over = messagesOf(subject, keysetAfter([WRITES.adopt, burn, extinguish], at), undefined, T0);
    expect(over).toEqual([
      burning[0],
      {
        ...burning[0],
        ...{ id: `u1/${T0 + 1_500}/Gone`, finishedAt: '2026-01-01T00:00:03.000Z', outcome: 'Completed', seconds: 2 },
      },
    ]);
  });

  it('tell of a cutover that users must sign in again', () => {
    const { id: _, ...rotation } = asked;
    const cutover: Write = {
      transition: 'cutover',
      handled: {},
      rotation: { ...rotation, id: 'r3', trigger: 'Schedule' },
    };
    const finish: Write = { ...WRITES.finish, acked: { Signer: 2, Verifier: 2 } };
    const [message] = messagesOf(subject, keysetAfter([WRITES.adopt, cutover, finish]), undefined, T0);
    expect(message).toMatchObject({
      event: 'Completed',
      signInAgain: true,
      tokensIssuedBefore: '2026-01-01T00:00:00.000Z',
    });
    expect(message && textOf(message)).toContain('Users must sign in again');
  });

  it('tell once a day why nothing goes on, of a rotation under way or of none', () => {
    const stopped = { reason: 'RolloutStalled', message: 'pod main-1 …' } as const;
    const told = (keyset: Keyset | undefined, now: number) => messagesOf(subject, keyset, stopped, now).at(-1);
    const [now, later, tomorrow] = [told(STAGING, T0), told(STAGING, T0 + 3_600_000), told(STAGING, T0 + 86_400_000)];
    expect(now).toMatchObject({ id: 'r1/Stopped/RolloutStalled/2026-01-01', outcome: 'Stopped', failure: stopped });
    expect([later?.id, tomorrow?.id]).toEqual([now?.id, 'r1/Stopped/RolloutStalled/2026-01-02']);
    const none = told(undefined, T0);
    expect(none).toMatchObject({ id: 'u1/Stopped/RolloutStalled/2026-01-01', event: 'Failed' });
    expect(none && textOf(none)).toMatch(/^rekey: shop\/jwt \(production\): stopped; .*RolloutStalled: pod main-1 …$/);
  });

  it('keep a long reason short', () => {
    const long: Write = { ...burn, rotation: { ...asked, reason: 'x'.repeat(100_000) } };
    const [message] = messagesOf(subject, keysetAfter([WRITES.adopt, long]), undefined, T0);
    expect(message?.reason).toHaveLength(1_025);
  });

  it('are one text for Slack, with nothing that Slack would take for markup', () => {
    const [message] = messagesOf(subject, keysetAfter([WRITES.adopt, burn]), undefined, T0);
    if (message === undefined) throw new Error('no message');
    const body: unknown = JSON.parse(bodyOf(message, 'Slack'));
    expect(Object.keys(body as object)).toEqual(['text']);
    expect(JSON.stringify(body)).toContain('in a &lt;log&gt;');
    expect(JSON.parse(bodyOf(message, 'Json'))).toEqual(message);
  });
});
