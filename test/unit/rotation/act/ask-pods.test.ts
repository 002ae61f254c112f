/** A question rests on the keyset that it was planned with. */
import { expect, test } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { PodAsker } from '../../../../src/rotation/act/ask-pods.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';
import { DRAINING, facts, PROMOTING, RETIRING, SETTINGS, WRITES } from '../builders.ts';
import { walked } from '../secret/layout-walk.ts';

const { adopt, stage, promote, drain } = WRITES;

test.each<[string, Keyset, boolean]>([
  ['the one in the Secret', DRAINING, true],
  ['one of the same version in another phase', PROMOTING, false],
  ['one that the Secret had before etcd was restored', RETIRING, false],
])('about %s', async (_, planned, isAsked) => {
  const { secret } = walked([adopt, stage, promote, drain], SETTINGS);
  const client = { get: async () => secret } as unknown as KubeClient;
  const asker = new PodAsker({ client, clock: new FakeClock(), now: () => 0 });
  expect(await asker.ask('shop', facts(planned), [], undefined)).toEqual(isAsked ? new Map() : undefined);
  await asker.close();
});
