/**
 * Measures the operator with many resources (`make bench`): on a real API server, with Deployments without pods. Prints one
 * table and writes one file to bench/results. A figure is compared with a raw loop of the same writes in the same run;
 * absolute times are those of this machine in this hour.
 *
 *   node bench/bench.ts --only adopt,idle --sizes 0,1000 --namespaces 20 --label baseline
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { furnish, type Member } from './fleet.ts';
import { adopt, type Figures, herd, idle, scrape, start } from './measures.ts';
import { SERVED, servedImage } from './served.ts';
import { openStage, type Served, type Stage } from './stage.ts';
import { wave } from './wave.ts';

const OF_A_FLEET: readonly string[] = ['adopt', 'idle', 'start', 'scrape', 'herd'];
const ALL: readonly string[] = [...OF_A_FLEET, 'shared', 'wave'];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: ALL.join(',') },
    sizes: { type: 'string', default: '0,1000' },
    namespaces: { type: 'string', default: '20' },
    shared: { type: 'string', default: '100' },
    waves: { type: 'string', default: '3,10,50' },
    pairs: { type: 'string', default: '10' },
    label: { type: 'string', default: 'fleet' },
    'idle-seconds': { type: 'string', default: '60' },
    flags: { type: 'string', default: '' },
    'node-flags': { type: 'string', default: '' },
  },
});
const READY_AFTER_MS = 1_000;
const only = values.only === '' ? ALL : values.only.split(',');
const wordsOf = (text: string) => text.split(' ').filter((word) => word !== '');
const flags = wordsOf(values.flags);
const idleMs = Number(values['idle-seconds']) * 1_000;
const wants = (measure: string) => only.includes(measure);

const results: Record<string, Record<string, Figures>> = {};
const load = { before: loadavg()[0] ?? 0, after: 0 };
const note = (measure: string, size: string, figures: Figures) => {
  results[measure] = { ...results[measure], [size]: figures };
  process.stdout.write(`${measure} ${size}: ${JSON.stringify(figures)}\n`);
};

const numbersIn = (text: string) => text.split(',').map(Number);

if (only.some((measure) => OF_A_FLEET.includes(measure)))
  for (const size of numbersIn(values.sizes)) await on((stage) => measureSize(stage, size));
if (wants('shared')) await on(measureShared);
if (wants('wave')) await on(measureWaves, { images: { [SERVED]: servedImage(READY_AFTER_MS) }, nodeCount: 1 });
load.after = loadavg()[0] ?? 0;
print();

/** Each size has a control plane of its own, since an API server keeps what it has seen. */
async function on(measure: (stage: Stage) => Promise<void>, served?: Served): Promise<void> {
  const stage = await openStage(wordsOf(values['node-flags']), served);
  try {
    await measure(stage);
  } finally {
    await stage.close();
  }
}

async function measureSize(stage: Stage, size: number): Promise<void> {
  const label = String(size);
  const members = size === 0 ? [] : await furnish(stage.api, 'fleet', size, Number(values.namespaces));
  let operator = await stage.operator(flags);
  if (size > 0) note('adopt', label, await adopt(stage, operator, members));
  await operator.stop();
  operator = await stage.operator(flags);
  if (wants('start')) note('start', label, await start(operator, size));
  if (wants('idle')) note('idle', label, await idle(stage, operator, idleMs));
  if (wants('scrape')) note('scrape', label, await scrape(operator));
  if (wants('herd') && size > 0) note('herd', label, await herd(stage, operator, members));
  await operator.stop();
}

/** The same number of resources, all in one namespace and one in each: does a neighbour cost anything? */
async function measureShared(stage: Stage): Promise<void> {
  const count = Number(values.shared);
  const operator = await stage.operator(flags);
  const groups: readonly (readonly [string, number])[] = [
    ['one namespace', 1],
    ['one each', count],
  ];
  for (const [label, namespaces] of groups) {
    const members: readonly Member[] = await furnish(stage.api, `n${namespaces}`, count, namespaces);
    await adopt(stage, operator, members);
    note('shared', label, await herd(stage, operator, members));
  }
  await operator.stop();
}

/** A service that is ready a second after its start, in two pods each. */
async function measureWaves(stage: Stage): Promise<void> {
  const operator = await stage.operator(flags);
  for (const deployments of numbersIn(values.waves))
    note('wave', String(deployments), await wave(stage, deployments, Number(values.pairs)));
  await operator.stop();
}

function print(): void {
  const rows = Object.entries(results).flatMap(([measure, sizes]) => {
    const names = [...new Set(Object.values(sizes).flatMap((figures) => Object.keys(figures)))];
    return names.map((name) => {
      const cells = Object.entries(sizes).map(([size, figures]) => `${size}: ${figures[name] ?? '–'}`);
      return `| ${measure} | ${name} | ${cells.join(' | ')} |`;
    });
  });
  process.stdout.write(`${rows.join('\n')}\n`);
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30) };
  const file = { at: new Date().toISOString(), node: process.version, machine, load, flags, results };
  writeFileSync(join(folder, `${values.label}.json`), `${JSON.stringify(file, undefined, 2)}\n`);
}
