/**
 * Three services with one key in three .env files, as people have them without a cluster, and `rekey` as a process of its own.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SERVICES } from '../traffic/service-process.ts';

/** The programs that a shop runs, each in one file. */
export interface Programs {
  readonly rekey: string;
  readonly restart: string;
}

export interface Shop {
  readonly folder: string;
  readonly urls: ReadonlyMap<string, string>;
  /** Runs `rekey env …`; nobody is there to answer. */
  env(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  read(file: string): string;
  /** Runs the reload command of a service. */
  restart(service: string): Promise<void>;
}

export interface ShopOptions {
  readonly canaries?: boolean;
  readonly reloads?: boolean;
  /** Of services by name, added to their environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

const KINDS = { main: 'node', autoscraper: 'python', admin: 'python' } as const;

/** @returns the shop with running services; all ends with the test */
export async function openShop(
  programs: Programs,
  { canaries = true, reloads = true, settings = {} }: ShopOptions = {},
): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-shop-'));
  const ports = new Map(await Promise.all(Object.keys(KINDS).map(async (name) => [name, await freePort()] as const)));
  const command = (name: string) =>
    `'${process.execPath}' '${programs.restart}' ${name} ${ports.get(name)} ${name}/.env.production ${serviceWords(name)} ${settings[name] ?? ''}`;
  const key = 'a-key-that-people-made-0123456789abcdef';
  for (const name of ports.keys()) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, '.env.production'), `# ${name}\nJWT_SECRET_KEY=${key}\nOTHER="stays"\n`, {
      mode: 0o600,
    });
  }
  const services = [...ports].map(([name, port]) =>
    [
      `  ${name}:`,
      '    names: [JWT_SECRET_KEY]',
      `    files: { production: ${name}/.env.production }`,
      '    readsFallbacks: true',
      ...(canaries ? [`    canary: http://127.0.0.1:${port}/auth/verify`] : []),
      ...(reloads ? [`    reload: "${command(name)}"`] : []),
    ].join('\n'),
  );
  const head = 'maxTokenTTL: 2s\nclockSkew: 1s\nslack: 1s\nsourceOfTruth: main\nservices:\n';
  writeFileSync(join(folder, 'rekey.yaml'), `${head}${services.join('\n')}\n`);
  const restart = (name: string) => run('sh', ['-c', command(name)], folder).then(() => undefined);
  onTestFinished(() => {
    for (const name of ports.keys()) kill(join(folder, `${name}.pid`));
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.all([...ports.keys()].map(restart));
  return {
    folder,
    restart,
    urls: new Map([...ports].map(([name, port]) => [name, `http://127.0.0.1:${port}`])),
    env: (...args) => run(process.execPath, [programs.rekey, 'env', ...args], folder),
    read: (file) => readFileSync(join(folder, file), 'utf8'),
  };
}

/** Folder and command line of a service. */
function serviceWords(name: string): string {
  const { cwd, command } = SERVICES[KINDS[name as keyof typeof KINDS]];
  return [cwd, ...command].map((word) => `'${word}'`).join(' ');
}

function kill(pidFile: string): void {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  } catch {
    // it has ended already
  }
}

function run(program: string, args: readonly string[], cwd: string) {
  return new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((done) => {
    const child = execFile(program, args, { cwd }, (error, out, err) => {
      done({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err });
    });
    child.stdin?.end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Issues tokens at every service and checks each at all of them for as long as it lives. */
export class Tokens {
  readonly #urls: readonly string[];
  readonly #running: Promise<void>;
  #stopped = false;
  issued = 0;
  checks = 0;
  readonly rejected: string[] = [];

  constructor(urls: Iterable<string>) {
    this.#urls = [...urls];
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let alive: readonly { readonly token: string; readonly until: number }[] = [];
    while (!this.#stopped) {
      const fresh = await Promise.all(this.#urls.map((url) => this.#issue(url)));
      alive = [...alive, ...fresh.flat()].filter(({ until }) => until > Date.now() + 500);
      await Promise.all(alive.slice(-20).flatMap(({ token }) => this.#urls.map((url) => this.#check(url, token))));
    }
  }

  async #issue(url: string) {
    const now = Date.now();
    const response = await fetch(`${url}/auth/token?ttl=2`, { method: 'POST' }).catch(() => undefined);
    if (!response?.ok) return [];
    this.issued += 1;
    const { token } = (await response.json()) as { readonly token: string };
    return [{ token, until: now + 2_000 }];
  }

  async #check(url: string, token: string): Promise<void> {
    const sent = Date.now();
    const response = await fetch(`${url}/auth/verify`, { headers: { authorization: `Bearer ${token}` } }).catch(
      () => undefined,
    );
    // a process that restarts answers nobody, and an answer may come after the end of the token
    if (response === undefined || response.status === 503) return;
    const { error } = (await response.json().catch(() => ({}))) as { readonly error?: string };
    this.checks += 1;
    if (response.status === 401 && error !== 'expired') this.rejected.push(`${url} ${error} ${sent}`);
  }
}
