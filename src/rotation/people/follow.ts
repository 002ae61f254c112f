/**
 * Follows one resource until something is found.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { Reflector } from '../../runtime/reflector.ts';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from '../api/names.ts';
import { GoneError } from './errors.ts';

export interface Followed {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
}

export interface FollowLimits {
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** Ends it with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Reads the resource now and at each change, until an answer is found. A broken connection is opened again.
 *
 * @param look returns undefined as long as there is no answer
 * @returns undefined if there was no answer in time
 * @throws GoneError when the resource is deleted meanwhile; KubeError when it may not be watched
 */
export async function follow<T>(
  followed: Followed,
  look: (resource: JwtKeyRotation) => T | undefined,
  { timeoutMs, signal }: FollowLimits,
): Promise<T | undefined> {
  const found = Promise.withResolvers<T | undefined>();
  const ended = new AbortController();
  const stop = () => found.reject(signal?.reason);
  signal?.addEventListener('abort', stop);
  const reflector = reflectorOf(followed, found.reject);
  const gone = () => found.reject(new GoneError(`JwtKeyRotation ${followed.name} was deleted`));
  let uid: string | undefined;
  reflector.store.onChange((_, __, current) => {
    uid ??= current?.metadata.uid;
    const { metadata } = current ?? {};
    if (current === undefined || metadata?.uid !== uid || metadata?.deletionTimestamp !== undefined) return gone();
    try {
      const answer = look(current);
      if (answer !== undefined) found.resolve(answer);
    } catch (error) {
      found.reject(error);
    }
  });
  void reflector.synced.then(() => reflector.store.size === 0 && gone());
  const late = () => found.resolve(undefined);
  const timer = timeoutMs === 0 ? undefined : followed.clock.setTimeout(late, timeoutMs);
  const running = reflector.run(ended.signal);
  try {
    return await found.promise;
  } finally {
    signal?.removeEventListener('abort', stop);
    timer?.cancel();
    ended.abort();
    await running;
  }
}

function reflectorOf({ client, clock, log, namespace, name }: Followed, fail: (error: unknown) => void) {
  return new Reflector({
    ...{ client: failingFor(client, fail), clock, log, type: JWT_KEY_ROTATIONS },
    project: (raw: JwtKeyRotation) => raw,
    selection: { namespace, fieldSelector: `metadata.name=${name}` },
  });
}

/** A watch never ends by itself, so callers must learn if it can never begin. */
function failingFor(client: KubeClient, fail: (error: unknown) => void): Pick<KubeClient, 'pages' | 'watch'> {
  async function* reporting<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* items;
    } catch (error) {
      if (isKubeError(error, 'Forbidden', 'Unauthorized', 'NotFound')) fail(error);
      throw error;
    }
  }
  return {
    pages: (type, options) => reporting(client.pages(type, options)),
    watch: (type, options) => reporting(client.watch(type, options)),
  };
}
