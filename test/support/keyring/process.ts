/**
 * The keyring library for Node behind JSON lines, one answer for each request in turn. Argument: jose or jsonwebtoken. The programs
 * for Python (process.py) and Go (go/main.go) answer the same:
 *
 * | op | what it does |
 * |---|---|
 * | `load`, `mount` | reads the keyring `name` from `env`, or from `dir`, with weak keys if `weak`, with `algorithm` pinned: `variable` and `error` if it cannot |
 * | `sign` | a `token` with `claims` for `ttl` seconds |
 * | `verify` | the `claims` of `token`, or `code` and `error` |
 * | `info` | what the keyring shows of itself: `info`, `metric`, the `reports` of reloads |
 * | `http` | asks a server with the middleware of `framework`: `status`, `challenge` and `body` |
 * | `bench` | verifies all `tokens`: `seconds` |
 * | `bare` | the same with the JWT library alone, one `key` and the checks of the claims that it has |
 *
 * `rules` are those of tokens.
 */
import { createSecretKey } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import fastify from 'fastify';
import { jwtVerify } from 'jose/jwt/verify';
import jwt from 'jsonwebtoken';
import {
  claimsOf,
  expressMiddleware,
  fastifyHook,
  KeyringError,
  type KeyringSource,
  keyInfo,
  keyInfoMetric,
  mountedKeyring,
  nextMiddleware,
  nextRoute,
  readKeyring,
  TokenRefused,
  type TokenRules,
} from '../../../keyring/node/src/index.ts';
import { type JoseTokens, joseTokens } from '../../../keyring/node/src/jose.ts';
import { type JsonWebTokens, jsonWebTokens } from '../../../keyring/node/src/jsonwebtoken.ts';
import type { Answer, Request as Asked, HttpRequest } from './crew.ts';

/** As much of express as is used: its types are a package of their own. */
type Express = RequestListener & { use(middleware: unknown): void; get(path: string, handler: unknown): void };
const express = createRequire(import.meta.url)('express') as () => Express;

type Tokens = JoseTokens | JsonWebTokens;

const makeTokens: (source: KeyringSource, rules: TokenRules) => Tokens =
  process.argv[2] === 'jose' ? joseTokens : jsonWebTokens;
const rings = new Map<string, { readonly source: KeyringSource; readonly reports: string[] }>();

async function handle(request: Asked): Promise<Answer> {
  try {
    return await answer(request);
  } catch (error) {
    if (error instanceof TokenRefused) return { code: error.code, error: error.message };
    if (error instanceof KeyringError) return { variable: error.variable, error: error.message };
    if (error instanceof RangeError) return { error: error.message };
    throw error;
  }
}

async function answer(request: Asked): Promise<Answer> {
  if (request.op === 'load' || request.op === 'mount') return open(request);
  const { source, reports } = rings.get(request.name)!;
  if (request.op === 'info') {
    const keyring = source();
    const printed = `${inspect(keyring, { depth: 9, showHidden: true })} ${JSON.stringify(keyring)}`;
    return { info: keyInfo(keyring), metric: keyInfoMetric(keyring), reports, printed };
  }
  if (request.op === 'bare') return { seconds: await timed(request.tokens, bare(request.key)) };
  const tokens = makeTokens(source, request.rules ?? {});
  if (request.op === 'sign') return { token: await tokens.sign(request.claims, request.ttl) };
  if (request.op === 'verify') return { claims: await tokens.verify(request.token) };
  if (request.op === 'http') return FRAMEWORKS[request.framework]!(tokens, request);
  return { seconds: await timed(request.tokens, (token) => tokens.verify(token)) };
}

async function timed(tokens: readonly string[], verify: (token: string) => unknown): Promise<number> {
  const start = performance.now();
  for (const token of tokens) await verify(token);
  return (performance.now() - start) / 1000;
}

/** As their own documentation has it. */
function bare(text: string): (token: string) => unknown {
  if (process.argv[2] !== 'jose') {
    const key = createSecretKey(Buffer.from(text));
    return (token) => jwt.verify(token, key, { algorithms: ['HS256'], clockTolerance: 60 });
  }
  const key = crypto.subtle.importKey('raw', Buffer.from(text), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const options = { algorithms: ['HS256'], requiredClaims: ['exp'], clockTolerance: 60 };
  return async (token) => jwtVerify(token, await key, options);
}

function open(request: Extract<Asked, { readonly op: 'load' | 'mount' }>): Answer {
  const reports: string[] = [];
  const options = {
    allowWeakKeys: request.weak ?? false,
    ...(request.algorithm !== undefined && { algorithm: request.algorithm }),
  };
  if (request.op === 'mount') {
    const onReload = (reload: object): void => {
      source(); // a report may ask for the keys
      reports.push('error' in reload ? (reload.error as Error).message : 'reloaded');
    };
    const source = mountedKeyring(request.dir, { ...options, onReload });
    rings.set(request.name, { reports, source });
  } else {
    const keyring = readKeyring(request.env, options);
    rings.set(request.name, { reports, source: () => keyring });
  }
  return { ok: true };
}

const FRAMEWORKS: Readonly<Record<string, (tokens: Tokens, request: HttpRequest) => Promise<Answer>>> = {
  async express(tokens, request) {
    const app = express();
    app.use(expressMiddleware(tokens, place(request)));
    app.get('/', (asked: object, response: { json(body: unknown): void }) => response.json(claimsOf(asked)?.sub));
    await using server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return outcome(await fetch(`http://127.0.0.1:${port}/`, { headers: { ...request.headers, connection: 'close' } }));
  },
  async fastify(tokens, request) {
    const app = fastify();
    app.addHook('onRequest', fastifyHook(tokens, place(request)));
    app.get('/', async (asked) => JSON.stringify(claimsOf(asked)?.sub));
    const { statusCode, headers, body } = await app.inject({ url: '/', headers: request.headers });
    await app.close();
    return { status: statusCode, challenge: String(headers['www-authenticate'] ?? ''), body };
  },
  async 'next route'(tokens, request) {
    const route = nextRoute(tokens, (asked) => Response.json(claimsOf(asked)?.sub), place(request));
    return outcome(await route(webRequest(request), {}));
  },
  async 'next middleware'(tokens, request) {
    const refusal = await nextMiddleware(tokens, place(request))(webRequest(request));
    return outcome(refusal ?? Response.json('ada'));
  },
};

function place({ cookie }: HttpRequest): { readonly cookie?: string } {
  return cookie === undefined ? {} : { cookie };
}

function webRequest({ headers }: HttpRequest): Request {
  return new Request('http://service/', { headers });
}

async function outcome(response: Response): Promise<Answer> {
  const { status, headers } = response;
  return { status, challenge: headers.get('www-authenticate') ?? '', body: (await response.text()).trim() };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await handle(JSON.parse(line)))}\n`);
}
