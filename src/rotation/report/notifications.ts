/** The messages about a keyset, and their texts. They have key ids, never key bytes. */
import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import { type Emergency, type Keyset, type RotationRecord, refusal, secondsOf } from '../keyset/keyset.ts';
import { iso } from '../schedule/duration.ts';

/** Older news is not sent, since it would only confuse. */
export const NEWS_MS = 3_600_000;

/** A message in the format Json, see docs/reference/notifications.md. Times are ISO 8601 in UTC. */
export interface Message {
  /** Unique to the message, and the same for each try. */
  readonly id: string;
  readonly event: 'Completed' | 'Failed' | 'Emergency';
  readonly resource: string;
  readonly namespace: string;
  readonly environment: string;
  /** Absent without a rotation, as are the reason and the start. */
  readonly trigger?: string;
  readonly actor?: string;
  readonly reason?: string;
  /** Key ids: the signing key before, and the one that was made. */
  readonly from?: string;
  readonly to?: string;
  readonly startedAt?: string;
  /** For a stopped rotation: when that was seen. */
  readonly stoppedAt?: string;
  readonly finishedAt?: string;
  readonly outcome?: string;
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Set for an emergency or a cutover: every user has to sign in again. */
  readonly signInAgain?: true;
  /** For an emergency or a cutover: tokens issued before this time are no longer valid. */
  readonly tokensIssuedBefore?: string;
  /** For an emergency that is over: how long a burnt key may have been accepted after the new one was written. */
  readonly seconds?: number;
  /** Which part of the end was concluded and not observed. */
  readonly inferred?: string;
}

/** The result of an attempt to deliver a message; after `failed` there is no other. */
export const NOTIFICATION_RESULTS = ['delivered', 'retried', 'failed'] as const;
export type NotificationResult = (typeof NOTIFICATION_RESULTS)[number];

/** The resource that the messages are about. */
export interface Subject {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly environment: string;
}

/** A reason may have any length, and receivers would refuse a long one. */
const LONGEST_REASON = 1_024;

/** Length of the date in an ISO time. */
const DATE_LENGTH = 'yyyy-mm-dd'.length;

const short = (reason: string) => (reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason);

/**
 * @param keyset undefined if the Secret cannot be read
 * @param stopped why a rotation has stopped
 * @returns the messages that are due now, oldest first, sent or not
 */
export function messagesOf(
  subject: Subject,
  keyset: Keyset | undefined,
  stopped: Finding | undefined,
  now: number,
): readonly Message[] {
  const { rotation, emergency } = keyset ?? {};
  const messages = [
    ...(emergency === undefined ? [] : emergencyMessages(subject, emergency, rotation)),
    ...(rotation === undefined ? [] : rotationMessages(subject, rotation)),
    ...(stopped === undefined ? [] : [stoppedMessage(subject, rotation, stopped, now)]),
  ];
  return messages.filter((message) => now < newsUntil(message));
}

/** Milliseconds since the epoch after which a message is not sent any more. */
export function newsUntil({ startedAt = '', stoppedAt = startedAt, finishedAt = stoppedAt }: Message): number {
  return Date.parse(finishedAt) + NEWS_MS;
}

function about({ name, namespace, environment }: Subject) {
  return { resource: name, namespace, environment };
}

function rotationMessages(subject: Subject, rotation: RotationRecord): readonly Message[] {
  const { id, trigger, actor, reason, from, to, startedAt, finishedAt, outcome, failure, cutOverAt } = rotation;
  // the end of an emergency has a message of its own
  if (finishedAt === undefined || outcome === undefined || trigger === 'Emergency') return [];
  const message: Message = {
    id: `${id}/${outcome}`,
    event: outcome === 'Completed' ? 'Completed' : 'Failed',
    ...about(subject),
    ...{ trigger, actor, reason: short(reason), from, to, outcome },
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    ...(failure && { failure: { reason: failure.reason, message: failure.message } }),
    ...(cutOverAt !== undefined && { signInAgain: true, tokensIssuedBefore: iso(cutOverAt) }),
    ...defined({ inferred: rotation.inferred }),
  };
  return [message];
}

/** One message a day for each reason, so that a long stop is reported again. */
function stoppedMessage(
  subject: Subject,
  rotation: RotationRecord | undefined,
  { reason: why, message }: Finding,
  now: number,
): Message {
  const own = rotation?.outcome === undefined ? rotation : undefined;
  return {
    id: `${own?.id ?? subject.uid}/Stopped/${why}/${iso(now).slice(0, DATE_LENGTH)}`,
    event: 'Failed',
    ...about(subject),
    ...(own && { trigger: own.trigger, actor: own.actor, reason: short(own.reason), from: own.from, to: own.to }),
    ...(own && { startedAt: iso(own.startedAt) }),
    stoppedAt: iso(now),
    outcome: 'Stopped',
    failure: { reason: why, message },
  };
}

function emergencyMessages(
  subject: Subject,
  emergency: Emergency,
  rotation: RotationRecord | undefined,
): readonly Message[] {
  const { reason, writtenAt, goneAt } = emergency;
  // the next rotation replaces the record of the emergency's rotation; from then on it is unknown who requested it
  const own = rotation?.trigger === 'Emergency' ? rotation : undefined;
  const begun = {
    event: 'Emergency',
    ...about(subject),
    trigger: 'Emergency',
    ...(own && { actor: own.actor }),
    reason: short(reason),
    ...(own && { from: own.from, to: own.to }),
    startedAt: iso(writtenAt),
    signInAgain: true,
    tokensIssuedBefore: iso(writtenAt),
  } as const;
  // a nonce may be any text of any length, so the time of the write identifies the emergency
  const id = `${subject.uid}/${writtenAt}`;
  const written: Message = { id: `${id}/Burnt`, ...begun };
  const seconds = secondsOf(emergency);
  if (goneAt === undefined || seconds === undefined) return [written];
  const { inferred } = emergency;
  const end = { finishedAt: iso(goneAt), outcome: 'Completed', seconds, ...defined({ inferred }) };
  const gone: Message = { id: `${id}/Gone`, ...begun, ...end };
  return [written, gone];
}

/** The message as one sentence or two, for people. */
export function textOf(message: Message): string {
  const { event, namespace, resource, environment, trigger, actor = 'unknown', reason, from, to } = message;
  const head = `rekey: ${namespace}/${resource} (${environment})`;
  const asked = `${trigger} by ${actor}: ${reason}`;
  const { failure, seconds } = message;
  switch (event) {
    case 'Completed':
      return message.signInAgain === true
        ? `${head}: cut over, ${from} → ${to}. Users must sign in again: tokens issued before ${message.tokensIssuedBefore} are no longer valid. ${asked}`
        : `${head}: rotation completed, ${from} → ${to}. ${asked}`;
    case 'Failed':
      if (message.outcome === 'Stopped') {
        const what = trigger === undefined ? '' : `. ${asked}`;
        return `${head}: stopped; rekey writes nothing until this is resolved. ${failure?.reason}: ${failure?.message}${what}`;
      }
      return `${head}: rotation failed (${message.outcome}), ${from} still signs. ${failure?.reason}: ${failure?.message}. ${asked}`;
    case 'Emergency':
      return seconds === undefined
        ? `${head}: EMERGENCY, every key was burnt. Users must sign in again: tokens issued before ${message.tokensIssuedBefore} are no longer valid. ${asked}`
        : `${head}: emergency over, ${refusal(message)} ${seconds} s after the new one was written. ${asked}`;
  }
}

/** @returns the body of the request, which is JSON in both formats */
export function bodyOf(message: Message, format: 'Slack' | 'Json'): string {
  return JSON.stringify(format === 'Json' ? message : { text: escapeSlack(textOf(message)) });
}

/** @see https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
