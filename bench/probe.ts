/** What a process takes of the machine, from /proc, and what an operator says of itself. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One look at a process. */
export interface Look {
  readonly rssMiB: number;
  readonly sockets: number;
  /** User and system time since its start. */
  readonly cpuSeconds: number;
}

/** How late an event loop was, milliseconds: written by lag.mjs. */
export interface Lag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const KIB = 1024;
/** Of Linux on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

export function lookAt(pid: number): Look {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // the name in parentheses may have spaces
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { rssMiB: rss / KIB, sockets: socketsOf(pid), cpuSeconds: ticks / TICKS_PER_SECOND };
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** @returns the largest memory seen, MiB, and the last look */
export async function watchFor(pid: number, ms: number): Promise<{ peakMiB: number; last: Look }> {
  let last = lookAt(pid);
  let peakMiB = last.rssMiB;
  for (const end = Date.now() + ms; Date.now() < end; ) {
    await sleep(Math.min(500, ms));
    last = lookAt(pid);
    peakMiB = Math.max(peakMiB, last.rssMiB);
  }
  return { peakMiB, last };
}

/** The sum of all series of a metric whose labels contain this text. */
export function metricIn(text: string, name: string, labels = ''): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

export function lagIn(file: string): Lag {
  return JSON.parse(readFileSync(file, 'utf8')) as Lag;
}
