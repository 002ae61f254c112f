import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICE_NAMES, type ServiceName } from '../support/scenario/services.ts';
import type { TrafficStats } from '../support/traffic/ledger.ts';
import { count, type Screen } from './screen.ts';

/** Where the change of the key stands. */
export interface Standing {
  readonly phase: string;
  /** Pods that have done the step of the phase, and all live pods, per service. */
  readonly pods: ReadonlyMap<ServiceName, readonly [done: number, all: number]>;
  /** Whether every pod is known to have done the step of the phase before: it may have gone on between two looks. */
  readonly acknowledged?: boolean;
  /** A few words in place of the pods, such as a countdown. */
  readonly note?: Note;
  /** Whether the change is over. */
  readonly done: boolean;
}

interface Note {
  readonly text: string;
  /** What a log shows: it need not tick every second. */
  readonly coarse: string;
  /** What is left of it when the phase is over. */
  readonly past: string;
}

const TIME = 7;
const PHASE = 13;
const PODS: Readonly<Record<ServiceName, number>> = { main: 6, autoscraper: 13, admin: 7 };
const NUMBERS = { tokens: 8, checks: 9, rejected: 10 };

/** The heading of the rows that {@link showProgress} writes. @param pods what the pods' columns count */
export function progressHeading(screen: Screen, pods: string): void {
  screen.line(screen.style.dim(`${' '.repeat(TIME + PHASE + 4)}${pods}`));
  const services = SERVICE_NAMES.map((name) => name.padStart(PODS[name]));
  const numbers = Object.entries(NUMBERS).map(([name, width]) => name.padStart(width));
  screen.line(screen.style.dim(['time'.padStart(TIME), '  phase'.padEnd(PHASE), ...services, ...numbers].join('')));
}

/**
 * Follows a change of the key: one row a phase, redrawn while it lasts; where nothing can be redrawn, one row a change.
 *
 * @param look how things stand now
 * @returns when `look` says that it is done
 */
export async function showProgress(
  screen: Screen,
  began: number,
  look: () => Promise<Standing>,
  stats: () => TrafficStats,
): Promise<void> {
  const show = (standing: Standing): void =>
    screen.progress(changeOf(standing, stats()), row(screen, Date.now() - began, standing, stats()));
  let last: Standing | undefined;
  for (;;) {
    const standing = await look();
    if (last !== undefined && last.phase !== standing.phase) {
      show(lastRow(last, standing));
      screen.settle();
    }
    last = standing;
    show(standing);
    if (standing.done) break;
    await sleep(200);
  }
  screen.settle();
}

/** The last row of a phase, which went by between two looks. */
function lastRow(last: Standing, next: Standing): Standing {
  const pods = new Map([...next.pods].map(([name, [, all]]) => [name, [all, all] as const]));
  return {
    ...last,
    ...(next.acknowledged === true && { pods }),
    ...(last.note && { note: { ...last.note, text: last.note.past, coarse: last.note.past } }),
  };
}

/** As {@link showProgress}, for the time in which the last tokens expire. */
export async function showUntil(
  screen: Screen,
  began: number,
  phase: string,
  end: Promise<void>,
  stats: () => TrafficStats,
): Promise<void> {
  const pods: Standing['pods'] = new Map();
  let done = false;
  const ended = end.finally(() => {
    done = true;
  });
  for (;;) {
    const standing = { phase, pods, done };
    screen.progress(changeOf(standing, stats()), row(screen, Date.now() - began, standing, stats()));
    if (done) break;
    await Promise.race([ended, sleep(200)]);
  }
  screen.settle();
}

/** Rejections count as a change; tokens and checks go up all the time. */
function changeOf({ phase, pods, note, done }: Standing, { rejected }: TrafficStats): string {
  return JSON.stringify([phase, [...pods], note?.coarse, done, rejected > 0]);
}

function row(screen: Screen, elapsedMs: number, { phase, pods, note }: Standing, stats: TrafficStats): string {
  const { bold, good, bad, dim } = screen.style;
  const cells = SERVICE_NAMES.map((name) => {
    const [done, all] = pods.get(name) ?? [];
    return (done === undefined ? '' : `${done}/${all}`).padStart(PODS[name]);
  }).join('');
  const rejected = count(stats.rejected).padStart(NUMBERS.rejected);
  return [
    `${(elapsedMs / 1000).toFixed(1)} s`.padStart(TIME),
    bold(`  ${phase}`.padEnd(PHASE)),
    note === undefined ? cells : dim(`  ${note.text}`.padEnd(cells.length)),
    count(stats.issued).padStart(NUMBERS.tokens),
    count(stats.checks).padStart(NUMBERS.checks),
    stats.rejected === 0 ? good(rejected) : bad(rejected),
  ].join('');
}
