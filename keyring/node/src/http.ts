/** A token of an HTTP request, for express, fastify and Next. Each helper answers 401 by itself. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Claims, TokenRefused } from './claims.ts';

/** Where a request has its token: `Authorization: Bearer`, and if there is none, a cookie. */
export interface TokenPlace {
  /** Name of the cookie. Without it cookies are not looked at. A cookie needs protection against CSRF besides. */
  readonly cookie?: string;
}

/** What the entry points for jose and jsonwebtoken return. */
interface Verifier {
  verify(token: string): Claims | Promise<Claims>;
}

type Outcome = { readonly claims: Claims } | { readonly error: string };

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const accepted = new WeakMap<object, Claims>();

/** @param request that one of the helpers has let through @returns the claims of its token; undefined for any other request */
export function claimsOf(request: object): Claims | undefined {
  return accepted.get(request);
}

/** @returns a middleware for express, and for `node:http` */
export function expressMiddleware(tokens: Verifier, place: TokenPlace = {}) {
  return async (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
    try {
      const outcome = await judge(tokens, request, fromHeaders(request.headers, place));
      if ('claims' in outcome) return next();
      response.writeHead(401, { ...CHALLENGE, 'content-type': 'application/json' });
      response.end(JSON.stringify(outcome));
    } catch (error) {
      next(error);
    }
  };
}

/** As much of a fastify reply as is used. */
interface Reply {
  code(status: number): Reply;
  headers(values: Record<string, string>): Reply;
  send(body: unknown): unknown;
}

/** @returns a hook for fastify: `onRequest` or `preHandler` */
export function fastifyHook(tokens: Verifier, place: TokenPlace = {}) {
  return async (request: { readonly headers: IncomingHttpHeaders }, reply: Reply): Promise<unknown> => {
    const outcome = await judge(tokens, request, fromHeaders(request.headers, place));
    if ('claims' in outcome) return undefined;
    return reply.code(401).headers(CHALLENGE).send(outcome);
  };
}

/** @returns a route handler of Next that runs for good tokens only; needs the Node.js runtime */
export function nextRoute<R extends Request, C>(
  tokens: Verifier,
  handler: (request: R, context: C) => Response | Promise<Response>,
  place: TokenPlace = {},
): (request: R, context: C) => Promise<Response> {
  const check = nextMiddleware(tokens, place);
  return async (request, context) => (await check(request)) ?? handler(request, context);
}

/**
 * @returns a middleware (proxy) of Next: 401, or undefined, with which Next goes on. It needs the Node.js runtime, and what runs
 * behind it gets no claims of it: {@link nextRoute} does
 */
export function nextMiddleware(tokens: Verifier, place: TokenPlace = {}) {
  return async (request: Request): Promise<Response | undefined> => {
    const { headers } = request;
    const found = {
      authorization: headers.get('authorization') ?? undefined,
      cookie: headers.get('cookie') ?? undefined,
    };
    const outcome = await judge(tokens, request, fromHeaders(found, place));
    return 'claims' in outcome ? undefined : Response.json(outcome, { status: 401, headers: CHALLENGE });
  };
}

async function judge(tokens: Verifier, request: object, token: string | undefined): Promise<Outcome> {
  if (token === undefined) return { error: 'missing_token' };
  try {
    const claims = await tokens.verify(token);
    accepted.set(request, claims);
    return { claims };
  } catch (error) {
    if (error instanceof TokenRefused) return { error: error.code };
    throw error;
  }
}

function fromHeaders(
  headers: { readonly authorization?: string | undefined; readonly cookie?: string | undefined },
  { cookie }: TokenPlace,
): string | undefined {
  if (headers.authorization !== undefined) return /^Bearer ([^ ]+)$/i.exec(headers.authorization)?.[1];
  if (cookie === undefined) return undefined;
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${cookie}=`))?.slice(cookie.length + 1) || undefined;
}
