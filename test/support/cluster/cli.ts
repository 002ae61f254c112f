/**
 * A local cluster for people:
 *
 *   node test/support/cluster/cli.ts up [--nodes 2] [--port 0] [--audit]   runs until Ctrl-C
 *   node test/support/cluster/cli.ts kubectl get pods -A
 *   node test/support/cluster/cli.ts status
 *   node test/support/cluster/cli.ts down
 *
 * One at a time per user. Its folder is in the system's temporary folder and
 * goes when it ends.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { exampleImages } from '../node/images.ts';
import { findOrBuildControlPlane } from './binary.ts';
import { startLocalCluster } from './local-cluster.ts';

const dir = join(tmpdir(), `rekey-cluster-${process.getuid?.()}`);
const pidFile = join(dir, 'pid');
const kubeconfig = join(dir, 'admin.kubeconfig');
const log = (line: string): void => void process.stderr.write(`${line}\n`);

const [verb, ...rest] = process.argv.slice(2);
const verbs: Readonly<Record<string, (args: string[]) => Promise<number>>> = { up, down, status, kubectl };
const run = verbs[verb ?? ''];
if (run === undefined) {
  log('usage: cli.ts up [--nodes N] [--port N] [--audit] | down | status | kubectl …');
  process.exit(2);
}
try {
  process.exitCode = await run(rest);
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function up(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      nodes: { type: 'string', default: '2' },
      port: { type: 'string', default: '0' },
      audit: { type: 'boolean', default: false },
    },
  });
  if (owner() !== undefined) throw new Error(`a cluster is running already (process ${owner()}): see status and down`);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(pidFile, `${process.pid}\n`);
  const repoRoot = join(import.meta.dirname, '..', '..', '..');
  const port = Number(values.port);
  try {
    const began = Date.now();
    const cluster = await startLocalCluster({
      dir,
      images: exampleImages(repoRoot),
      soon: true,
      nodeCount: Number(values.nodes),
      repoRoot,
      auditLog: values.audit,
      log,
      ...(port === 0 ? {} : { port }),
    });
    log(`ready after ${((Date.now() - began) / 1_000).toFixed(1)} s: ${cluster.controlPlane.url}, Ctrl-C ends it`);
    console.log(`export KUBECONFIG=${cluster.controlPlane.kubeconfig}`);
    await new Promise((resolve) => {
      // Without a listener of our own a signal would end us before the cluster.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
      setInterval(() => {}, 60_000);
    });
    log('stopping');
    await cluster.stop();
    return 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
    // The timer above must not keep us.
    setImmediate(() => process.exit());
  }
}

async function down(): Promise<number> {
  const pid = owner();
  if (pid === undefined) log('no cluster is running');
  else process.kill(pid, 'SIGTERM');
  while (owner() !== undefined) await sleep(100);
  return 0;
}

async function status(): Promise<number> {
  const pid = owner();
  if (pid === undefined) {
    log('no cluster is running');
    return 1;
  }
  log(`process ${pid}, files in ${dir}`);
  console.log(`export KUBECONFIG=${kubeconfig}`);
  return kubectl(['get', 'nodes,pods', '-A', '-o', 'wide']);
}

async function kubectl(args: string[]): Promise<number> {
  const [program, ...first] = (await findOrBuildControlPlane(log, { soon: true })).kubectl;
  // not as a flag: kubectl takes none before the name of a plugin
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const child = spawn(program, [...first, ...args], { stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The process that runs the cluster, while it lives. Its command line tells it from a zombie and from a heir of its number. */
function owner(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('cli.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}
