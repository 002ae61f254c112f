import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One kind of request, counted. */
export interface Calls {
  readonly verb: string;
  /** Plural, with the subresource if there is one: `jwtkeyrotations/status`. */
  readonly resource: string;
  readonly user: string;
  readonly count: number;
}

/** Which requests count; all by default. */
export interface CallFilter {
  readonly user?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Milliseconds since the epoch, by when the request arrived. */
  readonly since?: number;
  readonly until?: number;
  /** Only requests that change something. */
  readonly writes?: boolean;
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly requestReceivedTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/**
 * Counts the requests that the API server answered, from its audit log. Refused ones count too: they were made.
 *
 * @param auditLog path of the log
 * @returns by verb, resource and user, most frequent first
 */
export async function countCalls(auditLog: string, filter: CallFilter = {}): Promise<readonly Calls[]> {
  const counts = new Map<string, Calls>();
  for (const { verb, resource, user } of await callsIn(auditLog, filter)) {
    const id = `${verb} ${resource} ${user}`;
    counts.set(id, { verb, resource, user, count: (counts.get(id)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** One request, answered. */
export interface Call {
  readonly verb: string;
  /** As in {@link Calls}. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: string;
  /** Milliseconds since the epoch, when it arrived. */
  readonly at: number;
  /** Of the answer: 200, 409. */
  readonly code: number;
}

/** Each request that the API server answered, in order of the answers. */
export async function callsIn(auditLog: string, filter: CallFilter = {}): Promise<readonly Call[]> {
  const calls: Call[] = [];
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    const event = parse(line);
    if (event === undefined || !fits(event, filter)) continue;
    const { verb, user, objectRef = {}, requestReceivedTimestamp, responseStatus } = event;
    const { namespace = '', name = '' } = objectRef;
    const resource = [objectRef.resource ?? '', objectRef.subresource ?? ''].filter((part) => part !== '').join('/');
    const at = Date.parse(requestReceivedTimestamp);
    calls.push({ verb, resource, namespace, name, user: user.username, at, code: responseStatus?.code ?? 0 });
  }
  return calls;
}

/** The sum of all counts, or of those of some resources. */
export function sumOf(calls: readonly Calls[], ...resources: readonly string[]): number {
  return calls
    .filter(({ resource }) => resources.length === 0 || resources.includes(resource))
    .reduce((sum, { count }) => sum + count, 0);
}

/** The last line may not be complete yet. */
function parse(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    return undefined;
  }
}

function fits({ stage, verb, user, objectRef, requestReceivedTimestamp }: AuditEvent, filter: CallFilter): boolean {
  // A watch is logged when it begins and when it ends.
  if (stage !== 'ResponseComplete') return false;
  if (filter.writes === true && !WRITES.includes(verb)) return false;
  if (filter.user !== undefined && user.username !== filter.user) return false;
  if (filter.namespace !== undefined && objectRef?.namespace !== filter.namespace) return false;
  if (filter.name !== undefined && objectRef?.name !== filter.name) return false;
  const at = Date.parse(requestReceivedTimestamp);
  return at >= (filter.since ?? 0) && at <= (filter.until ?? Number.POSITIVE_INFINITY);
}
