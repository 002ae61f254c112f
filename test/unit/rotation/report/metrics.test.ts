/** A gauge counts what its name says. */
import { Registry } from '@prometheus-io/client';
import { expect, it } from 'vitest';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { RotationMetrics } from '../../../../src/rotation/report/metrics.ts';
import { facts, keysetAfter, PROMOTING, probeOf, services, WRITES } from '../builders.ts';

const rotation = { ...WRITES.stage.rotation, trigger: 'Emergency' } as const;
const burn: Write = { transition: 'burn', nonce: '1', rotation, version: 0 };
const BURNING = keysetAfter([WRITES.adopt, burn]);

/** Of what the operator serves: the value of a gauge. */
async function scraped(name: string, world: Facts): Promise<number | undefined> {
  const registry = new Registry();
  const metrics = new RotationMetrics(registry);
  const { assessment } = plan(world);
  const labels = { namespace: 'shop', name: 'jwt' };
  metrics.observed('shop/jwt', { labels, status: {}, facts: world, assessment });
  const line = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

/** The first of three pods answers a canary signed with the burnt key in this way; the others are proved to refuse it. */
function burning(toBurnt: 'accepted' | 'refused' | 'unknown'): Facts {
  const targets = services(BURNING, { main: BURNING.version, admin: BURNING.version });
  const answered = targets.map((target, i) => {
    const probe = probeOf(BURNING, BURNING.version);
    const answers = new Map([...probe.answers, ['A', i === 0 ? toBurnt : 'refused'] as const]);
    return { ...target, pods: target.pods.map((pod) => ({ ...pod, probe: { ...probe, answers } })) };
  });
  return facts(BURNING, { targets: answered });
}

it.each([
  ['refuses it', 'refused', 0],
  ['has not said so', 'unknown', 1],
  ['has loaded the fresh key and accepts it all the same', 'accepted', 1],
] as const)('a pod may accept a burnt key unless it is known that it %s', async (_, toBurnt, count) => {
  expect(await scraped('rekey_burnt_key_accepting_pods', burning(toBurnt))).toBe(count);
});

it('without an emergency no pod accepts a burnt key, and no number says so', async () => {
  expect(await scraped('rekey_burnt_key_accepting_pods', facts(PROMOTING))).toBeUndefined();
});
