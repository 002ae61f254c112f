/** Options of calls. */
import type { Gate } from './gate.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string | undefined;
  readonly subresource?: 'status' | undefined;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes over fields that another manager owns. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

export interface Selection {
  /** All namespaces if absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection, CallOptions {
  /** Absent: the newest state. `0`: whatever state the server has cached, however old. */
  readonly resourceVersion?: string | undefined;
  /** Objects a page. Default 500. */
  readonly limit?: number | undefined;
}

export interface WatchOptions extends Selection {
  /** Where the watch starts. */
  readonly resourceVersion: string;
  /** When the server ends the stream. */
  readonly timeoutSeconds: number;
  /** Longest silence. Default 90 s: bookmarks come once a minute. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * A gate to pass before the stream opens, and to leave once it is open. Waiting there does not count towards a time
   * limit.
   */
  readonly gate?: Gate | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of the whole list: a watch from here misses nothing. */
  readonly resourceVersion: string;
}
