/** admin: a web application. The token is in a cookie, and whoever has no good one is sent to the login page. */
import { createServer } from 'node:http';

// TOKENS=keyring switches to the keyring library, so that both can be tried with one image
const { verify } = await import(process.env.TOKENS === 'keyring' ? './tokens-keyring.mjs' : './tokens.mjs');
/** Stands for the table of users. */
const USERS = (process.env.USERS ?? '').split(',');

function userOf({ headers }) {
  const [, token = ''] = /(?:^|; )session=([^;]+)/.exec(headers.cookie ?? '') ?? [];
  try {
    const { sub } = verify(token);
    return USERS.includes(sub) ? sub : undefined;
  } catch {
    return undefined;
  }
}

let stopping = false;
const server = createServer((request, response) => {
  // or a client that keeps its connection would keep the pod, too
  if (stopping) response.setHeader('connection', 'close');
  const { pathname } = new URL(request.url ?? '/', 'http://admin');
  if (pathname === '/api/health' || pathname === '/login') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(pathname);
    return;
  }
  const user = userOf(request);
  if (user === undefined) response.writeHead(307, { location: `/login?next=${pathname}` }).end();
  else response.writeHead(200, { 'content-type': 'text/plain' }).end(`Hello ${user}`);
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0');
process.on('SIGTERM', () => {
  stopping = true;
  server.close(() => process.exit(0));
});
