import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICE_NAMES, type ServiceName } from '../support/scenario/services.ts';
import type { TrafficStats } from '../support/traffic/ledger.ts';
import { count, type Screen } from './screen.ts';

/** Where the change of the key stands. */
export interface Standing {
  readonly phase: string;
  /** Pods that have done the step of the phase, and all live pods, per service. */
  readonly pods: ReadonlyMap<ServiceName, readonly [done: number, all: number]>;
  /** A few words, such as a countdown. `coarse` is what a log shows: it need not tick every second. */
  readonly note?: { readonly text: string; readonly coarse: string };
  /** Whether the change is over. */
  readonly done: boolean;
}

const WIDTHS = { time: 9, phase: 11, pods: 12, number: 10 };

/** The heading of the rows that {@link showProgress} writes. */
export function progressHeading(screen: Screen, pods: string): void {
  const { time, phase, number } = WIDTHS;
  const left = ' '.repeat(time + 2) + ' '.repeat(phase);
  screen.line(screen.style.dim(`${left}${pods}`));
  const cells = [
    'time'.padStart(time),
    '  ',
    'phase'.padEnd(phase),
    ...SERVICE_NAMES.map((name) => name.padStart(WIDTHS.pods)),
  ];
  const numbers = ['tokens', 'checks', 'rejected'].map((name) => name.padStart(number));
  screen.line(screen.style.dim([...cells, ...numbers].join('')));
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
  let phase: string | undefined;
  for (;;) {
    const standing = await look();
    if (phase !== undefined && phase !== standing.phase) screen.settle();
    phase = standing.phase;
    screen.progress(changeOf(standing, stats()), row(screen, Date.now() - began, standing, stats()));
    if (standing.done) break;
    await sleep(200);
  }
  screen.settle();
}

/** As {@link showProgress}, for the time in which the last tokens expire. */
export async function showUntil(
  screen: Screen,
  began: number,
  phase: string,
  end: Promise<void>,
  stats: () => TrafficStats,
) {
  let over = false;
  const ended = end.finally(() => {
    over = true;
  });
  const pods = new Map();
  while (!over) {
    const standing: Standing = { phase, pods, done: false };
    screen.progress(changeOf(standing, stats()), row(screen, Date.now() - began, standing, stats()));
    await Promise.race([ended, sleep(200)]);
  }
  await ended;
  screen.settle();
}

/** Rejections count as a change; tokens and checks go up all the time. */
function changeOf({ phase, pods, note }: Standing, { rejected }: TrafficStats): string {
  return JSON.stringify([phase, [...pods], note?.coarse, rejected > 0]);
}

function row(screen: Screen, elapsedMs: number, { phase, pods, note }: Standing, stats: TrafficStats): string {
  const { bold, good, bad, dim } = screen.style;
  const cells = SERVICE_NAMES.map((name) => {
    const [done, all] = pods.get(name) ?? [];
    return (done === undefined ? '' : `${done}/${all}`).padStart(WIDTHS.pods);
  });
  const rejected = count(stats.rejected).padStart(WIDTHS.number);
  return [
    `${(elapsedMs / 1000).toFixed(1)} s`.padStart(WIDTHS.time),
    '  ',
    bold(phase.padEnd(WIDTHS.phase)),
    ...cells,
    count(stats.issued).padStart(WIDTHS.number),
    count(stats.checks).padStart(WIDTHS.number),
    stats.rejected === 0 ? good(rejected) : bad(rejected),
    note === undefined ? '' : dim(`  ${note.text}`),
  ].join('');
}
