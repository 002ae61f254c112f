import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import { healthOf, readinessOf } from '../../src/probes.ts';
import { WorkQueue } from '../../src/runtime/workqueue.ts';
import { FakeClock } from './runtime/fake-clock.ts';

const well = { failure: () => undefined };

function build(works = true) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock });
  const cluster = { checks: {} };
  const stop = new AbortController().signal;
  const leading = () => undefined;
  const probed = { cluster, secrets: well, calls: well, renewals: well, leading, queue, works: () => works, stop };
  return { clock, queue, ready: readinessOf(probed).queue, healthy: healthOf(probed).queue };
}

test('a queue from which nobody takes a key is not ready, and a restart would not mend that', async () => {
  const { clock, queue, ready, healthy } = build();
  queue.add('shop/a');
  await clock.advance(60_000);
  expect(ready?.()).toBeUndefined();
  await clock.advance(1_000);
  expect(ready?.()).toBe('keys wait, and no worker has taken one for 61 s');
  expect(healthy?.()).toBeUndefined();
});

test('a standby takes no keys, and is ready', async () => {
  const { clock, queue, ready } = build(false);
  queue.add('shop/a');
  await clock.advance(3_600_000);
  expect(ready?.()).toBeUndefined();
});

test('a pass that does not end is not ready, and in the end asks for a restart', async () => {
  const { clock, queue, ready, healthy } = build();
  queue.add('shop/a');
  await queue.get();
  await clock.advance(301_000);
  expect(ready?.()).toBe('a pass has not ended for 301 s');
  expect(healthy?.()).toBeUndefined();
  await clock.advance(600_000);
  expect(healthy?.()).toBe('a pass has not ended for 901 s');
});

interface Probe {
  readonly timeoutSeconds?: number;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

test('the kubelet gives an operator time on a node whose processors are all taken', () => {
  const file = join(import.meta.dirname, '..', '..', 'deploy', 'base', 'deployment.yaml');
  const [deployment] = loadAll(readFileSync(file, 'utf8')) as {
    readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Record<string, Probe>[] } } };
  }[];
  const { startupProbe, livenessProbe, readinessProbe } = deployment?.spec.template.spec.containers[0] ?? {};
  // a second, which is the default, was too short for an answer there
  for (const probe of [startupProbe, livenessProbe, readinessProbe])
    expect(probe?.timeoutSeconds).toBeGreaterThanOrEqual(5);
  // it took ten seconds to start there, and was killed before it answered for the first time
  expect((startupProbe?.periodSeconds ?? 0) * (startupProbe?.failureThreshold ?? 0)).toBeGreaterThanOrEqual(60);
});
