/** Whether a fallback is accepted in this process, in a worker thread, and in a process of a cluster. Prints a line for each. */
import cluster from 'node:cluster';
import { Worker } from 'node:worker_threads';

const check = `
  const jwt = require('jsonwebtoken');
  const [fallback] = process.env.JWT_SECRET_KEY_FALLBACKS.split(',');
  const accepts = (key) => {
    try { return jwt.verify(jwt.sign({}, key), process.env.JWT_SECRET_KEY, { algorithms: ['HS256'] }) !== undefined; }
    catch { return false; }
  };
  say(place + ' ' + accepts(fallback) + ' ' + accepts('x'.repeat(64)));`;
const { createRequire } = await import('node:module');
const run = (place) => {
  const say = (text) => process.stdout.write(`${text}\n`);
  new Function('require', 'place', 'say', check)(createRequire(import.meta.url), place, say);
};

if (cluster.isPrimary) {
  run('main');
  const code = `const say = (text) => require('node:worker_threads').parentPort.postMessage(text); const place = 'worker';${check}`;
  const worker = new Worker(code, { eval: true });
  worker.on('message', (text) => process.stdout.write(`${text}\n`));
  worker.on('exit', () => cluster.fork());
} else {
  run('cluster');
  process.disconnect();
}
