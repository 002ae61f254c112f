/** The audit log of the API server: the clock and the counter of the figures, never the operator's own word. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { OPERATOR_USER } from '../test/support/scenario/install.ts';

/** One answered request of the operator, or of anybody where so asked. */
export interface Call {
  readonly verb: string;
  /** Plural, with the subresource: `jwtkeyrotations/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly answeredAt: number;
  readonly code: number;
}

const WRITES = ['create', 'update', 'patch', 'delete'];

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: Partial<Record<'resource' | 'subresource' | 'namespace' | 'name', string>>;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
}

/** @param since milliseconds since the epoch, by when a request arrived */
export async function callsOf(auditLog: string, since: number, until: number, user?: string): Promise<readonly Call[]> {
  const calls: Call[] = [];
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes('"ResponseComplete"')) continue;
    if (user !== undefined && !line.includes(user)) continue;
    const call = callIn(line);
    if (call === undefined || call.receivedAt < since || call.receivedAt > until) continue;
    if (user === undefined || call.user === user) calls.push(call);
  }
  return calls;
}

export function ownCalls(auditLog: string, since: number, until = Date.now()): Promise<readonly Call[]> {
  return callsOf(auditLog, since, until, OPERATOR_USER);
}

/** The last line may not be complete yet. */
function callIn(line: string): Call | undefined {
  try {
    const event = JSON.parse(line) as AuditEvent;
    const { resource = '', subresource, namespace = '', name = '' } = event.objectRef ?? {};
    return {
      ...{ verb: event.verb, namespace, name, user: event.user.username },
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      receivedAt: Date.parse(event.requestReceivedTimestamp),
      answeredAt: Date.parse(event.stageTimestamp),
      code: event.responseStatus?.code ?? 0,
    };
  } catch {
    return undefined;
  }
}

export function isWrite({ verb }: Call): boolean {
  return WRITES.includes(verb);
}

/** Without the Lease, which is renewed however much there is to do. */
export function withoutLease(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ resource }) => resource !== 'leases');
}

/** @returns how many of each, such as `{"patch secrets": 10}` */
export function countByKind(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb, resource } of calls) counts[`${verb} ${resource}`] = (counts[`${verb} ${resource}`] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}
