/**
 * Faults of requests: every request of the reference rotation meets every fault that its kind can meet.
 */
import type { CallFault } from '../../support/faultproxy/fault.ts';
import { type CallTrigger, PLAIN, type Plan } from '../plan.ts';
import type { Count, Rotation } from '../reference.ts';

/** Renewals of the lease and the like go on as long as the rotation does: the first of a phase stand for them all. */
const MOST_OF_A_KIND = 6;

type Named = readonly [string, CallFault, number?];

/** Answers without effect, and ways of not answering. */
const ANY: readonly Named[] = [
  ['403 Forbidden', { kind: 'answer', status: 403, reason: 'Forbidden' }],
  ['429, again in 1 s', { kind: 'answer', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }],
  ['500', { kind: 'answer', status: 500, reason: 'InternalError' }],
  ['503 for 4 s', { kind: 'answer', status: 503, reason: 'ServiceUnavailable' }, 4_000],
  ['reset before it is sent on', { kind: 'reset', applied: false }],
  ['no answer', { kind: 'hang', applied: false }],
];
const WRITES: readonly Named[] = [
  ...ANY,
  ['409 Conflict', { kind: 'answer', status: 409, reason: 'Conflict' }],
  ['409 for 2 s', { kind: 'answer', status: 409, reason: 'Conflict' }, 2_000],
  ['422 Invalid', { kind: 'answer', status: 422, reason: 'Invalid' }],
  ['applied, but reset', { kind: 'reset', applied: true }],
  ['applied, but 504', { kind: 'applied-but', status: 504, reason: 'Timeout' }],
  ['applied, but 500', { kind: 'applied-but', status: 500, reason: 'InternalError' }],
  ['applied, but no answer', { kind: 'hang', applied: true }],
  ['applied, answer cut short', { kind: 'truncate' }],
  ['sent twice', { kind: 'twice' }],
  ['comes 13 s late', { kind: 'late', ms: 13_000 }],
  ['comes 2 s late', { kind: 'delay', ms: 2_000, of: 'request' }],
  ['answered 2 s late', { kind: 'delay', ms: 2_000, of: 'answer' }],
];
const READS: readonly Named[] = [
  ...ANY,
  ['401 Unauthorized', { kind: 'answer', status: 401, reason: 'Unauthorized' }],
  ['404 NotFound', { kind: 'answer', status: 404, reason: 'NotFound' }],
  ['410 Gone', { kind: 'answer', status: 410, reason: 'Expired' }],
  ['answer cut short', { kind: 'truncate' }],
  ['answered 2 s late', { kind: 'delay', ms: 2_000, of: 'answer' }],
];
/** What the API server said a moment ago, and some time ago. */
const PAST: readonly Named[] = [
  ['answered from the past', { kind: 'past', back: 1 }],
  ['answered from long past', { kind: 'past', back: 4 }],
];
/** A stream can be refused; what may happen on it is the business of lines. */
const WATCHES: readonly Named[] = [...ANY, ['410 Gone', { kind: 'answer', status: 410, reason: 'Expired' }]];

export function triggersOf(counts: readonly Count[], most = MOST_OF_A_KIND): readonly CallTrigger[] {
  return counts.flatMap(({ what, phase, count }) =>
    Array.from({ length: Math.min(count, most) }, (_, i): CallTrigger => ({ on: 'call', what, phase, nth: i + 1 })),
  );
}

const isWatch = ({ what }: Pick<CallTrigger, 'what'>): boolean => what.startsWith('watch');
const isRead = ({ what }: Pick<CallTrigger, 'what'>): boolean => /^(get|list)/.test(what);
const isEvent = ({ what }: Pick<CallTrigger, 'what'>): boolean => what.endsWith(' events');

export interface Triggers {
  readonly writes: readonly CallTrigger[];
  /** Writes of Secrets and Deployments: what moves a rotation. */
  readonly effects: readonly CallTrigger[];
  readonly reads: readonly CallTrigger[];
  readonly watches: readonly CallTrigger[];
  /** The first Event of each phase; the others go the same way. */
  readonly courtesies: readonly CallTrigger[];
}

export function sorted({ requests }: Rotation): Triggers {
  const triggers = triggersOf(requests);
  const writes = triggers.filter((at) => !isRead(at) && !isWatch(at) && !isEvent(at));
  return {
    writes,
    effects: writes.filter(({ what }) => /secrets|deployments/.test(what)),
    reads: triggers.filter(isRead),
    watches: triggers.filter(isWatch),
    courtesies: triggersOf(requests.filter(isEvent), 1),
  };
}

export const nameOf = ({ what, phase, nth }: CallTrigger): string => `${what} @${phase} #${nth}`;

export function callPlans(rotation: Rotation): readonly Plan[] {
  const { writes, reads, watches, courtesies } = sorted(rotation);
  return [
    ...plans('answers to writes', [...writes, ...courtesies], WRITES),
    ...plans('answers to reads', reads, READS),
    ...plans('answers from the past', reads, PAST),
    ...plans('answers to watches', watches, WATCHES),
  ];
}

function plans(name: string, triggers: readonly CallTrigger[], faults: readonly Named[]): readonly Plan[] {
  return triggers.flatMap((at) =>
    faults.map(([text, call, forMs]): Plan => {
      const strike = { at, call, ...(forMs === undefined ? {} : { forMs }) };
      return { ...PLAIN, class: name, name: `${nameOf(at)}: ${text}`, strikes: [strike] };
    }),
  );
}
