/** How to ask a service whether it accepts a token, and the claims of its tokens. The defaults of absent fields are here. */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';

/** Claims of a token by name; any JSON. */
export type Claims = Readonly<Record<string, unknown>>;

/** Marks the place of the token in a body. */
export const TOKEN_PLACE = '$(TOKEN)';

/** Claims that rekey sets: with another value a canary would be valid for too long. */
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
  /** Absent: every value but null. */
  readonly value?: unknown;
}

/** What an answer means, besides 2xx and 401. */
export interface AnswerMeaning {
  readonly acceptStatuses: readonly number[];
  readonly refuseStatuses: readonly number[];
  /** Checks of the body, used if the status means accepted. */
  readonly response?: { readonly accepted: Check; readonly refused?: Check };
}

/** A request with a token, without its address. */
export interface RequestForm {
  readonly method: 'GET' | 'POST';
  readonly token: TokenPlace;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** The Host header, and the name to expect in the certificate. */
  readonly host?: string;
  readonly body?: string;
  /** Content type of the body. */
  readonly contentType: string;
  /** Whether to accept any certificate of the server. */
  readonly insecureSkipTLSVerify: boolean;
}

/** How the pods of a target are asked. */
export interface CanarySettings extends RequestForm, AnswerMeaning {
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly path: string;
  /** A number, or the name of a container port. */
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

/** @returns the request and the meaning of its answer, with all defaults */
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

/** @param claims of all targets; those of this target override them by name */
export function canaryOf(written: SpecCanary, claims: Claims): CanarySettings {
  const { path, port, scheme = 'HTTP' } = written;
  return { ...formOf(written), scheme, path, port, claims: { ...claims, ...written.claims } };
}

/** @returns the claims of a canary under their names in a token */
export function claimsOf({ issuer, audience, claims }: { issuer?: string; audience?: string; claims: Claims }): Claims {
  return { ...(issuer && { iss: issuer }), ...(audience && { aud: audience }), ...claims };
}
