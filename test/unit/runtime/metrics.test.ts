import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import {
  controllerMetrics,
  createRegistry,
  eventMetrics,
  leaderMetrics,
  queueMetrics,
  requestMetrics,
} from '../../../src/runtime/metrics.ts';
import { WorkQueue } from '../../../src/runtime/workqueue.ts';
import { FakeClock } from './fake-clock.ts';

const root = join(import.meta.dirname, '..', '..', '..');

test('a registry has what Node tells of itself', async () => {
  const text = await createRegistry().metrics();
  for (const name of [
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
    'nodejs_eventloop_utilization',
    'nodejs_gc_duration_seconds',
  ]) {
    expect(text).toContain(name);
  }
  expect(text).not.toContain('nodejs_eventloop_lag_p99_seconds');
});

test('its own metrics do not wake the operator all the time', async () => {
  const program = `import { createRegistry } from ${JSON.stringify(join(root, 'src', 'runtime', 'metrics.ts'))};
    import { performance } from 'node:perf_hooks';
    createRegistry();
    const before = performance.nodeTiming.uvMetricsInfo.loopCount;
    setTimeout(() => console.log(performance.nodeTiming.uvMetricsInfo.loopCount - before), 2_000);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  // with a timer of 10 ms it would be two hundred, with one of 100 ms twenty
  expect(Number(stdout)).toBeLessThan(15);
});

test('two registries do not know of each other', () => {
  for (let i = 0; i < 2; i += 1) leaderMetrics(createRegistry(), ['rekey']);
});

test('Events that are dropped are counted by the reason', async () => {
  const registry = createRegistry();
  const dropped = eventMetrics(registry);
  dropped('QueueFull', 1);
  dropped('Stopped', 3);
  dropped('QueueFull', 1);
  const text = await registry.metrics();
  expect(text).toContain('rekey_events_dropped_total{reason="QueueFull"} 2');
  expect(text).toContain('rekey_events_dropped_total{reason="Stopped"} 3');
});

test('a controller is counted under the names of controller-runtime', async () => {
  const registry = createRegistry();
  const metrics = controllerMetrics(registry)('rotation');
  metrics.workers(4);
  metrics.started();
  metrics.started();
  metrics.ended('success', 0.2);
  metrics.started();
  metrics.ended('error', 2);
  const text = await registry.metrics();
  for (const line of [
    'controller_runtime_max_concurrent_reconciles{controller="rotation"} 4',
    'controller_runtime_active_workers{controller="rotation"} 1',
    'controller_runtime_reconcile_total{controller="rotation",result="success"} 1',
    'controller_runtime_reconcile_total{controller="rotation",result="error"} 1',
    'controller_runtime_reconcile_errors_total{controller="rotation"} 1',
    'controller_runtime_reconcile_time_seconds_count{controller="rotation"} 2',
  ]) {
    expect(text).toContain(line);
  }
});

test('a queue is counted under the names of client-go, with the keys in work as of now', async () => {
  const registry = createRegistry();
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, metrics: queueMetrics(registry)('rotation') });
  queue.add('a');
  queue.add('b');
  await queue.get();
  await clock.advance(3_000);
  const text = await registry.metrics();
  const labels = '{name="rotation",controller="rotation"}';
  for (const line of [
    `workqueue_adds_total${labels} 2`,
    `workqueue_depth${labels} 1`,
    `workqueue_unfinished_work_seconds${labels} 3`,
    `workqueue_longest_running_processor_seconds${labels} 3`,
    `workqueue_queue_duration_seconds_count${labels} 1`,
  ]) {
    expect(text).toContain(line);
  }
});

test('requests and leadership are counted', async () => {
  const registry = createRegistry();
  const observe = requestMetrics(registry);
  const leading = leaderMetrics(registry, ['rekey']);
  observe({ verb: 'get', method: 'GET', resource: 'pods', host: 'api:6443', code: '<error>', seconds: 0.1 });
  leading('rekey', true);
  const text = await registry.metrics();
  expect(text).toContain('rest_client_requests_total{code="<error>",method="GET",host="api:6443"} 1');
  expect(text).toContain('rest_client_request_duration_seconds_count{verb="get",host="api:6443"} 1');
  expect(text).toContain('leader_election_master_status{name="rekey"} 1');
});
