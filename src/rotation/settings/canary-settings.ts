/**
 * How a service is asked whether it accepts a token, and what its tokens claim. What an absent field means is said here.
 */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';

/** Of a token, by name; any JSON. */
export type Claims = Readonly<Record<string, unknown>>;

/** Where a body has the token. */
export const TOKEN_PLACE = '$(TOKEN)';

/** Claims that rekey sets: with another value a canary would live longer than it should. */
export const RESERVED_CLAIMS = ['exp', 'iat', 'nbf'] as const;

/** Part of the request that takes the token. */
export type TokenPlace =
  | { readonly in: 'Header'; readonly name: string; readonly prefix: string }
  | { readonly in: 'Cookie'; readonly name: string }
  | { readonly in: 'Body' };

/** A value at a place of a JSON document. */
export interface Check {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string;
  /** Absent: whatever is there and is not null. */
  readonly value?: unknown;
}

/** What an answer means, besides 2xx and 401. */
export interface AnswerMeaning {
  readonly acceptStatuses: readonly number[];
  readonly refuseStatuses: readonly number[];
  /** Looked at where the status means accepted. */
  readonly response?: { readonly accepted: Check; readonly refused?: Check };
}

/** A request for a token, wherever it goes. */
export interface RequestForm {
  readonly method: 'GET' | 'POST';
  readonly token: TokenPlace;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Host header, and the name in the certificate. */
  readonly host?: string;
  readonly body?: string;
  /** Of the body. */
  readonly contentType: string;
  /** Whether whoever answers may have any certificate. */
  readonly insecureSkipTLSVerify: boolean;
}

/** How the pods of a target are asked. */
export interface CanarySettings extends RequestForm, AnswerMeaning {
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly path: string;
  /** By number, or by the name that a container gives it. */
  readonly port: number | string;
  readonly claims: Claims;
}

type SpecCanary = NonNullable<JwtKeyRotationSpec['targets'][number]['canary']>;

/** Fields of a request that may be absent, as people write them. */
export type WrittenForm = Partial<
  Pick<
    SpecCanary,
    | 'method'
    | 'token'
    | 'headers'
    | 'host'
    | 'body'
    | 'contentType'
    | 'insecureSkipTLSVerify'
    | 'acceptStatuses'
    | 'refuseStatuses'
    | 'response'
  >
>;

/** @returns the request and the meaning of its answer, each absent field filled in */
export function formOf(written: WrittenForm): RequestForm & AnswerMeaning {
  const { host, body, response } = written;
  return {
    method: written.method ?? 'GET',
    token: placeOf(written.token),
    headers: written.headers ?? [],
    ...defined({ host, body }),
    contentType: written.contentType ?? 'application/json',
    insecureSkipTLSVerify: written.insecureSkipTLSVerify ?? false,
    acceptStatuses: written.acceptStatuses ?? [],
    refuseStatuses: written.refuseStatuses ?? [],
    ...defined({ response }),
  };
}

function placeOf({ in: part = 'Header', name = 'Authorization', prefix }: WrittenForm['token'] = {}): TokenPlace {
  if (part === 'Body') return { in: part };
  if (part === 'Cookie') return { in: part, name };
  return { in: part, name, prefix: prefix ?? (name.toLowerCase() === 'authorization' ? 'Bearer' : '') };
}

/** @param claims of all targets; those of this one replace them by name */
export function canaryOf(written: SpecCanary, claims: Claims): CanarySettings {
  const { path, port, scheme = 'HTTP' } = written;
  return { ...formOf(written), scheme, path, port, claims: { ...claims, ...written.claims } };
}

/** @returns the claims of a canary under the names that a token has for them */
export function claimsOf({ issuer, audience, claims }: { issuer?: string; audience?: string; claims: Claims }): Claims {
  return { ...(issuer && { iss: issuer }), ...(audience && { aud: audience }), ...claims };
}
