/**
 * The receivers of spec.notifications.
 */
import type { JwtKeyRotationSpec } from '../api/types.ts';
import type { Message } from './notifications.ts';

/** One entry of spec.notifications, with the defaults filled in. */
export type Receiver = Required<NonNullable<JwtKeyRotationSpec['notifications']>[number]>;

/** The CRD can set no default inside a list, so the meaning of an absent field is set here. */
export function receiversOf({ notifications = [] }: JwtKeyRotationSpec): readonly Receiver[] {
  return notifications.map((receiver) => ({
    type: 'Webhook',
    format: 'Json',
    on: ['Failed', 'Emergency'],
    ...receiver,
  }));
}

/**
 * A receiver may move to another place in the list: its address and its format identify it.
 *
 * @returns the name of this message to this receiver, as status.notified lists it
 */
export function deliveryId(message: Message, { format, urlFrom: { secretKeyRef } }: Receiver): string {
  return `${message.id} ${format} ${secretKeyRef.name}/${secretKeyRef.key}`;
}
