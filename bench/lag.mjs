/**
 * Loaded before the operator (`--import`): keeps in the file REKEY_LAG by how much its event loop was late, milliseconds.
 * SIGUSR2 begins a new count and SIGWINCH ends it: while it counts, a timer wakes the process a hundred times a second.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

process.on('SIGUSR2', () => {
  delay.enable();
  delay.reset();
});
process.on('SIGWINCH', () => {
  const figures = { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) };
  delay.disable();
  writeFileSync(process.env.REKEY_LAG, JSON.stringify(figures));
});
process.emit('SIGUSR2');
