/** What is asked of the operator, and what is not. */
import { describe, expect, it } from 'vitest';
import { emergency } from '../../../src/cli/emergency.ts';
import { abort } from '../../../src/cli/rotate.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';

const leadership = async () => ({ kind: 'Led', holder: 'rekey-1' }) as const;

/** @param failures what the first calls end with */
function asked(status: JwtKeyRotationStatus, ...failures: readonly KubeError[]) {
  const left = [...failures];
  const patches: object[] = [];
  const resource = { metadata: { name: 'jwt', namespace: 'shop' }, spec: {}, status } as unknown as JwtKeyRotation;
  const ask = async (_: string, patch: object) => {
    patches.push(patch);
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return resource;
  };
  const operations = { namespace: 'shop', get: async () => resource, ask, leadership } as unknown as Operations;
  const silent = () => undefined;
  const terminal: Terminal = {
    ...{ print: silent, printErr: silent, clear: silent, closed: () => false, interactive: false },
    ...{ question: async () => '', now: () => 0 },
  };
  return { operations, terminal, patches };
}

const error = (maybeApplied: boolean) =>
  new KubeError({ verb: 'patch', resource: 'jwtkeyrotations', code: 'Timeout', maybeApplied });

describe('an emergency', () => {
  const options = { reason: 'a log', yes: true, wait: false, timeout: 0 };

  it('is asked for again by the same nonce where the answer was lost', async () => {
    const { operations, terminal, patches } = asked({}, error(true));
    expect(await emergency(operations, terminal, 'jwt', options)).toBe(0);
    expect(patches).toHaveLength(2);
    expect(patches[1]).toEqual(patches[0]);
  });

  it('is not asked for again where nothing was done', async () => {
    const { operations, terminal, patches } = asked({}, error(false));
    await expect(emergency(operations, terminal, 'jwt', options)).rejects.toThrow(
      /^NOTHING WAS BURNT by this command, take the leaked key for alive: .*Timeout/,
    );
    expect(patches).toHaveLength(1);
  });
});

describe('a way back', () => {
  const rotating = (status: 'True' | 'False', reason: string) => ({
    conditions: [{ type: 'Rotating', status, reason, message: '', lastTransitionTime: '' }],
  });
  const abortOf = async (status: JwtKeyRotationStatus) => {
    const { operations, terminal, patches } = asked(status);
    const ended = abort(operations, terminal, 'jwt', { wait: false, timeout: 0 });
    return { said: await ended.catch((failure: Error) => failure.message), asked: patches.length };
  };

  it.each<[string, JwtKeyRotationStatus, string]>([
    ['in Preflight, where it would start all the same', { phase: 'Preflight' }, 'kubectl rekey suspend'],
    ['at rest', { phase: 'Steady' }, 'nothing to abort'],
    [
      'at rest, where a person must settle something',
      { phase: 'Degraded', ...rotating('False', 'Steady') },
      'nothing to',
    ],
    ['on the way back', { phase: 'Draining', ...rotating('True', 'RollingBack') }, 'already rolling back'],
    ['in an emergency', { phase: 'Burning' }, 'nothing to abort'],
  ])('is not asked for %s', async (_, status, message) => {
    expect(await abortOf(status)).toEqual({ said: expect.stringContaining(message), asked: 0 });
  });

  it('is asked for where a rotation is under way, stalled or not', async () => {
    expect(await abortOf({ phase: 'Staged' })).toEqual({ said: 0, asked: 1 });
    expect(await abortOf({ phase: 'Degraded', ...rotating('True', 'Staging') })).toEqual({ said: 0, asked: 1 });
  });
});
