import { GrowingFile } from '../cluster/growing-file.ts';

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
  /** Only requests that did what they asked for. */
  readonly made?: boolean;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: Partial<Record<'resource' | 'subresource' | 'namespace' | 'name', string>>;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/**
 * Counts the requests that the API server answered, from its audit log. Refused ones count too: they were made.
 *
 * @param auditLog path of the log
 * @returns by verb, resource and user, most frequent first
 */
export function countCalls(auditLog: string, filter: CallFilter = {}): readonly Calls[] {
  const counts = new Map<string, Calls>();
  for (const { verb, resource, user } of callsIn(auditLog, filter)) {
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
  readonly answeredAt: number;
  /** Of the answer: 200, 409. */
  readonly code: number;
}

/** Each request that the API server answered, in order of the answers. */
export function callsIn(auditLog: string, filter: CallFilter = {}): readonly Call[] {
  const log = logs.get(auditLog) ?? { file: new GrowingFile(auditLog), calls: [] };
  logs.set(auditLog, log);
  // one by one: there are hundreds of thousands, too many for one call
  for (const line of log.file.newLines()) {
    const call = callOf(line);
    if (call !== undefined) log.calls.push(call);
  }
  return log.calls.filter((call) => fits(call, filter));
}

/** What was read of each log: it grows to a hundred megabytes, and tests ask for it again and again. */
const logs = new Map<string, { readonly file: GrowingFile; readonly calls: Call[] }>();

/** The sum of all counts, or of those of some resources. */
export function sumOf(calls: readonly Calls[], ...resources: readonly string[]): number {
  return calls
    .filter(({ resource }) => resources.length === 0 || resources.includes(resource))
    .reduce((sum, { count }) => sum + count, 0);
}

/** @returns undefined if the line is of a request that is not answered: a watch is logged when it begins and when it ends */
export function callOf(line: string): Call | undefined {
  if (!line.includes('"stage":"ResponseComplete"')) return undefined;
  const event = JSON.parse(line) as AuditEvent;
  const { resource = '', subresource, namespace = '', name = '' } = event.objectRef ?? {};
  return {
    ...{ verb: event.verb, namespace, name, user: event.user.username },
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    at: Date.parse(event.requestReceivedTimestamp),
    answeredAt: Date.parse(event.stageTimestamp),
    code: event.responseStatus?.code ?? 0,
  };
}

/** @returns whether the request changes something */
export function isWrite({ verb }: Pick<Call, 'verb'>): boolean {
  return WRITES.includes(verb);
}

function fits(call: Call, { user, namespace, name, writes, made, since = 0, until }: CallFilter): boolean {
  if (writes === true && !isWrite(call)) return false;
  if (made === true && call.code >= 400) return false;
  if (user !== undefined && call.user !== user) return false;
  if (namespace !== undefined && call.namespace !== namespace) return false;
  if (name !== undefined && call.name !== name) return false;
  return call.at >= since && call.at <= (until ?? Number.POSITIVE_INFINITY);
}
