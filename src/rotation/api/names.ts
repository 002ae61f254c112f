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

/** Annotations on the JwtKeyRotation by which people request something. */
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

/**
 * Annotation on the JwtKeyRotation that records who made which request. Each line is {@link askedText}, {@link BY} and
 * the user name.
 */
export const REQUESTED_BY = 'rekey.dev/requested-by';

/** Separates the request from the user name. An admission policy lets people write only their own name after it. */
export const BY = ' by ';

/**
 * A name belongs to one request: a later request without a name must not get it.
 *
 * @param value of the annotation; for an emergency, its nonce
 * @returns such as `rotate-requested-at=2026-11-25T04:26:17Z`
 */
export function askedText(annotation: string, value: string): string {
  return `${annotation.replace('rekey.dev/', '')}=${value}`;
}

/** How a rotation records the request that began or ended it. People search the history for this text. */
export function requestText(annotation: string, value: string): string {
  return `${annotation} is ${value}`;
}

/** Annotation on pod templates, and so on pods: the keyset version that the restart is for. */
export const KEYSET_VERSION = 'rekey.dev/keyset-version';

/**
 * Annotation on a Secret that people made: fingerprints, separated by commas, of retired keys that rekey should adopt
 * anyway.
 */
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
  /** The bytes of burnt keys, until every pod has refused them: rekey must be able to ask after a crash, too. */
  burnt: 'rekey.dev.burnt',
} as const;

/** kubectl keeps the last applied manifest here for ever, with old keys in base64. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
