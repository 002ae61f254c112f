/** Tells whoever waits that one of some objects has changed: a look at each change is far less than a look all the time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi } from '../cluster/kubeapi.ts';

/** One object, and the version from which on its changes count. */
export interface Since {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
}

/** A look is needed without a change too: what is waited for may depend on more than these objects. */
const QUIET_MS = 2_000;

export class Changes {
  readonly #ends = new AbortController();
  #failed = false;
  #changed = false;
  #wake = (): void => {};

  constructor(api: KubeApi, objects: readonly Since[]) {
    for (const object of objects) void this.#follow(api, object);
  }

  /** Returns after a change since the last call, at the latest after two seconds; after `everyMs` if the API server tells no changes. */
  async next(everyMs: number): Promise<void> {
    if (!this.#changed) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const timer = new AbortController();
      const pause = sleep(this.#failed ? everyMs : QUIET_MS, undefined, { signal: timer.signal }).catch(() => {});
      await Promise.race([woken, pause]);
      timer.abort();
    }
    this.#changed = false;
  }

  stop(): void {
    this.#ends.abort();
  }

  async #follow(api: KubeApi, { kind, namespace, name, resourceVersion }: Since): Promise<void> {
    const selection = { kind, namespace, fieldSelector: `metadata.name=${name}`, resourceVersion };
    try {
      for await (const { type } of api.watch(selection, this.#ends.signal)) if (type !== 'BOOKMARK') this.#change();
    } catch {
      this.#failed = true;
      this.#change();
    }
  }

  #change(): void {
    this.#changed = true;
    this.#wake();
  }
}
