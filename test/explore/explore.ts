/**
 * `node test/explore/explore.ts [--config NAME[,NAME]] [--max-states N] [--minutes M]`: every state of small worlds, see
 * docs/verification.md. A name is that of a config or of a group: small, medium, large or all. The search of a world ends after N
 * states or M minutes; then the states that were reached are judged, and that they are not all is told.
 */
import { parseArgs } from 'node:util';
import { judgeLiveness } from './liveness.ts';
import { explore } from './search.ts';
import { traceOf } from './trace.ts';
import { CONFIGS, GROUPS } from './worlds.ts';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'all' },
    'max-states': { type: 'string', default: '100000000' },
    minutes: { type: 'string', default: '100000' },
  },
});
const started = performance.now();
const seconds = () => Math.round((performance.now() - started) / 100) / 10;
const sum = { states: 0, transitions: 0, violations: 0 };

for (const name of values.config.split(',').flatMap((part) => GROUPS[part] ?? [part])) {
  const config = CONFIGS[name];
  if (config === undefined) {
    throw new Error(`--config ${name}: give ${[...Object.keys(GROUPS), ...Object.keys(CONFIGS)].join(', ')}`);
  }
  const began = seconds();
  const onProgress = (states: number) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${states} states `);
  };
  const endsAt = performance.now() + Number(values.minutes) * 60_000;
  const isOver = (walked: number) => walked % 1_000 === 0 && performance.now() > endsAt;
  const result = explore(config, { maxStates: Number(values['max-states']), isOver, onProgress });
  const live = result.found === undefined ? judgeLiveness(config, result) : { longest: 0 };
  const found = result.found ?? live.found;
  const { size } = result.store;
  const extent = result.complete ? 'all' : `not all; every step from ${result.walked} of them`;
  const took = Math.round((seconds() - began) * 10) / 10;
  if (found !== undefined) console.log(traceOf(config, result, found).join('\n'));
  console.log(
    `${name.padEnd(12)} ${size} states (${extent}), ${result.transitions} transitions, at rest within ${live.longest} steps, ${took} s`,
  );
  sum.states += size;
  sum.transitions += result.transitions;
  sum.violations += found === undefined ? 0 : 1;
}

const { states, transitions, violations } = sum;
console.log(`states=${states} transitions=${transitions} violations=${violations} seconds=${seconds()}`);
process.exitCode = violations === 0 ? 0 : 1;
