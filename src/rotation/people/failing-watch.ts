/**
 * A watch that tells when it never will begin.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';

/** A watch goes on for ever; whoever waits for it must hear that it never will begin. */
export function failingFor(client: KubeClient, fail: (error: unknown) => void): Pick<KubeClient, 'pages' | 'watch'> {
  async function* told<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* items;
    } catch (error) {
      if (isKubeError(error, 'Forbidden', 'Unauthorized', 'NotFound')) fail(error);
      throw error;
    }
  }
  return {
    pages: (type, options) => told(client.pages(type, options)),
    watch: (type, options) => told(client.watch(type, options)),
  };
}
