/**
 * The loop of a controller: takes keys from a queue, reconciles them, and queues them again according to the result.
 *
 * | reconcile               | then                                            |
 * |-------------------------|-------------------------------------------------|
 * | throws                  | the key comes again after a growing pause       |
 * | `{ requeueAfterMs }`    | failures are forgotten; it comes again then     |
 * | nothing                 | failures are forgotten                          |
 *
 * @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/internal/controller/controller.go
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import { splitKey } from './store.ts';
import { TokenBuckets } from './token-buckets.ts';
import type { WorkQueue } from './workqueue.ts';

export interface RequeueResult {
  readonly requeueAfterMs?: number | undefined;
  /** Priority of the next pass; default 0. */
  readonly priority?: number | undefined;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler that has nothing to say returns nothing.
export type Result = RequeueResult | void;

/** Label values of controller_runtime_reconcile_total. */
export type ResultLabel = 'success' | 'requeue_after' | 'error';

export interface ControllerMetrics {
  workers(count: number): void;
  started(): void;
  ended(outcome: ResultLabel, seconds: number): void;
}

/**
 * @param signal aborted when the work must end now: finish effects under way, start no new ones
 * @param log has the controller, the key and a reconcileId
 */
export type Reconcile<K extends string> = (key: K, signal: AbortSignal, log: Logger) => Promise<Result>;

export interface ControllerOptions<K extends string> {
  readonly name: string;
  readonly queue: WorkQueue<K>;
  /** Keys processed in parallel. */
  readonly workers: number;
  /** One more worker takes only keys of this priority and above, so that they wait for none of the others. */
  readonly urgent?: number;
  readonly reconcile: Reconcile<K>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: ControllerMetrics;
  /** How long a graceful stop waits for work under way. Default 20 s. */
  readonly drainMs?: number;
}

/**
 * Runs until `stop` is aborted. Then it takes no more keys, and work under way may end within `drainMs`; after that its
 * signal is aborted. `abort` ends the work without that time, for example when leadership is lost.
 */
export async function runController<K extends string>(
  options: ControllerOptions<K>,
  { stop, abort = stop }: { readonly stop: AbortSignal; readonly abort?: AbortSignal },
): Promise<void> {
  const { queue, workers, urgent, clock, log, name, metrics, drainMs = 20_000 } = options;
  const hard = new AbortController();
  if (abort !== stop) onceAborted(abort, () => hard.abort(abort.reason));
  metrics?.workers(workers);
  const buckets = new TokenBuckets(clock);
  const least = [...Array<undefined>(workers).fill(undefined), ...(urgent === undefined ? [] : [urgent])];
  const working = Promise.all(least.map((priority) => work(options, priority, hard.signal, buckets)));
  await new Promise<void>((resolve) => {
    onceAborted(stop, resolve);
    onceAborted(abort, resolve);
  });
  void queue.shutDown();
  const limit = new AbortController();
  const late = clock.sleep(drainMs, limit.signal).then(
    () => false,
    () => true,
  );
  const drained = await Promise.race([working.then(() => true), late]);
  limit.abort();
  if (!drained) {
    log.warn('work was still under way when the time to stop ended', { controller: name, drainMs });
    hard.abort(new Error('the time to stop is over'));
  }
}

function onceAborted(signal: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback();
  else signal.addEventListener('abort', callback, { once: true });
}

async function work<K extends string>(
  options: ControllerOptions<K>,
  least: number | undefined,
  signal: AbortSignal,
  buckets: TokenBuckets,
): Promise<void> {
  const { queue } = options;
  for (let key = await queue.get(least); key !== undefined; key = await queue.get(least)) {
    await handle(options, key, signal, buckets);
    queue.done(key);
    // A pass that waits for nothing would continue with the next key at once. With a thousand keys, timers and sockets,
    // including those of the lease, would starve.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Never throws, so that no worker dies. */
async function handle<K extends string>(
  options: ControllerOptions<K>,
  key: K,
  signal: AbortSignal,
  buckets: TokenBuckets,
): Promise<void> {
  const { name, queue, clock, metrics } = options;
  const log = options.log.child({ controller: name, ...splitKey(key), reconcileId: randomUUID() });
  const start = clock.monotonic();
  metrics?.started();
  let outcome: ResultLabel;
  try {
    outcome = again(queue, key, await options.reconcile(key, signal, log));
  } catch (error) {
    outcome = afterError(queue, key, error, { log, buckets });
  }
  metrics?.ended(outcome, (clock.monotonic() - start) / 1000);
}

function again<K extends string>(queue: WorkQueue<K>, key: K, result: Result): ResultLabel {
  queue.forget(key);
  if (result?.requeueAfterMs === undefined) return 'success';
  queue.addAfter(key, result.requeueAfterMs, { priority: result.priority });
  return 'requeue_after';
}

/** Limits the errors of a key in the log, however often it is added: see {@link TokenBuckets}. */
function afterError<K extends string>(
  queue: WorkQueue<K>,
  key: K,
  error: unknown,
  { log, buckets }: { readonly log: Logger; readonly buckets: TokenBuckets },
): ResultLabel {
  const withheld = buckets.admit(key);
  if (withheld !== undefined) log.error('reconcile failed', { error, failures: queue.numRequeues(key) + 1, withheld });
  queue.addRateLimited(key);
  return 'error';
}
