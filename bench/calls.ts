/** The audit log of the API server: the clock and the counter of the figures, never the operator's own word. */
import { type Call, callsIn } from '../test/support/scenario/audit.ts';
import { OPERATOR_USER } from '../test/support/scenario/install.ts';

/** @param since milliseconds since the epoch, by when a request arrived */
export function ownCalls(auditLog: string, since: number): readonly Call[] {
  return callsIn(auditLog, { user: OPERATOR_USER, since });
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
