/** A request carries the name of whoever makes it. Without one it is made all the same. */
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import { ASK, FIELD_MANAGER } from '../../../src/rotation/people/asking.ts';
import { Operations } from '../../../src/rotation/people/operations.ts';

const BY = 'rekey.dev/requested-by';

/** @param who the user name, or why it is not told */
function operationsOf(who: string | KubeErrorCode, told = true, annotations?: Record<string, string>, refusals = 0) {
  const patches: { metadata?: { annotations?: Record<string, string> } }[] = [];
  const nameless: string[] = [];
  let reviews = 0;
  const client = {
    create: async () => {
      reviews += 1;
      if (!told) throw new KubeError({ verb: 'create', resource: 'selfsubjectreviews', code: who as KubeErrorCode });
      return { metadata: { name: '' }, status: { userInfo: { username: who } } };
    },
    get: async () => {
      if (annotations !== undefined) return { metadata: { name: 'jwt', annotations } };
      throw new KubeError({ verb: 'get', resource: 'jwtkeyrotations', code: 'Timeout' });
    },
    mergePatch: async (_: unknown, __: unknown, patch: object) => {
      patches.push(patch);
      if (patches.length <= refusals) throw new KubeError({ verb: 'patch', resource: 'r', code: 'Forbidden' });
    },
  } as unknown as KubeClient;
  const onNameless = (why: string) => void nameless.push(why);
  const unused = {} as never;
  const operations = new Operations({
    client,
    clock: unused,
    log: unused,
    namespace: 'shop',
    serverTime: () => 0,
    onNameless,
  });
  const named = () => patches.map(({ metadata }) => metadata?.annotations?.[BY]);
  return { operations, named, patches, nameless, reviews: () => reviews };
}

describe('a request', () => {
  it('names who makes it, and for which value; of an emergency for its nonce', async () => {
    const { operations, named, reviews, nameless } = operationsOf('alice');
    const resource = { metadata: { name: 'jwt' } } as JwtKeyRotation;
    for (const patch of [
      ...[ASK.rotate('1'), ASK.abort('2'), ASK.withdraw('3'), ASK.pause(), ASK.emergency('4', 'found: by bob')],
      ...[ASK.contained('4', resource), ASK.suspend(), ASK.resume()],
    ])
      await operations.ask('jwt', patch);
    expect(named()).toEqual([
      ...['rotate-requested-at=1 by alice', 'abort-requested-at=2 by alice', 'withdraw-requested-at=3 by alice'],
      ...['paused=true by alice', 'emergency=4 by alice', 'compromise-contained=4 by alice', undefined, null],
    ]);
    expect([reviews(), nameless]).toEqual([1, []]);
  });

  it.each(['Forbidden', 'NotFound', 'Timeout'] as const)(
    'is made without a name where that is not told, and says so once: %s',
    async (code) => {
      const { operations, patches, nameless } = operationsOf(code, false);
      await operations.ask('jwt', ASK.rotate('1'));
      await operations.ask('jwt', ASK.abort('2'));
      expect(patches).toEqual([ASK.rotate('1'), ASK.abort('2')]);
      expect(nameless).toEqual([expect.stringContaining(`create selfsubjectreviews: ${code}`)]);
    },
  );

  it('is made without a name where no line could tell what it is', async () => {
    const { operations, named } = operationsOf('alice', true, {});
    for (const nonce of ['a by b', 'a\nb'])
      await operations.ask('jwt', ASK.contained(nonce, { metadata: {} } as JwtKeyRotation));
    expect(named()).toEqual([undefined, undefined]);
  });

  const STANDING = {
    'rekey.dev/rotate-requested-at': '1',
    'rekey.dev/emergency': '7: leak',
    [BY]: 'emergency=7 by bob\nrotate-requested-at=1 by carol\nabort-requested-at=0 by dave\nnonsense',
  };

  it('leaves the names of the others, as long as what they asked for stands', async () => {
    const { operations, named } = operationsOf('alice', true, STANDING);
    await operations.ask('jwt', ASK.abort('2'));
    await operations.ask('jwt', ASK.rotate('3'));
    expect(named()).toEqual([
      'emergency=7 by bob\nrotate-requested-at=1 by carol\nabort-requested-at=2 by alice',
      'emergency=7 by bob\nrotate-requested-at=3 by alice',
    ]);
  });

  it('takes the line away with what it takes back, or it would stand behind the same request of somebody else', async () => {
    const lines = 'paused=true by bob\nemergency=7 by carol';
    const { operations, named } = operationsOf('alice', true, { ...STANDING, 'rekey.dev/paused': 'true', [BY]: lines });
    await operations.ask('jwt', ASK.resume());
    expect(named()).toEqual(['emergency=7 by carol']);
  });

  it('for an emergency is made without a name where that is refused, whatever the reason', async () => {
    const { operations, named } = operationsOf('alice', true, STANDING, 2);
    await operations.ask('jwt', ASK.emergency('8', 'leak')).catch(() => undefined);
    await operations.ask('jwt', ASK.emergency('8', 'leak'));
    expect(named().at(-1)).toContain('emergency=8 by alice');
    const once = operationsOf('alice', true, {}, 1);
    await once.operations.ask('jwt', ASK.emergency('8', 'leak'));
    expect(once.named()).toEqual(['emergency=8 by alice', undefined]);
  });

  it('is made again with its own name alone where the others may not be kept, and no more than once', async () => {
    const { operations, named } = operationsOf('alice', true, STANDING, 1);
    await operations.ask('jwt', ASK.abort('2'));
    expect(named()[1]).toBe('abort-requested-at=2 by alice');
    const refused = operationsOf('alice', true, STANDING, 9);
    await expect(refused.operations.ask('jwt', ASK.abort('2'))).rejects.toThrow('Forbidden');
    expect(refused.patches).toHaveLength(2);
  });

  it.each(['', 'a\nb'])('is made without a name where the API server knows none that can be told: %j', async (who) => {
    const { operations, patches, nameless } = operationsOf(who);
    await operations.ask('jwt', ASK.rotate('1'));
    expect([patches, nameless]).toEqual([[ASK.rotate('1')], ['the API server gives no user name of one line']]);
  });
});

it('writes under a name that Flux leaves alone: it takes back what kubectl has written, and whoever is called like it', () => {
  expect(FIELD_MANAGER).not.toMatch(/^(kubectl|before-first-apply)/);
});
