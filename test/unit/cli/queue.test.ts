/** What is queued is said by whoever queues it, ended by an abort, and taken back by a withdrawal. */
import { describe, expect, it } from 'vitest';
import { withdraw } from '../../../src/cli/queue.ts';
import { resume } from '../../../src/cli/resume.ts';
import { abort, rotate } from '../../../src/cli/rotate.ts';
import { statusText } from '../../../src/cli/status.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';

const ROTATE = 'rekey.dev/rotate-requested-at';
const rotation = {
  ...{ id: 'r', trigger: 'Annotation', actor: 'alice', reason: `${ROTATE} is 1`, from: 'k-1', to: 'k-2' },
  startedAt: '2026-01-01T00:00:00Z',
};
const UNDER_WAY: JwtKeyRotationStatus = { phase: 'Staged', rotation, lastHandledRotateAt: '1' };

const TIMES = { maxTokenTTL: '1h', clockSkew: '1m', retire: { mode: 'Eager' }, targets: [] };

type Patch = { metadata?: { annotations?: Record<string, string | null> } };

/** As a merge patch does it. */
const withoutNull = (object: Readonly<Record<string, string | null>>) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

/** @param then the status once something was asked for */
function scene(
  status: JwtKeyRotationStatus,
  { annotations = {}, reason = '', then = status, targets = [] as readonly object[] } = {},
) {
  const patches: Patch[] = [];
  const said: string[] = [];
  const results: string[] = [];
  const resource = (edit: Readonly<Record<string, string | null>>, current: JwtKeyRotationStatus) =>
    ({
      metadata: { name: 'jwt', namespace: 'shop', annotations: withoutNull({ ...annotations, ...edit }) },
      ...{ spec: { ...TIMES, targets, forceRotation: { reason } }, status: { keysetVersion: 1, ...current } },
    }) as unknown as JwtKeyRotation;
  const operations = {
    namespace: 'shop',
    leadership: async () => ({ kind: 'Led', holder: 'rekey-1' }),
    get: async () => resource({}, status),
    ask: async (_: string, patch: Patch) => {
      patches.push(patch);
      return resource(patch.metadata?.annotations ?? {}, status);
    },
    follow: async (_: string, look: (current: JwtKeyRotation) => unknown) => look(resource({}, then)),
  } as unknown as Operations;
  const terminal: Terminal = {
    ...{
      print: (text) => {
        said.push(text);
        results.push(text);
      },
      printErr: (text) => said.push(text),
      clear: () => undefined,
    },
    ...{ closed: () => false, interactive: false, question: async () => '', now: () => 0 },
  };
  return { operations, terminal, patches, said: () => said.join(''), result: () => results.join('') };
}

describe('rotate', () => {
  const asked = async (status: JwtKeyRotationStatus, annotations = {}) => {
    const { operations, terminal, result } = scene(status, { annotations });
    await rotate(operations, terminal, ['jwt'], { wait: false, timeout: 0 });
    return result();
  };

  it('says at once that it is queued, behind what, and how to take it back', async () => {
    expect(await asked(UNDER_WAY)).toBe(
      [
        'jwt: rotation requested',
        `jwt: queued behind the rotation under way (Staged: ${ROTATE} is 1, requested by alice); it starts when that one ends`,
        'jwt: to withdraw it: kubectl rekey withdraw jwt -n shop\n',
      ].join('\n'),
    );
    const queued = [{ trigger: 'Annotation', actor: 'bob', reason: `${ROTATE} is 2` }];
    expect(await asked({ ...UNDER_WAY, queued })).toContain(
      'another request is already queued, and one rotation serves both',
    );
  });

  it('says nothing of that at rest', async () => {
    expect(await asked({ phase: 'Steady' })).toBe('jwt: rotation requested\n');
  });

  it('warns at rest, too, where a withdrawal that is not served yet will take it back', async () => {
    const annotations = { 'rekey.dev/withdraw-requested-at': 'x' };
    expect(await asked({ phase: 'Steady' }, annotations)).toContain(
      'an earlier request for a withdrawal is still pending',
    );
    expect(await asked({ phase: 'Steady', lastHandledWithdrawAt: 'x' }, annotations)).toBe('jwt: rotation requested\n');
  });

  it('warns where an abort that is not served yet may end it', async () => {
    const annotations = { 'rekey.dev/abort-requested-at': 'x' };
    expect(await asked(UNDER_WAY, annotations)).toContain('if rekey handles it first, it cancels this request too');
    expect(await asked({ ...UNDER_WAY, lastHandledAbortAt: 'x' }, annotations)).not.toContain(
      'if rekey handles it first',
    );
  });
});

it('rotate says of which service it cannot notice that it knows one key only', async () => {
  const { operations, terminal, said } = scene(
    { phase: 'Steady' },
    { targets: [{ kind: 'Deployment', name: 'worker', roles: ['Verifier'] }] },
  );
  await rotate(operations, terminal, ['jwt'], { wait: false, timeout: 0 });
  expect(said()).toContain(
    'jwt: Deployment/worker has no canary. If it verifies with one key, it refuses every new token from Promoting to Retiring. rekey cannot ask it: declare a canary',
  );
});

describe('resume', () => {
  const resumed = async (annotations: Record<string, string>) => {
    const { operations, terminal, patches, said } = scene({ phase: 'Steady' }, { annotations });
    expect(await resume(operations, terminal, 'jwt')).toBe(0);
    return [patches.length, said()];
  };

  it('says what it has ended, and nothing of that where there was nothing', async () => {
    expect(await resumed({ 'rekey.dev/paused': 'true' })).toEqual([1, 'jwt: resumed: the pause ended\n']);
    expect(await resumed({})).toEqual([0, 'jwt: it is neither paused nor suspended; nothing was done\n']);
  });
});

describe('rotate, where something stands in the way,', () => {
  const held = async (reason: string, status: 'True' | 'False' = 'False') => {
    const ready = { type: 'Ready', status, reason, message: 'it says why', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const { operations, terminal, said } = scene({ phase: 'Steady', conditions: [ready] });
    await rotate(operations, terminal, ['jwt'], { wait: false, timeout: 0 });
    return said();
  };

  it('says what it waits for, as far as that is known; no request waits for the back-off of a schedule', async () => {
    expect(await held('TargetPaused')).toContain('jwt: it cannot start yet: TargetPaused: it says why');
    expect(await held('BackingOff')).not.toContain('cannot start');
    expect(await held('Steady', 'True')).not.toContain('cannot start');
  });
});

describe('abort', () => {
  it('says that nothing goes back while everything is paused', async () => {
    const { operations, terminal, said } = scene(UNDER_WAY, { annotations: { 'rekey.dev/paused': 'true' } });
    await abort(operations, terminal, 'jwt', { wait: false, timeout: 0 });
    expect(said()).toContain('jwt is paused: the abort starts when it is resumed: kubectl rekey resume jwt -n shop\n');
  });

  it('says what is queued and ends with it', async () => {
    const { operations, terminal, said } = scene(UNDER_WAY, { annotations: { [ROTATE]: '2' }, reason: 'ticket 7' });
    await abort(operations, terminal, 'jwt', { wait: false, timeout: 0 });
    expect(said()).toContain(`the abort cancels this queued request too: ${ROTATE} is 2, requested by unknown\n`);
    expect(said()).toContain('the abort cancels this queued request too: ticket 7, requested by spec\n');
  });

  it('says that a schedule which is due begins another one', async () => {
    const said = async (nextRotationTime: string) => {
      const { operations, terminal, said: all } = scene({ ...UNDER_WAY, nextRotationTime });
      await abort(operations, terminal, 'jwt', { wait: false, timeout: 0 });
      return all();
    };
    expect(await said('1970-01-01T00:00:00Z')).toContain(
      'tries again after a back-off; to prevent that: kubectl rekey suspend jwt -n shop\n',
    );
    expect(await said('1970-01-01T00:00:01Z')).not.toContain('suspend');
  });

  it.each<[string, JwtKeyRotationStatus]>([
    ['before it has begun', { phase: 'Preflight' }],
    ['at rest, suspended perhaps', { phase: 'Steady' }],
    ['in a phase without a way back', { phase: 'Retiring' }],
  ])('names withdraw where a request waits: %s', async (_, status) => {
    const { operations, terminal } = scene(status, { annotations: { [ROTATE]: '2' } });
    await expect(abort(operations, terminal, 'jwt', { wait: false, timeout: 0 })).rejects.toThrow(
      'to withdraw the request: kubectl rekey withdraw jwt -n shop',
    );
  });
});

describe('withdraw', () => {
  const annotations = { [ROTATE]: '2' };
  const run = async (status: JwtKeyRotationStatus, options: Parameters<typeof scene>[1]) => {
    const { operations, terminal, said, patches } = scene(status, options);
    const code = await withdraw(operations, terminal, 'jwt', { timeout: 1_000 }).catch(({ message, exit }) => {
      return `${exit} ${message}`;
    });
    return { code, said: said(), asked: patches.length };
  };

  it('says what it has taken back', async () => {
    const then = { ...UNDER_WAY, lastWithdrawnRotateAt: '2', withdrawnForceReason: 'ticket 7' };
    expect(await run(UNDER_WAY, { annotations, reason: 'ticket 7', then })).toEqual({
      code: 0,
      said: `jwt: withdrawn: ${ROTATE} is 2, requested by unknown\njwt: withdrawn: ticket 7, requested by spec\n`,
      asked: 1,
    });
  });

  it('says what it could not: one that has begun is ended by an abort', async () => {
    const then = { ...UNDER_WAY, lastHandledRotateAt: '2' };
    const { code, said } = await run({ phase: 'Preflight' }, { annotations, then });
    expect(code).toBe(1);
    expect(said).toMatch(
      /not withdrawn: its rotation has started; to end the rotation under way: kubectl rekey abort jwt -n shop: rekey.dev/,
    );
  });

  it('asks for nothing where nothing waits', async () => {
    expect(await run(UNDER_WAY, { annotations: { [ROTATE]: '1' } })).toEqual({
      code: '1 jwt: no request is waiting; to end the rotation under way: kubectl rekey abort jwt -n shop',
      said: '',
      asked: 0,
    });
    expect((await run({ phase: 'Steady' }, {})).code).toBe('1 jwt: no request is waiting');
  });

  it('does not wait for the end of a pause, and says so', async () => {
    const paused = { ...annotations, 'rekey.dev/paused': 'true' };
    expect(await run(UNDER_WAY, { annotations: paused })).toMatchObject({
      ...{ code: 0, asked: 1 },
      said: expect.stringContaining('the waiting requests are withdrawn before any rotation starts'),
    });
  });

  it('is not said to be done where nobody has done it', async () => {
    expect((await run(UNDER_WAY, { annotations })).code).toMatch(
      /^3 jwt: not withdrawn after 1 s.*Check that the operator is running: kubectl/,
    );
  });

  it('does not blame an operator that has said what is in the way', async () => {
    const ready = {
      type: 'Ready',
      status: 'False',
      reason: 'ForeignWriter',
      message: 'by helm',
      lastTransitionTime: '',
    };
    const then = { ...UNDER_WAY, conditions: [ready] } as JwtKeyRotationStatus;
    const { code } = await run(UNDER_WAY, { annotations, then });
    expect(code).toMatch(/In the way: ForeignWriter: by helm\. To see it: kubectl rekey status jwt -n shop$/);
  });
});

describe('status', () => {
  it('shows what is under way and what waits, with who asked', () => {
    const queued = [{ trigger: 'ForceRotation', actor: 'field manager argocd (not verified)', reason: 'ticket\n7' }];
    const resource = { metadata: { name: 'jwt', namespace: 'shop' }, spec: { environment: 'test', ...TIMES } };
    const text = (status: JwtKeyRotationStatus) =>
      statusText({ ...resource, status } as unknown as JwtKeyRotation, Date.parse('2026-01-01T00:01:00Z'));
    expect(text({ ...UNDER_WAY, queued })).toMatch(
      /under way +rekey.dev\/rotate-requested-at is 1, requested by alice, since 2026-01-01T00:00:00Z \(1m ago\)\n +queued +ticket 7, requested by field manager argocd \(not verified\); starts when the rotation under way ends\n/,
    );
    expect(text({ phase: 'Steady', queued })).toContain('; the condition Ready says what it waits for');
    expect(text({ phase: 'Steady' })).not.toMatch(/under way|queued/);
  });
});
