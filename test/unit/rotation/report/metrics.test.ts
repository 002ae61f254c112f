/** A gauge counts what its name says. */
import { Registry } from '@prometheus-io/client';
import { expect, it } from 'vitest';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { RotationMetrics } from '../../../../src/rotation/report/metrics.ts';
import { facts, keysetAfter, PROMOTING, pod, probeOf, STAGING, STEADY, services, target, WRITES } from '../builders.ts';

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

/** One verifier that also signs, two that only verify, and a signer of which nothing is required until promote. */
function withSigner(keyset: Keyset, verifiersHold: number): Facts {
  const signer = target('signer', ['Signer'], { pods: [pod('signer-1')] });
  return facts(keyset, { targets: [...services(keyset, { main: keyset.version, admin: verifiersHold }), signer] });
}

it.each([
  ['at rest, nothing is required of a pod that only signs', STEADY, STEADY.version, 0],
  ['while a key is staged, verifiers are waited for and pods that only sign are not', STAGING, STAGING.version - 1, 2],
  ['while a key is promoted, pods that only sign are waited for, too', PROMOTING, PROMOTING.version, 1],
])('%s', async (_, keyset, verifiersHold, count) => {
  expect(await scraped('rekey_unacked_pods', withSigner(keyset, verifiersHold))).toBe(count);
});

it('while the keyset is not known, no number says for how many pods it waits', async () => {
  const secret = { kind: 'Absent' } as const;
  expect(await scraped('rekey_unacked_pods', facts(STEADY, { secret }))).toBeUndefined();
});
