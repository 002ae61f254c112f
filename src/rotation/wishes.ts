/** What people and the schedule ask for. */
import type { Finding } from './api/finding.ts';
import type { Trigger } from './keyset/keyset.ts';

/** `rekey.dev/emergency: "<nonce>: <reason>"`. */
export interface EmergencyRequest {
  readonly nonce: string;
  readonly reason: string;
  readonly actor: string;
  /** Whether it was set by itself, not as part of the manifest of the resource. */
  readonly apart?: boolean;
  /** Whether the status says that it was served. Used when the Secret can no longer be read. */
  readonly handled: boolean;
}

/** What people request by annotation and spec, and who they are. */
export interface Requests {
  readonly rotateAt?: string;
  readonly rotateActor?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly rotateApart?: boolean;
  readonly abortAt?: string;
  /** Who requested to go back, if that is known. */
  readonly abortActor?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly abortApart?: boolean;
  readonly withdrawAt?: string;
  /** As {@link EmergencyRequest.apart}. */
  readonly withdrawApart?: boolean;
  /** Who wrote `spec.forceRotation.reason`. */
  readonly forceActor?: string;
  readonly emergency?: EmergencyRequest;
  /** Set while a person has paused everything. */
  readonly paused?: Finding;
}

/** A rotation that a person or the schedule wants. */
export interface Wanted {
  readonly trigger: Trigger;
  readonly actor: string;
  readonly reason: string;
}
