/**
 * The names that rekey puts on objects: part of the API, see docs/reference.
 */
import { customResource, type ObjectMeta } from '../../kube/types.ts';
import type { JwtKeyRotationSpec, JwtKeyRotationStatus } from './types.ts';

/** A JwtKeyRotation as the API server returns it. */
export interface JwtKeyRotation {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: JwtKeyRotationSpec;
  readonly status?: JwtKeyRotationStatus;
}

export const JWT_KEY_ROTATIONS = customResource<JwtKeyRotation>(
  'rekey.dev/v1alpha1',
  'JwtKeyRotation',
  'jwtkeyrotations',
);

/** The field manager of every write that rekey makes. */
export const FIELD_MANAGER = 'rekey';

/** Annotations by which people ask for something, on the JwtKeyRotation. */
export const REQUEST = {
  rotateAt: 'rekey.dev/rotate-requested-at',
  abortAt: 'rekey.dev/abort-requested-at',
  withdrawAt: 'rekey.dev/withdraw-requested-at',
  paused: 'rekey.dev/paused',
  emergency: 'rekey.dev/emergency',
  contained: 'rekey.dev/compromise-contained',
  canaryCheckAt: 'rekey.dev/canary-check-requested-at',
  appCheckAt: 'rekey.dev/app-check-requested-at',
} as const;

/** Annotation on the JwtKeyRotation: which person wrote which of these, a line for each: {@link askedText}, {@link BY}, user name. */
export const REQUESTED_BY = 'rekey.dev/requested-by';

/** Between what was asked for and who did. An admission policy lets nobody write another name than his own behind it. */
export const BY = ' by ';

/**
 * A name belongs to one request: whoever asks for another one without a name must not get this one.
 *
 * @param value of the annotation; of an emergency its nonce
 * @returns such as `rotate-requested-at=2026-11-25T04:26:17Z`
 */
export function askedText(annotation: string, value: string): string {
  return `${annotation.replace('rekey.dev/', '')}=${value}`;
}

/** How a rotation tells which request it began or ended with: its history is searched for it. */
export function requestText(annotation: string, value: string): string {
  return `${annotation} is ${value}`;
}

/** Annotation on pod templates, and so on pods: the keyset version that the restart is for. */
export const KEYSET_VERSION = 'rekey.dev/keyset-version';

/** Annotation on a Secret that people made: fingerprints, with commas, of retired keys that are to be taken over all the same. */
export const ACCEPT_RETIRED = 'rekey.dev/accept-retired-key';

/** Annotations on the Secret: the whole state of a rotation, by key id and fingerprint, without a key byte. */
export const STATE = {
  version: KEYSET_VERSION,
  phase: 'rekey.dev/phase',
  keys: 'rekey.dev/keys',
  acked: 'rekey.dev/acked',
  history: 'rekey.dev/history',
  rotation: 'rekey.dev/rotation',
  handled: 'rekey.dev/handled',
  attempts: 'rekey.dev/attempts',
  burnt: 'rekey.dev/burnt',
  emergency: 'rekey.dev/last-emergency',
} as const;

/** Data keys of the Secret whose names are not configurable. */
export const DATA = {
  keyId: 'JWT_KEY_ID',
  algorithm: 'JWT_ALGORITHM',
  /** The burnt keys themselves, only until every pod has been seen to refuse them: a crash must not stop that. */
  burnt: 'rekey.dev.burnt',
} as const;

/** kubectl keeps the last applied manifest here, and with it old keys in base64, for ever. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
