/** Runs a program as far as its help, and writes what V8 has compiled by then. For tools/compile.ts, which gives the flags. */
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { loadProgram, runProgram } from '../src/compiled.ts';

const [, self = '', program = '', target = ''] = process.argv;
process.argv = [process.execPath, self, '--help'];
const script = loadProgram(program);
process.on('exit', () => {
  globalThis.gc?.();
  // what was compiled fits a V8 with the flags of now: those of an ordinary start
  for (const flag of ['--no-expose-gc', '--hash-seed=0', '--flush-bytecode']) setFlagsFromString(flag);
  writeFileSync(target, script.createCachedData());
});
runProgram(script, program);
