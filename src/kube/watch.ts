/**
 * The stream of changes of one watch request.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { Deadline, DeadlineExceeded } from './deadline.ts';
import { KubeError, type Subject } from './errors.ts';
import type { Gate } from './gate.ts';
import { LineError, readLines } from './lines.ts';
import type { Call, Requester } from './requester.ts';
import { errorOfStatus, readStatus } from './status.ts';
import type { Timing } from './timing.ts';
import type { KubeObject } from './types.ts';

/** A change. A BOOKMARK has an object with nothing but `metadata.resourceVersion`. */
export interface WatchEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchTimes {
  /** When the server ends the stream, from the request on. */
  readonly endMs: number;
  /** Longest silence, from the request on. Bookmarks come once a minute, so it must be more than 60 s. */
  readonly idleTimeoutMs: number;
  readonly gate?: Gate | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Time limit of the head of the answer, which comes at once. Only after that a watch may be silent for long. */
const OPEN_MS = 10_000;

/** A stream that its server has not ended so much later is ended here: something in between may keep it open for ever. */
const LATE_MS = 30_000;

/** etcd keeps no object larger than 1.5 MiB; JSON and managedFields may make it a few times as long. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Up to here, bytes are blank or mean nothing. */
const SPACE = 0x20;

/**
 * Ends without an error if the server closes the stream after a whole line, or if the caller aborts.
 *
 * @throws KubeError Gone when the resourceVersion is too old, Timeout after a silence or when the server does not end the
 *   stream in time, Unreachable when the stream breaks
 */
export async function* watchEvents<T extends KubeObject>(
  requester: Requester,
  clock: Timing,
  call: Call,
  { endMs, idleTimeoutMs, gate, signal }: WatchTimes,
): AsyncGenerator<WatchEvent<T>> {
  const leave = await gate?.enter(signal);
  if (signal?.aborted) return leave?.();
  const whole = new Deadline(clock, endMs + LATE_MS, signal);
  const silence = new Deadline(clock, Math.min(OPEN_MS, idleTimeoutMs), whole.signal);
  try {
    const { body } = await requester.open(call, silence).finally(leave);
    silence.extend(idleTimeoutMs);
    for await (const line of readLines(withSignsOfLife(body as AsyncIterable<Uint8Array>, silence), MAX_LINE_BYTES)) {
      yield eventOf<T>(call, line);
    }
  } catch (error) {
    if (signal?.aborted) return;
    if (error instanceof LineError) {
      throw new KubeError({ ...call.subject, code: 'Unreachable', detail: error.message });
    }
    if (whole.signal.reason instanceof DeadlineExceeded) {
      const detail = `the stream was to end after ${endMs / 1000} s, and did not`;
      throw new KubeError({ ...call.subject, code: 'Timeout', detail });
    }
    throw requester.translate(call, error, silence);
  } finally {
    silence.dispose();
    whole.dispose();
  }
}

/** Blank lines are no sign: whoever is in between may send them. */
async function* withSignsOfLife(chunks: AsyncIterable<Uint8Array>, silence: Deadline): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (chunk.some((byte) => byte > SPACE)) silence.extend();
    yield chunk;
  }
}

function eventOf<T extends KubeObject>({ subject }: Call, line: string): WatchEvent<T> {
  const { type, object } = parse(subject, line);
  if (type === 'ERROR') throw errorOfStatus(subject, readStatus(object).code ?? 500, object);
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') {
    throw new KubeError({ ...subject, code: 'ServerError', detail: 'an event of an unknown type' });
  }
  // The only place that trusts the wire to have the shape of the type.
  return { type, object: object as T };
}

function parse(subject: Subject, line: string): { readonly type: unknown; readonly object: unknown } {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null && 'type' in event && 'object' in event && isObject(event.object)) {
      return event;
    }
  } catch {
    // The parser's own message quotes the line.
  }
  throw new KubeError({ ...subject, code: 'ServerError', detail: 'a line that is not an event' });
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
