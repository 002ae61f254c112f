/**
 * Real services on a real node, under traffic: `make e2e`.
 *
 * Usage: node test/e2e/e2e.ts [--only NAME,NAME…] [--list] [--up] [--if-warm]
 *   --up       starts the node with the operator, and keeps it until Ctrl-C
 *   --if-warm  builds nothing that takes minutes, and where no node can run says so and exits with 0
 *
 * Exit status: 0 if each scene passed; 1 if not, or if no node can run here; 2 if a name is unknown.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOrBuildControlPlane, findOrBuildNode, isNodeBuilt } from '../support/cluster/binary.ts';
import type { Prepared } from './cluster.ts';
import { findOrBuildImages, wereImagesBuilt } from './images.ts';
import { hindrance, unpackPrograms } from './machine.ts';
import { SCENES } from './scenes.ts';

const log = (line: string): void => void process.stderr.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const options = { only: { type: 'string', default: '' }, list: flag, up: flag, 'if-warm': flag } as const;
  const { only, list, up, 'if-warm': ifWarm } = parseArgs({ options }).values;
  if (list) {
    for (const { name, about } of SCENES) console.log(`${name.padEnd(14)} ${about}`);
    return 0;
  }
  const names = only.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !SCENES.some((scene) => scene.name === name));
  if (unknown !== undefined) {
    log(`no scene ${unknown}: ${SCENES.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const why =
    hindrance() ?? (ifWarm && !(isNodeBuilt() && wereImagesBuilt()) ? 'not built yet: run make e2e once' : undefined);
  if (why !== undefined) {
    console.log(`e2e: ${ifWarm ? 'skipped' : 'cannot run'}: ${why}`);
    return ifWarm ? 0 : 1;
  }
  const dir = mkdtempSync(join(tmpdir(), 'rekey-e2e-'));
  try {
    const layers = await unpackPrograms(dir);
    await findOrBuildControlPlane(log);
    await findOrBuildNode(log);
    const prepared: Prepared = { dir, layers, images: findOrBuildImages(layers, log) };
    writeFileSync(join(dir, 'prepared.json'), JSON.stringify(prepared));
    return await inside(dir, up ? ['--up'] : names);
  } finally {
    if (process.env.REKEY_KEEP_CLUSTER_FILES === '1') log(`files are in ${dir}`);
    else rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Goes on in a network namespace that has no way out: what is listened on there meets nobody else. */
function inside(dir: string, args: readonly string[]): Promise<number> {
  const program = [process.execPath, join(import.meta.dirname, 'inside.ts'), join(dir, 'prepared.json'), ...args];
  const child = spawn('unshare', ['--net', ...program], { stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; it cleans up, and then we do
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
