import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  envKeyring,
  KeyringError,
  type KeyringSource,
  type KeyringVariables,
  mountedKeyring,
  type Reload,
  TokenRefused,
  type TokenRules,
} from '../../../keyring/node/src/index.ts';
import { type JoseTokens, joseTokens } from '../../../keyring/node/src/jose.ts';

/**
 * The example service, one program for every role. Settings come from the environment:
 *
 * | Name | Meaning | Default |
 * |---|---|---|
 * | `SERVICE_NAME` | name in logs and in `sub` | `example` |
 * | `POD_IP`, `HOST`, `PORT` | listens on `POD_IP`, else `HOST`; port 0 takes a free one | `0.0.0.0`, 8000 |
 * | `ROLE` | `signer`, `verifier` or `both` | `both` |
 * | `TOKEN_TTL_SECONDS` | the longest life of a token that it signs | 3600 |
 * | `JWT_ISSUER`, `JWT_AUDIENCE` | written and checked when set | – |
 * | `JWT_LEEWAY_SECONDS` | tolerated clock difference | 60 |
 * | `PRESTOP_SECONDS` | goes on serving this long after SIGTERM | 0.5 |
 * | `KEYSET_DIR` | where the Secret is mounted; the environment holds the keys if absent | – |
 * | `KEY_MODE` | `single` ignores the fallbacks | – |
 */
interface Settings {
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly signs: boolean;
  readonly verifies: boolean;
  readonly tokenTtlSeconds: number;
  readonly prestopSeconds: number;
  readonly rules: TokenRules;
}

interface State {
  readonly settings: Settings;
  readonly tokens: JoseTokens;
  stopping: boolean;
}

await main(process.env).catch((error: unknown) => {
  if (!(error instanceof KeyringError) && !(error instanceof RangeError)) throw error;
  process.stderr.write(`cannot start: ${error.message}\n`);
  process.exitCode = 1;
});

async function main(env: KeyringVariables): Promise<void> {
  const settings = readSettings(env);
  const tokens = joseTokens(keyringFrom(env, settings), settings.rules);
  const state: State = { settings, tokens, stopping: false };
  const server = createServer((request, response) => {
    handle(state, request, response).catch((error: unknown) => {
      log(settings, 'request failed', { error: error instanceof Error ? error.message : 'unknown' });
      if (!response.headersSent) answer(state, response, 500, { error: 'internal' });
    });
  });
  server.listen(settings.port, settings.host, 1024, () => {
    const { address, port } = server.address() as AddressInfo;
    log(settings, 'listening', { url: `http://${address}:${port}` });
  });
  server.on('error', (error) => {
    process.stderr.write(`cannot start: ${error.message}\n`);
    process.exit(1);
  });
  process.on('SIGTERM', () => stop(state, server));
}

/** Weak keys are taken: a service must run with the key that it has until rekey has rotated it away. */
function keyringFrom(env: KeyringVariables, settings: Settings): KeyringSource {
  const options = { algorithm: 'HS256', allowWeakKeys: true } as const;
  const onReload = (reload: Reload): void => {
    if ('error' in reload) log(settings, 'keyset not reloaded', { error: reload.error.message });
    else log(settings, 'keyset reloaded', {});
  };
  const keyring = env.KEYSET_DIR ? mountedKeyring(env.KEYSET_DIR, { ...options, onReload }) : envKeyring(options, env);
  return env.KEY_MODE === 'single' ? withoutFallbacks(keyring) : keyring;
}

/** The fault that the tests need, not something to copy. */
function withoutFallbacks(keyring: KeyringSource): KeyringSource {
  return () => {
    const { algorithm, keys } = keyring();
    return { algorithm, keys: [keys[0]] };
  };
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://service');
  request.resume();
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /healthz':
      return answer(state, response, state.stopping ? 503 : 200, { status: state.stopping ? 'stopping' : 'ok' });
    case 'POST /auth/token':
      if (state.settings.signs) return issue(state, url.searchParams, response);
      break;
    case 'GET /auth/verify':
      if (state.settings.verifies) return verify(state, request.headers.authorization, response);
      break;
  }
  answer(state, response, 404, { error: 'not_found' });
}

/** Signs a token for anybody who asks: a real service authenticates the caller first. */
async function issue(state: State, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const { settings } = state;
  const wanted = query.has('ttl') ? Number(query.get('ttl')) : settings.tokenTtlSeconds;
  if (!Number.isFinite(wanted) || wanted < 1) return answer(state, response, 400, { error: 'bad_ttl' });
  // Never above the limit: the time that a retired key stays accepted is counted from it.
  const ttlSeconds = Math.floor(Math.min(wanted, settings.tokenTtlSeconds));
  const sub = query.get('sub') ?? `${settings.service}-user`;
  const token = await state.tokens.sign({ sub, jti: randomUUID() }, ttlSeconds);
  answer(state, response, 200, { token });
}

async function verify(state: State, authorization: string | undefined, response: ServerResponse): Promise<void> {
  const token = /^Bearer ([^ ]+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return refuse(state, response, 'missing_token');
  try {
    const { sub, jti, iat, exp } = await state.tokens.verify(token);
    answer(state, response, 200, { sub, jti, iat, exp });
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    refuse(state, response, error.code);
  }
}

function refuse(state: State, response: ServerResponse, error: string): void {
  response.setHeader('www-authenticate', 'Bearer');
  answer(state, response, 401, { error });
}

function answer(state: State, response: ServerResponse, status: number, body: Record<string, unknown>): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    // A stopping service asks keep-alive clients to go elsewhere, or they would meet a closed connection.
    ...(state.stopping ? { connection: 'close' } : {}),
  });
  response.end(text);
}

/** Fails the health check, serves on while endpoints are withdrawn, then ends once the last request is answered. */
function stop(state: State, server: Server): void {
  if (state.stopping) return;
  state.stopping = true;
  log(state.settings, 'stopping', {});
  setTimeout(() => server.close(() => process.exit(0)), state.settings.prestopSeconds * 1000);
}

/** @throws RangeError when a setting cannot be used */
function readSettings(env: KeyringVariables): Settings {
  const role = env.ROLE || 'both';
  if (!['signer', 'verifier', 'both'].includes(role)) throw new RangeError('ROLE is not signer, verifier or both');
  return {
    service: env.SERVICE_NAME || 'example',
    host: env.POD_IP || env.HOST || '0.0.0.0',
    port: number(env, 'PORT', 8000),
    signs: role !== 'verifier',
    verifies: role !== 'signer',
    tokenTtlSeconds: number(env, 'TOKEN_TTL_SECONDS', 3600),
    prestopSeconds: number(env, 'PRESTOP_SECONDS', 0.5),
    rules: {
      leewaySeconds: number(env, 'JWT_LEEWAY_SECONDS', 60),
      ...(env.JWT_ISSUER ? { issuer: env.JWT_ISSUER } : {}),
      ...(env.JWT_AUDIENCE ? { audience: env.JWT_AUDIENCE } : {}),
    },
  };
}

function number(env: KeyringVariables, name: string, fallback: number): number {
  const value = env[name] ? Number(env[name]) : fallback;
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} is not a number of zero or more`);
  return value;
}

function log(settings: Settings, event: string, details: Record<string, string>): void {
  process.stdout.write(`${JSON.stringify({ service: settings.service, event, ...details })}\n`);
}
