/** A gauge counts what its name says. */
import { Registry } from '@prometheus-io/client';
import { expect, it } from 'vitest';
import type { Facts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { RotationMetrics } from '../../../../src/rotation/report/metrics.ts';
import { labelText, seriesText } from '../../../../src/rotation/report/series.ts';
import { facts, keysetAfter, PROMOTING, pod, probeOf, STAGING, STEADY, services, target, WRITES } from '../builders.ts';

const rotation = { ...WRITES.stage.rotation, trigger: 'Emergency' } as const;
const burn: Write = { transition: 'burn', nonce: '1', rotation, version: 0 };
const BURNING = keysetAfter([WRITES.adopt, burn]);

/** Of what the operator serves: the value of a gauge. */
async function scraped(name: string, world: Facts): Promise<number | undefined> {
  const registry = new Registry();
  const metrics = new RotationMetrics(registry, 10);
  const { assessment } = plan(world);
  const labels = { namespace: 'shop', name: 'jwt' };
  metrics.observed('shop/jwt', { labels, status: {}, facts: world, assessment });
  const line = (await metrics.text(async () => undefined)).split('\n').find((each) => each.startsWith(`${name}{`));
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

it('of more resources than may have series those that do not rest have them, and the others are counted', async () => {
  const registry = new Registry();
  const metrics = new RotationMetrics(registry, 2);
  const see = (name: string, world: Facts, phase: 'Steady' | 'Draining') => {
    const labels = { namespace: 'shop', name };
    metrics.observed(`shop/${name}`, { labels, status: { phase }, facts: world, assessment: plan(world).assessment });
    metrics.wrote(labels, 'stage');
  };
  for (const name of ['a', 'b', 'c']) see(name, facts(STEADY), 'Steady');
  see('moving', facts(PROMOTING), 'Draining');
  const text = await metrics.text(async () => undefined);
  const phases = text.split('\n').filter((line) => line.startsWith('rekey_phase{'));
  expect(phases).toEqual([
    'rekey_phase{namespace="shop",name="moving",phase="Draining"} 1',
    'rekey_phase{namespace="shop",name="a",phase="Steady"} 1',
  ]);
  expect(text).toContain('rekey_resources 4\n');
  expect(text).toContain('rekey_resources_without_series 2\n');
  const counted = (await registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('rekey_secret_writes_total{'));
  expect(counted).toEqual([
    'rekey_secret_writes_total{namespace="shop",name="a",transition="stage"} 1',
    'rekey_secret_writes_total{namespace="shop",name="b",transition="stage"} 1',
    'rekey_secret_writes_total{namespace="",name="",transition="stage"} 2',
  ]);
});

it('a label is written so that a scraper reads it back', async () => {
  const text = await seriesText(
    [
      {
        name: 'up',
        help: 'Help.',
        rows: [{ labels: labelText({ name: 'a"b\\c\nd' }), samples: [[1.5], [2, { more: 'x' }]] }],
      },
    ],
    async () => undefined,
  );
  expect(text).toBe(
    [
      '# HELP up Help.',
      '# TYPE up gauge',
      'up{name="a\\"b\\\\c\\nd"} 1.5',
      'up{name="a\\"b\\\\c\\nd",more="x"} 2',
      '',
    ].join('\n'),
  );
});

it('the counts of a resource with receivers begin at 0, or its first failure would be no increase', async () => {
  const registry = new Registry();
  const metrics = new RotationMetrics(registry, 10);
  const labels = { namespace: 'shop', name: 'jwt' };
  const failed = async () =>
    /^rekey_notification_total\{.*result="failed".*\} (\d+)$/m.exec(await registry.metrics())?.[1];
  metrics.hasReceivers(labels);
  expect(await failed()).toBe('0');
  metrics.notified(labels, 'failed');
  metrics.hasReceivers(labels);
  expect(await failed()).toBe('1');
});

it('counters of a deleted resource end with it, and leave room for those of another one', async () => {
  const registry = new Registry();
  const metrics = new RotationMetrics(registry, 2);
  const series = async () => (await registry.metrics()).split('\n').filter((line) => /^rekey_\w+\{/.test(line));
  for (let i = 0; i < 5; i += 1) {
    const labels = { namespace: 'shop', name: `jwt-${i}` };
    metrics.hasReceivers(labels);
    metrics.notified(labels, 'failed');
    metrics.answered(labels, 'unknown');
    metrics.wrote(labels, 'stage');
    metrics.wrote(labels, 'stage');
    metrics.restarted(labels, 'Deployment', 'api');
    expect(await series()).toContain(
      `rekey_secret_writes_total{namespace="shop",name="jwt-${i}",transition="stage"} 2`,
    );
    metrics.forget(`shop/jwt-${i}`);
    expect(await series()).toEqual([]);
  }
});
