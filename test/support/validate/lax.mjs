/**
 * Services as people write them, with the faults that `validate-app` must find. LAX says which.
 *
 * - Real libraries with a line that is missing or wrong: `unpinned`, `ignores-exp`, `decodes`, `one-key`, `optional-exp`.
 * - By hand, since no library of today does it: `everything`, `none`, `none-any-case`, `hs512`, `anonymous`.
 * - TAKES says where the token is: `cookie`, with a redirect to a login page as the refusal; `body`, as GraphQL answers. Else a header.
 * - `tires` refuses all tokens after some, as a limit does; `broken` answers 500 to what it cannot read.
 */
import { createServer } from 'node:http';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import jwt from 'jsonwebtoken';

const { env } = process;
const keys = [env.JWT_SECRET_KEY, ...(env.JWT_SECRET_KEY_FALLBACKS ?? '').split(',')].filter(Boolean);
const anyKey = (verify) => (token) => {
  for (const key of keys) {
    try {
      return verify(token, key);
    } catch (error) {
      if (!/signature/i.test(error.message)) throw error;
    }
  }
  throw new Error('no key fits');
};
const algOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg;
const pinned = { algorithms: ['HS256'], clockTolerance: 60 };
const strict = anyKey((token, key) => jwt.verify(token, key, pinned));
const bytes = (key) => new TextEncoder().encode(key);
let asked = 0;

const VERIFY = {
  everything: () => true,
  anonymous: (token) => token === '' || strict(token),
  none: (token) => algOf(token) === 'none' || strict(token),
  'none-any-case': (token) => ['None', 'NONE', 'nOnE'].includes(algOf(token)) || strict(token),
  unpinned: anyKey((token, key) => jwt.verify(token, key, { clockTolerance: 60 })),
  hs512: async (token) => {
    if (algOf(token) !== 'HS512') return strict(token);
    return jwtVerify(token, bytes(keys[0]), { algorithms: ['HS512'] });
  },
  'ignores-exp': anyKey((token, key) => jwt.verify(token, key, { ...pinned, ignoreExpiration: true })),
  'optional-exp': strict,
  decodes: (token) => jwt.decode(token) ?? Promise.reject(new Error('no token')),
  'one-key': (token) => jwtVerify(token, bytes(keys[0]), { algorithms: ['HS256'], requiredClaims: ['exp'] }),
  'fast-jwt': anyKey((token, key) => createVerifier({ key, algorithms: ['HS256'], requiredClaims: ['exp'] })(token)),
  tires: (token) => {
    asked += 1;
    return asked > 5 ? Promise.reject(new Error('too often')) : strict(token);
  },
  broken: strict,
};
const verify = VERIFY[env.LAX];

async function tokenOf(request) {
  if (env.TAKES === 'cookie') return /session=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  if (env.TAKES !== 'body') return request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const chunks = await Array.fromAsync(request);
  return JSON.parse(Buffer.concat(chunks)).variables.token;
}

async function statusOf(request) {
  const token = await tokenOf(request);
  if (env.LAX === 'broken' && token.split('.').length !== 3) return 500;
  try {
    await verify(token);
    return 200;
  } catch {
    return env.REFUSES ? Number(env.REFUSES) : 401;
  }
}

const server = createServer((request, response) => {
  void statusOf(request).then((status) => {
    if (env.TAKES === 'cookie' && status === 401) return response.writeHead(302, { location: '/login?from=a' }).end();
    if (env.TAKES !== 'body') return response.writeHead(status).end();
    const refused = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };
    response.writeHead(200).end(JSON.stringify(status === 200 ? { data: { viewer: { id: 1 } } } : refused));
  });
});
server.listen(0, env.POD_IP, () => {
  const { address, port } = server.address();
  console.log(JSON.stringify({ event: 'listening', url: `http://${address}:${port}` }));
});
