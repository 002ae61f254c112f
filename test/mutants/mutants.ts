/**
 * `node test/mutants/mutants.ts [part of a name]`: each mutant has to be caught by the oracle that it is meant for, and
 * the same check has to find nothing without it.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MUTANTS, type Mutant, nameOf } from './mutant.ts';

/** Each of these has to be tripped by some mutant: an oracle that never sees anything may be blind. */
const ORACLES = ['I1', 'I2', 'I3', 'I4', 'I5', 'I9', 'I10', 'I11', 'I13', 'I14', 'I15', 'I16', 'silence'];

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Verdict {
  /** The oracle that caught it; undefined if it lived. */
  readonly caughtBy: string | undefined;
  readonly text: string;
}

/** @returns what the check prints last */
async function run(name: string, mutated: boolean): Promise<string> {
  const hook = ['--import', './test/mutants/hook.ts'];
  const args = [...(mutated ? hook : []), '--max-old-space-size=4096', 'test/mutants/check.ts', name];
  const env = { ...process.env, ...(mutated && { REKEY_MUTANT: name }) };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const lines = output.trim().split('\n');
  return code === 0 ? (lines.at(-1) ?? '') : `error ${lines.find((line) => line.includes('Error')) ?? lines.at(-1)}`;
}

const clean = new Map<string, Promise<string>>();

/** What the check finds without the mutant, once for all mutants that it is for. */
function withoutMutant({ name, check }: Mutant): Promise<string> {
  const key = `${check.by} ${nameOf(check)}`;
  const known = clean.get(key) ?? run(name, false);
  clean.set(key, known);
  return known;
}

async function judge(mutant: Mutant): Promise<Verdict> {
  const { name, check } = mutant;
  const before = await withoutMutant(mutant);
  if (before !== 'nothing') return { caughtBy: undefined, text: `LIVED: the same is found without it: ${before}` };
  const found = await run(name, true);
  const [oracle = '', ...detail] = found.split(' ');
  if (!check.oracles.includes(oracle)) return { caughtBy: undefined, text: `LIVED: ${found}` };
  return { caughtBy: oracle, text: `caught by ${oracle} (${detail.join(' ')})` };
}

async function main(wanted: string): Promise<number> {
  const started = performance.now();
  const waiting = MUTANTS.filter(({ name }) => name.includes(wanted));
  const verdicts: Verdict[] = [];
  const width = Math.max(...waiting.map(({ name }) => name.length));
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await judge(next);
      verdicts.push(verdict);
      console.log(`${next.name.padEnd(width)} ${verdict.text}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  const tripped = new Set(verdicts.map(({ caughtBy }) => caughtBy));
  const lived = verdicts.filter(({ caughtBy }) => caughtBy === undefined).length;
  const blind = wanted === '' ? ORACLES.filter((oracle) => !tripped.has(oracle)) : [];
  if (blind.length > 0) console.log(`no mutant trips ${blind.join(', ')}`);
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`mutants=${verdicts.length} caught=${verdicts.length - lived} lived=${lived} seconds=${seconds}`);
  return lived + blind.length;
}

process.exitCode = (await main(process.argv[2] ?? '')) === 0 ? 0 : 1;
