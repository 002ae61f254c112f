/**
 * Who got the content of a Secret from the API server, from the audit log of that server. Pure, but for the lines that it is given.
 *
 * @see https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
import { LineError, readLines } from '../../kube/lines.ts';

/** One way in which somebody got Secrets, counted. */
export interface Reader {
  /** Namespace and name; `*` for a name: all of the namespace; `*` for both: all of the cluster. */
  readonly secret: string;
  readonly who: string;
  /** As whom, if with somebody else's rights. */
  readonly as?: string;
  readonly verb: string;
  /** Requests that the API server answered. */
  readonly times: number;
  /** Requests that it refused, or that failed: these got nothing. */
  readonly refused: number;
  /** ISO 8601, as the log has it. */
  readonly first: string;
  readonly last: string;
  /** Addresses; no more than {@link MAX_FROM}. */
  readonly from: readonly string[];
}

export interface Readers {
  readonly readers: readonly Reader[];
  readonly events: number;
  /** Lines that are no audit event, a last one that is cut off included. */
  readonly otherLines: number;
  /** Events that hold the content of a Secret: such a log is as secret as the keys. */
  readonly withContent: number;
  /** The first and the last event, of whatever kind: nothing is known of other times. */
  readonly begins?: string;
  readonly ends?: string;
  /** Why the rest was not read. */
  readonly stopped?: string;
}

/** Which Secrets; all if absent. */
export interface Wanted {
  readonly namespace?: string;
  readonly name?: string;
}

interface Event {
  readonly auditID?: string;
  readonly stage?: string;
  readonly verb: string;
  readonly user: { readonly username?: string };
  readonly impersonatedUser?: { readonly username?: string };
  readonly sourceIPs?: readonly string[];
  readonly objectRef: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp?: string;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
}

export const MAX_FROM = 3;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** What the answer to each has the object in. `delete` answers with a status, or with the object: it counts. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** @param chunks of an audit log with one event in each line, as `--audit-log-path` makes it */
export async function readersIn(chunks: AsyncIterable<Uint8Array>, wanted: Wanted): Promise<Readers> {
  const found = new Map<string, Reader>();
  const times: string[] = [];
  const watches = new Set<string>();
  let [events, otherLines, withContent] = [0, 0, 0];
  let stopped: string | undefined;
  try {
    for await (const line of readLines(chunks, MAX_LINE_BYTES)) {
      const event = eventIn(line);
      if (event === undefined) otherLines += 1;
      else {
        events += 1;
        span(times, event.requestReceivedTimestamp);
        if (isOfSecrets(event) && holdsContent(event)) withContent += 1;
        if (isOfSecrets(event) && concerns(event, wanted) && isAnswer(event, watches)) add(found, event);
      }
    }
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    if (error.message.includes('within a line')) otherLines += 1;
    else stopped = error.message;
  }
  const [begins, ends] = times;
  return {
    readers: [...found.values()].sort((a, b) => (a.first < b.first ? -1 : 1)),
    ...{ events, otherLines, withContent },
    ...(begins !== undefined && ends !== undefined && { begins, ends }),
    ...(stopped !== undefined && { stopped }),
  };
}

function eventIn(line: string): Event | undefined {
  try {
    const event = JSON.parse(line);
    const isEvent = typeof event?.verb === 'string' && typeof event?.user === 'object' && event.user !== null;
    return isEvent ? { ...event, objectRef: event.objectRef ?? {} } : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the first and the last; texts of this form sort by time. */
function span(times: string[], at: string | undefined): void {
  if (at === undefined) return;
  if (times[0] === undefined || at < times[0]) times[0] = at;
  if (times[1] === undefined || at > times[1]) times[1] = at;
}

function isOfSecrets({ objectRef: { resource, subresource, apiGroup } }: Event): boolean {
  return resource === 'secrets' && !subresource && !apiGroup;
}

/**
 * Each request once: others are answered when they are over, a watch when it begins, unless the policy omits that stage.
 *
 * @param watches ids of the watches so far
 */
function isAnswer({ stage, verb, auditID }: Event, watches: Set<string>): boolean {
  if (verb !== 'watch') return stage === 'ResponseComplete' || stage === 'Panic';
  if (stage === 'RequestReceived' || watches.has(auditID ?? '')) return false;
  if (auditID !== undefined) watches.add(auditID);
  return true;
}

function holdsContent({ requestObject, responseObject }: Event): boolean {
  return requestObject !== undefined || responseObject !== undefined;
}

/** A list of all is one of each. */
function concerns({ verb, objectRef }: Event, { namespace, name }: Wanted): boolean {
  if (!VERBS.includes(verb)) return false;
  const matches = (wanted: string | undefined, has: string | undefined) =>
    wanted === undefined || has === undefined || has === '' || wanted === has;
  return matches(namespace, objectRef.namespace) && matches(name, objectRef.name);
}

function add(found: Map<string, Reader>, event: Event): void {
  const { verb, user, impersonatedUser, objectRef, sourceIPs = [], responseStatus, requestReceivedTimestamp } = event;
  const secret = `${objectRef.namespace || '*'}/${objectRef.name || '*'}`;
  const who = user.username ?? 'unknown';
  const as = impersonatedUser?.username;
  const key = JSON.stringify([secret, who, as, verb]);
  const at = requestReceivedTimestamp ?? '';
  const before = found.get(key) ?? {
    secret,
    who,
    ...(as !== undefined && { as }),
    verb,
    times: 0,
    refused: 0,
    first: at,
    last: at,
    from: [],
  };
  const { code = 0 } = responseStatus ?? {};
  const isAnswered = code >= 200 && code < 300;
  const [first = at, , last = at] = [before.first, at, before.last].sort();
  found.set(key, {
    ...before,
    times: before.times + (isAnswered ? 1 : 0),
    refused: before.refused + (isAnswered ? 0 : 1),
    ...{ first, last },
    from: [...new Set([...before.from, ...sourceIPs])].slice(0, MAX_FROM),
  });
}
