import { Agent, type Dispatcher } from 'undici';

/** What one pod said of one token. `unavailable` is no verdict: it gave none. */
export type Verdict =
  | { readonly outcome: 'accepted' }
  | { readonly outcome: 'refused'; readonly status: number; readonly error: string | undefined }
  | { readonly outcome: 'unavailable'; readonly cause: string };

/** Talks to the example services over one pool of keep-alive connections. */
export interface ServiceClient {
  /** @returns a fresh token, or undefined when the pod gave none */
  issue(url: string, ttlSeconds: number): Promise<string | undefined>;
  verify(url: string, token: string): Promise<Verdict>;
  close(): Promise<void>;
}

/** How long one request may take, in milliseconds. A pod that needs longer counts as unavailable. */
const TIMEOUT_MS = 3_000;

/** @param path the protected path that verifies a bearer token */
export function serviceClient(path = '/auth/verify'): ServiceClient {
  const agent = newAgent();
  return {
    issue: (url, ttlSeconds) => issue(agent, url, ttlSeconds),
    verify: (url, token) => verify(agent, url, path, token),
    close: () => agent.close(),
  };
}

/**
 * Asks one pod whether it accepts a token, over a connection of its own: a kept one could belong to a process that had
 * the address before.
 *
 * @param url origin of the pod
 * @returns `unknown` when the pod gave no verdict
 */
export async function accepts(
  url: string,
  token: string,
  path = '/auth/verify',
): Promise<'accepted' | 'refused' | 'unknown'> {
  const agent = newAgent();
  try {
    const { outcome } = await verify(agent, url, path, token);
    return outcome === 'unavailable' ? 'unknown' : outcome;
  } finally {
    await agent.destroy();
  }
}

function newAgent(): Agent {
  return new Agent({
    connections: 16,
    connect: { timeout: TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
}

async function issue(agent: Dispatcher, origin: string, ttlSeconds: number): Promise<string | undefined> {
  try {
    const { statusCode, body } = await agent.request({ origin, path: `/auth/token?ttl=${ttlSeconds}`, method: 'POST' });
    const answer: unknown = await body.json();
    const token = typeof answer === 'object' && answer !== null && 'token' in answer ? answer.token : undefined;
    return statusCode === 200 && typeof token === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Redirects are not followed: they are no verdict of this pod. */
async function verify(agent: Dispatcher, origin: string, path: string, token: string): Promise<Verdict> {
  try {
    const headers = { authorization: `Bearer ${token}` };
    const { statusCode, body } = await agent.request({ origin, path, method: 'GET', headers });
    if (statusCode === 401 || statusCode === 403) {
      return { outcome: 'refused', status: statusCode, error: errorOf(await body.text()) };
    }
    await body.dump();
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'accepted' };
    return { outcome: 'unavailable', cause: `HTTP ${statusCode}` };
  } catch (error) {
    return { outcome: 'unavailable', cause: causeOf(error) };
  }
}

function errorOf(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
