/** Talks to the services of examples/remotehive-like: sign in, renew a session, ask for a service token; bearer tokens and a cookie. */
import { Agent, type Dispatcher } from 'undici';
import type { ServiceClient, Verdict } from './client.ts';
import { readToken } from './tokens.ts';

const USER = 'ada@remotehive.test';
const TIMEOUT_MS = 3_000;
/** How much life a session needs to be renewed for certain, milliseconds. */
const ROOM_MS = 2_000;

/** Where a token is shown, by the port of the service. Whoever has no good one gets `refused`. */
interface Place {
  readonly path: string;
  readonly refused: number;
  readonly headers: (token: string) => Readonly<Record<string, string>>;
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const PLACES: Readonly<Record<string, Place>> = {
  8000: { path: '/auth/me', refused: 401, headers: bearer },
  8001: { path: '/api/jobs', refused: 401, headers: bearer },
  3000: { path: '/dashboard', refused: 307, headers: (token) => ({ cookie: `theme=dark; session=${token}` }) },
};

export interface RemotehiveClient extends ServiceClient {
  /** How many sessions were renewed with their refresh token. */
  renewed(): number;
  /** Statuses with which main refused a refresh token that was valid. */
  refusedRenewals(): readonly number[];
}

/** Tokens come in turn from a login, from a session that is renewed, and from a request for a service token. */
export function remotehiveClient(): RemotehiveClient {
  const agent = new Agent({ connections: 16, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const sessions: string[] = [];
  const refused: number[] = [];
  let [turn, renewed] = [0, 0];

  const login = async (url: string): Promise<string | undefined> => {
    const { body } = await post(agent, url, '/auth/login', { email: USER });
    if (body.refresh_token !== undefined) sessions.push(body.refresh_token);
    return body.access_token;
  };
  /** The oldest session that has life enough: its token is signed with the oldest key. */
  const renew = async (url: string): Promise<string | undefined> => {
    const session = sessions.shift();
    if (session === undefined) return login(url);
    const { status, body } = await post(agent, url, '/auth/refresh', { refresh_token: session });
    const isValid = readToken(session).exp * 1_000 > Date.now() + 1_000;
    if (status === 401 && isValid) refused.push(status);
    if (body.access_token === undefined) return undefined;
    renewed++;
    if (isValid) sessions.push(session);
    return body.access_token;
  };
  return {
    issue: async (url) => {
      while (sessions[0] !== undefined && readToken(sessions[0]).exp * 1_000 < Date.now() + ROOM_MS) sessions.shift();
      const ways = [login, renew, renew, (at: string) => serviceToken(agent, at)];
      return ways[turn++ % ways.length]?.(url).catch(() => undefined);
    },
    verify: (url, token) => verify(agent, url, token),
    close: () => agent.close(),
    renewed: () => renewed,
    refusedRenewals: () => [...refused],
  };
}

const serviceToken = async (agent: Dispatcher, url: string): Promise<string | undefined> =>
  (await post(agent, url, '/auth/service-token', { name: 'scraper' })).body.access_token;

async function post(agent: Dispatcher, origin: string, path: string, sent: object) {
  const headers = { 'content-type': 'application/json' };
  const { statusCode, body } = await agent.request({
    ...{ origin, path, method: 'POST', headers },
    body: JSON.stringify(sent),
  });
  const text = await body.text();
  const read: Readonly<Partial<Record<string, string>>> = statusCode === 200 ? JSON.parse(text) : {};
  return { status: statusCode, body: read };
}

async function verify(agent: Dispatcher, origin: string, token: string): Promise<Verdict> {
  const place = PLACES[new URL(origin).port];
  if (place === undefined) throw new Error(`no service of remotehive has the port of ${origin}`);
  try {
    const { path, headers, refused } = place;
    const { statusCode, body } = await agent.request({ origin, path, method: 'GET', headers: headers(token) });
    await body.dump();
    if (statusCode === refused) return { outcome: 'refused', status: statusCode, error: undefined };
    return statusCode === 200 ? { outcome: 'accepted' } : { outcome: 'unavailable', cause: `HTTP ${statusCode}` };
  } catch (error) {
    return { outcome: 'unavailable', cause: error instanceof Error ? error.name : 'unknown' };
  }
}
