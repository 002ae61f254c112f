import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose/jwt/sign';

/** What a test wants in a token that it signs itself. */
export interface TokenRequest {
  /** The key as text; its UTF-8 bytes are the HMAC key. */
  readonly key: string;
  readonly kid?: string;
  /** Life from now on, in seconds. Negative for a token that has expired. Default 30. */
  readonly ttlSeconds?: number;
  readonly subject?: string;
  readonly issuer?: string;
  readonly audience?: string;
  /** Further claims; they win over the ones above. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly algorithm?: 'HS256' | 'HS384' | 'HS512';
}

/** What can be read from a token without a key; times in seconds since the epoch. */
export interface TokenFacts {
  readonly kid: string | undefined;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** Signs a token with a key that the test knows, for questions such as "does this pod still accept the old key?". */
export async function signToken(request: TokenRequest): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    sub: request.subject ?? 'rekey-test',
    jti: randomUUID(),
    iat,
    exp: iat + (request.ttlSeconds ?? 30),
    ...(request.issuer === undefined ? {} : { iss: request.issuer }),
    ...(request.audience === undefined ? {} : { aud: request.audience }),
    ...request.claims,
  };
  const kid = request.kid === undefined ? {} : { kid: request.kid };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: request.algorithm ?? 'HS256', typ: 'JWT', ...kid })
    .sign(new TextEncoder().encode(request.key));
}

/**
 * Reads a token without verifying it: the traffic has no keys.
 *
 * @throws TypeError when the text is not a token with jti, iat and exp
 */
export function readToken(token: string): TokenFacts {
  const [header, payload] = token.split('.', 2).map(decodePart);
  const { kid } = header ?? {};
  const { jti, iat, exp } = payload ?? {};
  if (typeof jti !== 'string' || typeof iat !== 'number' || typeof exp !== 'number') {
    throw new TypeError('a token of the traffic needs jti, iat and exp');
  }
  return { kid: typeof kid === 'string' ? kid : undefined, jti, iat, exp };
}

function decodePart(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
