/** Who applies what is in Git once a second, whatever a rotation is doing: a pipeline with kubectl, or Flux's own engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubectlResult } from '../cluster/kubectl.ts';
import type { Repository } from './repository.ts';

/** What one round has said. */
export interface Round {
  /** What was created or changed, in the words of the tool. */
  readonly changed: readonly string[];
  readonly error?: string;
}

export interface Applier {
  /** Those that are over. */
  rounds(): readonly Round[];
  /** Ends after the round under way. */
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;

/** The flags of each way of a pipeline. */
export const PIPELINES = {
  'kubectl apply': [],
  'kubectl apply --server-side': ['--server-side'],
} as const satisfies Record<string, readonly string[]>;
export type Pipeline = keyof typeof PIPELINES;

/** @returns the pipeline, once */
export async function applyOnce(
  way: Pipeline,
  kubectl: (args: readonly string[]) => Promise<KubectlResult>,
  { folder }: Repository,
): Promise<Round> {
  const { stdout, stderr, code } = await kubectl(['apply', '-k', folder, ...PIPELINES[way]]);
  const changed = stdout.split('\n').filter((line) => !/^$| (unchanged|serverside-applied)$/.test(line));
  return { changed, ...(code !== 0 && { error: stderr }) };
}

/** Starts a pipeline once a second. */
export function startPipeline(
  way: Pipeline,
  kubectl: (args: readonly string[]) => Promise<KubectlResult>,
  repository: Repository,
): Applier {
  const done: Round[] = [];
  const ends = new AbortController();
  const work = async (): Promise<void> => {
    while (!ends.signal.aborted) {
      done.push(await applyOnce(way, kubectl, repository));
      await sleep(EVERY_MS, undefined, { signal: ends.signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    rounds: () => [...done],
    stop: () => {
      ends.abort();
      return working;
    },
  };
}

/** Starts Flux's engine, with the options of kustomize-controller. It does not outlive this process. */
export function startFlux(
  program: string,
  { kubeconfig, namespace }: { readonly kubeconfig: string; readonly namespace: string },
  { rendered }: Repository,
): Applier {
  const child = spawn(program, ['apply', kubeconfig, rendered, namespace], { stdio: ['ignore', 'pipe', 'inherit'] });
  const done: Round[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => void done.push(JSON.parse(line) as Round));
  const ended = endOf(child);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    rounds: () => [...done],
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`flux ended with status ${code}`))));
  });
}
