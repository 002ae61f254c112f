/** What an unpacked image holds, and how soon the operator in it asks the API server for something. */
import { execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Files that can run another: an image without them gives nobody a shell. */
const SHELLS = /\/(sh|bash|dash|ash|busybox|env|apt|apt-get|dpkg|npm|npx|perl|python3?)$/;

export interface Content {
  readonly bytes: number;
  /** By their paths from `/`. */
  readonly files: readonly string[];
  readonly shells: readonly string[];
  /** What a user who is nobody's owner may write. */
  readonly writable: readonly string[];
}

export function contentOf(root: string): Content {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { size, mode } = lstatSync(path);
    return { path: path.slice(root.length), size, mode, isFile: entry.isFile(), isLink: entry.isSymbolicLink() };
  });
  const files = entries.filter(({ isFile }) => isFile);
  return {
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    files: files.map(({ path }) => path).sort(),
    shells: entries.filter(({ path }) => SHELLS.test(path)).map(({ path }) => path),
    writable: entries.filter(({ isLink, mode }) => !isLink && (mode & 0o002) !== 0).map(({ path }) => path),
  };
}

/** The most that the files of an image may take together. */
const MAX_BYTES = 130_000_000;

/** Where files may be; what else there is came in by mistake. */
const PLACES = /^\/(lib|lib64|nodejs\/bin|etc|usr\/share\/doc)\/|^\/rekey\.(mjs|cjs)$|^\/rekey\.cjs\.v[\d.]+-\w+$/;

/** @returns what is wrong with an image whose base was made here, a line for each */
export function faultsOf(
  { bytes, files, shells, writable }: Content,
  user: string,
  entrypoint: readonly string[],
): string[] {
  const [program = '', ...flags] = entrypoint;
  const wrong: readonly (readonly [boolean, string])[] = [
    [bytes > MAX_BYTES, `it unpacks to ${bytes} bytes: more than ${MAX_BYTES}`],
    [shells.length > 0, `it can run ${shells.join(', ')}`],
    [writable.length > 0, `everybody may write ${writable.join(', ')}`],
    [user !== '65532:65532', `it runs as ${user || 'root'}`],
    [!files.includes(program), `it has no ${program}, with which it begins`],
    [!flags.includes('--disable-sigusr1'), 'a signal can open a debugger: --disable-sigusr1 is missing'],
    [
      !files.some((path) => path.startsWith('/rekey.cjs.v')),
      'nothing was compiled for it: it starts as slowly as its source',
    ],
    [!files.includes('/etc/ssl/certs/ca-certificates.crt'), 'it has no certificates'],
  ];
  const strange = files.filter((path) => !PLACES.test(path)).map((path) => `nobody expects ${path}`);
  return [...wrong.filter(([is]) => is).map(([, text]) => text), ...strange];
}

/** A key and a certificate for loopback, which no other server gets. */
function identity(): { readonly key: string; readonly cert: string } {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '-', '-out', '-'];
  const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
  const pem = execFileSync('openssl', ['req', '-x509', ...kind, ...subject], { encoding: 'utf8', stdio });
  const cert = pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'));
  return { key: pem.slice(0, -cert.length), cert };
}

/** A kubeconfig for a server on loopback: what the operator asks first is all that is waited for. */
const kubeconfig = (port: number, cert: string): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'start' },
    clusters: [
      { name: 'start', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': btoa(cert) } },
    ],
    contexts: [{ name: 'start', context: { cluster: 'start', namespace: 'default', user: 'start' } }],
    users: [{ name: 'start', user: {} }],
  });

export interface Start {
  /** From the start of the process to its first request. A busy machine takes longer. */
  readonly ms: number;
  /** What the process had used of the processors by then: this does not depend on others. */
  readonly processorMs: number;
}

/** Ticks of /proc are hundredths of a second wherever Linux runs Node. */
const TICK_MS = 10;

/** @returns milliseconds in user and in kernel mode */
function processorMs(pid: number): number {
  // the name of the program, in brackets, may hold spaces
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/**
 * Starts the operator of an unpacked image once, as the image says: its entry point, its user, nothing of this machine.
 */
export async function startOnce(root: string, entrypoint: readonly string[], user: string): Promise<Start> {
  const own = identity();
  const server = createServer(own, (_, response) => response.writeHead(503).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(root, 'kubeconfig'), kubeconfig(port, own.cert), { mode: 0o444 });
  const begin = performance.now();
  const args = [`--userspec=${user}`, root, ...entrypoint, '--kubeconfig', '/kubeconfig', '--listen', '127.0.0.1:0'];
  const child = spawn('chroot', args, { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const ended = once(child, 'exit');
  try {
    const asked = once(server, 'request').then(() => ({
      ms: performance.now() - begin,
      processorMs: processorMs(child.pid ?? 0),
    }));
    const died = ended.then(() => Promise.reject(new Error(`the operator ended: ${said.join('')}`)));
    return await Promise.race([asked, died]);
  } finally {
    ended.catch(() => undefined);
    child.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
  }
}
