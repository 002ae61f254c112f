/** A service behind one of the libraries of this folder: 200 for a good token, 401 for any other, at every path. */
import { createServer } from 'node:http';

export function serve({ verify }) {
  const { JWT_SECRET_KEY: key, POD_IP: host = '127.0.0.1' } = process.env;
  const server = createServer(async ({ headers }, response) => {
    const answer = async () => verify((headers.authorization ?? '').replace(/^Bearer /, ''), key);
    const status = await answer().then(
      () => 200,
      () => 401,
    );
    response.writeHead(status).end();
  });
  server.listen(0, host, () => {
    const { port } = server.address();
    console.log(JSON.stringify({ event: 'listening', url: `http://${host}:${port}` }));
  });
}
