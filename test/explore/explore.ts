/**
 * `node test/explore/explore.ts [--config NAME] [--max-states N]`: see docs/verification.md.
 */
import { parseArgs } from 'node:util';
import { CONFIGS } from './config.ts';
import { judgeLiveness } from './liveness.ts';
import { explore } from './search.ts';
import { traceOf } from './trace.ts';

const { values } = parseArgs({
  options: { config: { type: 'string', default: 'small' }, 'max-states': { type: 'string', default: '100000000' } },
});
const config = CONFIGS[values.config];
if (config === undefined) throw new Error(`--config ${values.config}: one of ${Object.keys(CONFIGS).join(', ')}`);
const started = performance.now();
const seconds = () => Math.round((performance.now() - started) / 100) / 10;
const result = explore(config, {
  maxStates: Number(values['max-states']),
  onProgress: (states, transitions) =>
    console.error(`${config.name}: states=${states} transitions=${transitions} seconds=${seconds()}`),
});
const alive = result.found === undefined ? judgeLiveness(config, result) : { longest: 0 };
const found = result.found ?? alive.found;
if (found === undefined)
  console.log(`longest way to rest without faults: ${alive.longest} steps; complete: ${result.complete}`);
if (found !== undefined) console.log(traceOf(config, result, found).join('\n'));
const broken = found === undefined ? 0 : 1;
console.log(`states=${result.store.size} transitions=${result.transitions} violations=${broken} seconds=${seconds()}`);
process.exitCode = broken;
