/** The answer of an example service. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** GET /auth/verify, with the token as bearer where there is one. */
export function verify(url: string, token?: string): Promise<Answer> {
  return send(`${url}/auth/verify`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
}

/** POST /auth/token, `query` such as `?ttl=5`. */
export function issue(url: string, query = ''): Promise<Answer> {
  return send(`${url}/auth/token${query}`, { method: 'POST' });
}

/** A token that the service has just signed. */
export async function issuedToken(url: string, query = ''): Promise<string> {
  const { status, body } = await issue(url, query);
  if (status !== 200 || typeof body.token !== 'string') throw new Error(`no token: ${status}`);
  return body.token;
}

/** Any request. */
export async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, body: { ...JSON.parse(await response.text()) }, headers: response.headers };
}
