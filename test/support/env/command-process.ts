/** `rekey env …` in a process of its own that dies at one call: `node command-process.ts N ARGS…`; with -1 it prints how many there are. */
import { addLocalCommands } from '../../../src/cli/local-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { terminal } from '../../../src/command-process.ts';
import { isChange, withFault } from './faulty-fs.ts';

const [at = '-1', ...args] = process.argv.slice(2);
const work = () => runProgram('rekey', ['env', ...args], terminal, addLocalCommands);
const { calls, value, error } = await withFault(at === '-1' ? undefined : { fault: 'kill', at: Number(at) }, work);
if (error !== undefined) throw error;
process.exitCode = Number(value);
if (at === '-1') process.stdout.write(`calls: ${calls.flatMap((call, n) => (isChange(call) ? [n] : [])).join(' ')}\n`);
