import { describe, expect, it } from 'vitest';
import { bodyOf, messagesOf, NEWS_MS } from '../../../src/rotation/notifications.ts';
import type { Write } from '../../../src/rotation/transition.ts';
import { DONE, keysetAfter, RETIRING, T0, WRITES } from './builders.ts';

const subject = { uid: 'u1', name: 'jwt', namespace: 'shop', environment: 'production' };
const asked = { id: 'r2', trigger: 'Emergency', actor: 'bob', reason: 'in a <log>', drainMs: 1 } as const;
const burn: Write = { transition: 'burn', nonce: 'n1', rotation: asked, version: 0 };
const extinguish: Write = { transition: 'extinguish', acked: { Signer: 2, Verifier: 2 } };
const failure = { reason: 'AbortRequested', message: 'somebody asked' };
const abort: Write = { transition: 'abort', acked: { Signer: 2, Verifier: 2 }, failure, handled: {} };
const aborted: Write = { ...WRITES.finish, outcome: 'Aborted' };

describe('the messages of a keyset', () => {
  it('tell of a completed rotation, once it is over and for an hour', () => {
    expect(messagesOf(subject, RETIRING, T0)).toEqual([]);
    expect(messagesOf(subject, DONE, T0 + NEWS_MS)).toEqual([]);
    expect(messagesOf(subject, DONE, T0 + NEWS_MS - 1)).toEqual([
      {
        ...{ id: 'r1/Completed', event: 'Completed', resource: 'jwt', namespace: 'shop', environment: 'production' },
        ...{ trigger: 'Annotation', actor: 'alice', reason: 'test', from: 'A', to: 'B', outcome: 'Completed' },
        ...{ startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:00.000Z' },
      },
    ]);
  });

  it('tell of an aborted one, and why', () => {
    const keyset = keysetAfter([WRITES.adopt, WRITES.stage, abort, aborted]);
    const [message] = messagesOf(subject, keyset, T0);
    expect(message).toMatchObject({ id: 'r1/Aborted', event: 'Failed', outcome: 'Aborted', failure });
  });

  it('tell of an emergency twice: when the key is burnt, and when it is dead, with the seconds', () => {
    const at = (step: number) => T0 + step * 1_500;
    const burning = messagesOf(subject, keysetAfter([WRITES.adopt, burn], at), T0);
    expect(burning).toEqual([
      {
        ...{ id: `u1/${T0 + 1_500}/Burnt`, event: 'Emergency', resource: 'jwt', namespace: 'shop' },
        ...{ environment: 'production', trigger: 'Emergency', actor: 'bob', reason: 'in a <log>', from: 'A', to: 'B' },
        ...{ startedAt: '2026-01-01T00:00:01.500Z', tokensIssuedBefore: '2026-01-01T00:00:01.500Z', signInAgain: true },
      },
    ]);
    const over = messagesOf(subject, keysetAfter([WRITES.adopt, burn, extinguish], at), T0);
    expect(over).toEqual([
      burning[0],
      {
        ...burning[0],
        ...{ id: `u1/${T0 + 1_500}/Gone`, finishedAt: '2026-01-01T00:00:03.000Z', outcome: 'Completed', seconds: 2 },
      },
    ]);
  });

  it('keep a long reason short', () => {
    const long: Write = { ...burn, rotation: { ...asked, reason: 'x'.repeat(100_000) } };
    const [message] = messagesOf(subject, keysetAfter([WRITES.adopt, long]), T0);
    expect(message?.reason).toHaveLength(1_025);
  });

  it('are one text for Slack, with nothing that Slack would take for markup', () => {
    const [message] = messagesOf(subject, keysetAfter([WRITES.adopt, burn]), T0);
    if (message === undefined) throw new Error('no message');
    const body: unknown = JSON.parse(bodyOf(message, 'Slack'));
    expect(Object.keys(body as object)).toEqual(['text']);
    expect(JSON.stringify(body)).toContain('in a &lt;log&gt;');
    expect(JSON.parse(bodyOf(message, 'Json'))).toEqual(message);
  });
});
